"""Trees as pictures that always face the camera, in several sizes and depths of haze."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.haze import Haze
from pipeline.simulation.scenery import Tree
from pipeline.simulation.weather import Weather

NUM_KINDS: Final = 5
_SIZES_PX: Final = (256, 128, 64, 32, 16)
_HAZES: Final = 7
_KEPT_PX: Final = 70  # trees up to this height are kept in each size
_WHOLE_PX: Final = 640  # of higher ones, only what is in the image is made


class Trees:
    """The pictures of all kinds of trees in one weather."""

    def __init__(self, trees: tuple[Tree, ...], *, haze: Haze, weather: Weather, seed: int) -> None:
        self._haze = haze
        self.places_m = np.array([tree.place_m for tree in trees]).reshape(-1, 2)
        self._radii_m = np.array([tree.crown_radius_m for tree in trees])
        self._heights_m = np.array([tree.height_m for tree in trees])
        self._pictures: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._kept: dict[tuple[int, int, int, int], tuple[np.ndarray, np.ndarray]] = {}
        light = weather.ambient + 0.55 * weather.sun
        for kind in range(NUM_KINDS if trees else 0):
            big, mask = _picture(np.random.default_rng([seed, 0x7E, kind]))
            for size_px in _SIZES_PX:
                small = cv2.resize(big, (size_px, size_px), interpolation=cv2.INTER_AREA)
                shape = (cv2.resize(mask, (size_px, size_px), interpolation=cv2.INTER_AREA) > 110).astype(
                    np.uint8
                ) * 255
                for step in range(_HAZES):
                    share = step / (_HAZES - 1)
                    mixed = small * light * (1 - share) + np.array(haze.colour) * share
                    self._pictures[kind, size_px, step] = (np.clip(mixed, 0, 255).astype(np.uint8), shape)

    def draw(
        self,
        image: UInt8[np.ndarray, "y x 3"],
        index: int,
        *,
        foot_px: tuple[float, float],
        depth_m: float,
        focal_px: float,
    ) -> None:
        """Draw one tree whose trunk meets the ground at a pixel, this far away."""
        px_per_m = focal_px / depth_m
        wide_px = max(round(2.0 * float(self._radii_m[index]) * px_per_m), 1)
        tall_px = max(round(float(self._heights_m[index]) * px_per_m), 1)
        left, top = round(foot_px[0] - wide_px / 2), round(foot_px[1]) - tall_px
        shown = (max(left, 0), max(top, 0), min(left + wide_px, image.shape[1]), min(top + tall_px, image.shape[0]))
        if shown[0] >= shown[2] or shown[1] >= shown[3]:
            return
        step = round(self._haze.share(depth_m) * (_HAZES - 1))
        region = image[shown[1] : shown[3], shown[0] : shown[2]]
        if tall_px > _WHOLE_PX:
            picture, mask = self._part(
                index % NUM_KINDS, step, (wide_px, tall_px), (shown[0] - left, shown[1] - top), region
            )
        else:
            whole = self._sized(index % NUM_KINDS, wide_px, tall_px, step)
            part = np.s_[shown[1] - top : shown[3] - top, shown[0] - left : shown[2] - left]
            picture, mask = whole[0][part], whole[1][part]
        cv2.copyTo(picture, mask, region)

    def _part(
        self,
        kind: int,
        step: int,
        size_px: tuple[int, int],
        first_px: tuple[int, int],
        region: UInt8[np.ndarray, "y x 3"],
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a tree larger than the image shows in it."""
        (wide_px, tall_px), (x, y) = size_px, first_px
        across, down = _SIZES_PX[0] / wide_px, _SIZES_PX[0] / tall_px
        matrix = np.array([[across, 0.0, (x + 0.5) * across - 0.5], [0.0, down, (y + 0.5) * down - 0.5]])
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        picture, mask = self._pictures[kind, _SIZES_PX[0], step]
        size = region.shape[1::-1]
        return cv2.warpAffine(picture, matrix, size, flags=flags), cv2.warpAffine(mask, matrix, size, flags=flags)

    def _sized(self, kind: int, wide_px: int, tall_px: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """A picture and its mask in this size; small ones are kept, as they come again and again."""
        key = (kind, wide_px, tall_px, step)
        if key in self._kept:
            return self._kept[key]
        size_px = next((size for size in reversed(_SIZES_PX) if size >= 0.8 * tall_px), _SIZES_PX[0])
        picture, mask = self._pictures[kind, size_px, step]
        size = (wide_px, tall_px)
        sized = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        shape = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        if tall_px <= _KEPT_PX:
            self._kept[key] = (sized, shape)
        return sized, shape


def _picture(rng: np.random.Generator) -> tuple[Float[np.ndarray, "256 256 3"], UInt8[np.ndarray, "256 256"]]:
    """A trunk and a crown of many leafy blobs, lighter towards the top left."""
    size = _SIZES_PX[0]
    colour = np.zeros((size, size, 3), dtype=np.uint8)
    mask = np.zeros((size, size), dtype=np.uint8)
    trunk = np.array([(118, 255), (123, 120), (133, 120), (138, 255)])
    cv2.fillConvexPoly(colour, trunk, (52, 70, 88))
    cv2.fillConvexPoly(mask, trunk, 255)
    green = np.array([rng.uniform(34, 58), rng.uniform(88, 118), rng.uniform(58, 92)])
    blobs: list[tuple[float, float, float]] = []
    while len(blobs) < 420:
        x, y = rng.uniform(-1, 1, size=2)
        if x * x + y * y < 1.0:
            blobs.append((float(x), float(y), float(rng.uniform(5, 15) * (1.15 - 0.4 * np.hypot(x, y)))))
    blobs.sort(key=lambda blob: -blob[1] + 0.5 * rng.random())  # lower ones first, the lit top over them
    for x, y, radius in blobs:
        u, v = 128 + x * 112, 88 + y * 80
        light = 0.78 - 0.30 * y - 0.12 * x + rng.uniform(-0.16, 0.16)
        cv2.circle(colour, (round(u), round(v)), round(radius), (green * light).tolist(), -1)
        cv2.circle(mask, (round(u), round(v)), round(radius), 255, -1)
    colour[mask == 0] = green * 0.7
    return colour.astype(np.float64), mask
