"""Trees as pictures that always face the camera, in several sizes and depths of haze."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.haze import Haze
from pipeline.simulation.scenery import Tree
from pipeline.simulation.view import View
from pipeline.simulation.weather import Weather

NUM_KINDS: Final = 5
_SIZES_PX: Final = (256, 128, 64, 32, 16)
_HAZES: Final = 7


class Trees:
    """The pictures of all kinds of trees in one weather."""

    def __init__(self, trees: tuple[Tree, ...], *, haze: Haze, weather: Weather, seed: int) -> None:
        self._haze = haze
        self.places_m = np.array([tree.place_m for tree in trees]).reshape(-1, 2)
        self.radii_m = np.array([tree.crown_radius_m for tree in trees])
        self.heights_m = np.array([tree.height_m for tree in trees])
        self._pictures: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}
        light = weather.ambient + 0.55 * weather.sun
        for kind in range(NUM_KINDS):
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

    def draw(self, image: UInt8[np.ndarray, "y x 3"], *, index: int, view: View) -> None:
        """Draw one tree."""
        radius_m, height_m = float(self.radii_m[index]), float(self.heights_m[index])
        foot_m = view.local(np.array([*self.places_m[index], 0.0]))
        depth_m = float(foot_m[2])
        if depth_m < 1.0:
            return
        u, v = view.pixels(foot_m)
        wide_px = 2 * radius_m * view.camera.fx_px / depth_m
        tall_px = height_m * view.camera.fy_px / depth_m
        left, right = int(max(u - wide_px / 2, 0)), int(min(u + wide_px / 2 + 1, image.shape[1]))
        top, bottom = int(max(v - tall_px, 0)), int(min(v + 1, image.shape[0]))
        if right <= left or bottom <= top:
            return
        size_px = next((size for size in reversed(_SIZES_PX) if size >= 0.8 * tall_px), _SIZES_PX[0])
        step = round(self._haze.share(depth_m) * (_HAZES - 1))
        picture, mask = self._pictures[index % NUM_KINDS, size_px, step]
        scale_x, scale_y = size_px / wide_px, size_px / tall_px
        matrix = np.array(
            [
                [scale_x, 0.0, (left + 0.5 - (u - wide_px / 2)) * scale_x - 0.5],
                [0.0, scale_y, (top + 0.5 - (v - tall_px)) * scale_y - 0.5],
            ]
        )
        size = (right - left, bottom - top)
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(picture, matrix, size, flags=flags)
        shape = cv2.warpAffine(mask, matrix, size, flags=flags)
        cv2.copyTo(shown, shape, image[top:bottom, left:right])


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
