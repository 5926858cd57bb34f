"""Shadows on the ground: of what stands, once; of what drives, in every frame."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.scenery import Scenery
from pipeline.simulation.view import NEAR_M, SHIFT, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

_UNDER: Final = 0.42  # light that is left below a body
_LONGEST_M: Final = 40.0


def standing_shadows_m(scenery: Scenery, *, weather: Weather) -> list[Float[np.ndarray, "p 2"]]:
    """The outlines of the shadows of buildings and trees; none without the sun."""
    if weather.sun <= 0.0:
        return []
    outlines: list[Float[np.ndarray, "p 2"]] = []
    for building in scenery.buildings:
        outlines.append(_hull(building.corners_m, building.corners_m + shadow_m(building.height_m, weather=weather)))
    angles = np.arange(12) * (2 * np.pi / 12)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    for tree in scenery.trees:
        low, high = (shadow_m(height, weather=weather) for height in (0.35 * tree.height_m, tree.height_m))
        crown_m = tree.place_m + tree.crown_radius_m * ring * 0.85
        outlines.append(_hull(crown_m + low, crown_m + 0.9 * high))
        outlines.append(_hull(tree.place_m + 0.12 * ring, tree.place_m + 0.12 * ring + low))
    return outlines


def shadow_m(height_m: float, *, weather: Weather) -> Float[np.ndarray, "2"]:
    """From a point's foot to its shadow."""
    way_m = min(height_m / np.tan(weather.sun_height_rad), _LONGEST_M)
    return -way_m * np.array([np.cos(weather.sun_azimuth_rad), np.sin(weather.sun_azimuth_rad)])


def draw_shadows(
    image: UInt8[np.ndarray, "y x 3"],
    *,
    corners_m: Float[np.ndarray, "n 4 2"],
    heights_m: Float[np.ndarray, " n"],
    weather: Weather,
    view: View,
) -> None:
    """Darken the ground below bodies, and where they take the sun from it."""
    under = [polygon for corners in corners_m if len(polygon := _seen(corners, view=view))]
    if not under:
        return
    cast: list[np.ndarray] = []
    if weather.sun > 0.0:
        for corners, height_m in zip(corners_m, heights_m, strict=True):
            hull = _hull(corners, corners + shadow_m(0.9 * float(height_m), weather=weather))
            if len(polygon := _seen(hull, view=view)):
                cast.append(polygon)
    rows = np.concatenate([polygon[:, 1] for polygon in under + cast]) >> SHIFT
    top, bottom = max(int(rows.min()) - 1, 0), min(int(rows.max()) + 2, image.shape[0])
    if bottom <= top:
        return
    mask = np.full((bottom - top, image.shape[1], 3), 255, dtype=np.uint8)
    offset = np.array([0, top << SHIFT], dtype=np.int32)
    lit = weather.ambient / (weather.ambient + weather.sun * np.sin(weather.sun_height_rad))
    for polygon in cast:
        cv2.fillConvexPoly(mask, polygon - offset, (255 * lit,) * 3, cv2.LINE_AA, SHIFT)
    for polygon in under:
        cv2.fillConvexPoly(mask, polygon - offset, (255 * _UNDER * lit,) * 3, cv2.LINE_AA, SHIFT)
    band = image[top:bottom]
    cv2.multiply(band, mask, dst=band, scale=1 / 255)


def _seen(outline_m: Float[np.ndarray, "p 2"], *, view: View) -> np.ndarray:
    local_m = view.local(np.column_stack([outline_m, np.zeros(len(outline_m))]))
    if local_m[:, 2].min() < NEAR_M:
        local_m = cut_near(local_m)
    if not len(local_m):
        return np.zeros((0, 2), dtype=np.int32)
    pixels = view.pixels(local_m)
    if pixels[:, 0].max() < 0 or pixels[:, 0].min() > view.camera.width_px:
        return np.zeros((0, 2), dtype=np.int32)
    return fixed_point(pixels)


def _hull(first_m: Float[np.ndarray, "p 2"], second_m: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "q 2"]:
    points = np.concatenate([first_m, second_m]).astype(np.float32)
    return cv2.convexHull(points)[:, 0].astype(np.float64)
