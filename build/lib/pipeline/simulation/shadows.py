"""Shadows on the ground: of what stands, once; of what drives, in every frame."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from pipeline.simulation.scenery import Scenery
from pipeline.simulation.view import NEAR_M, SHIFT, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

_UNDER: Final = 0.42  # light that is left below a body
_UNDER_NARROW: Final = 0.72  # below a narrow one: riders and walkers
_NARROW_M: Final = 1.3
_LONGEST_M: Final = 40.0


def standing_shadows_m(scenery: Scenery, *, weather: Weather) -> list[Float[np.ndarray, "_ 2"]]:
    """The outlines of the shadows of buildings and trees; none without the sun."""
    if weather.sun <= 0.0:
        return []
    outlines = [
        _hull(building.corners_m, building.corners_m + shadow_m(building.height_m, weather=weather))
        for building in scenery.buildings
    ]
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
    if not len(corners_m):
        return
    narrow = np.linalg.norm(corners_m[:, 3] - corners_m[:, 0], axis=1) < _NARROW_M
    polygons, rows = _seen(corners_m, view=view)
    under = list(zip(polygons, np.where(narrow[rows], _UNDER_NARROW, _UNDER).tolist(), strict=True))
    cast: list[np.ndarray] = []
    if weather.sun > 0.0:
        ways_m = 0.9 * heights_m[:, None] * shadow_m(1.0, weather=weather)
        both_m = np.concatenate([corners_m, corners_m + ways_m[:, None]], axis=1)
        cast = [cv2.convexHull(polygon) for polygon in _seen(both_m, view=view)[0]]
    drawn = [*(polygon for polygon, _ in under), *cast]
    points = np.concatenate([polygon.reshape(-1, 2) for polygon in drawn]) if drawn else np.zeros((1, 2))
    shape = np.array(image.shape[1::-1])
    left, top = np.clip((points.min(axis=0) / (1 << SHIFT)).astype(int) - 1, 0, shape).tolist()
    right, bottom = np.clip((points.max(axis=0) / (1 << SHIFT)).astype(int) + 2, 0, shape).tolist()
    if right <= left or bottom <= top:
        return
    mask = np.full((bottom - top, right - left, 3), 255, dtype=np.uint8)
    offset = np.array([left << SHIFT, top << SHIFT], dtype=np.int32)
    lit = weather.ambient / (weather.ambient + weather.sun * np.sin(weather.sun_height_rad))
    for polygon in cast:
        cv2.fillConvexPoly(mask, polygon - offset, (255 * lit,) * 3, cv2.LINE_AA, SHIFT)
    for polygon, left_over in under:
        cv2.fillConvexPoly(mask, polygon - offset, (255 * left_over * lit,) * 3, cv2.LINE_AA, SHIFT)
    region = image[top:bottom, left:right]
    cv2.multiply(region, mask, dst=region, scale=1 / 255)


def _seen(outlines_m: Float[np.ndarray, "n p 2"], *, view: View) -> tuple[list[np.ndarray], Int[np.ndarray, " k"]]:
    """Polygons on the ground in fixed-point pixels, cut at the near plane or left out; and which ones they are."""
    local_m = view.local_ground(outlines_m)
    pixels = view.pixels(local_m)
    depth_m = local_m[..., 2]
    shown = (pixels[..., 0] > 0).any(axis=1) & (pixels[..., 0] < view.camera.width_px).any(axis=1)
    whole = np.flatnonzero(shown & (depth_m > NEAR_M).all(axis=1))
    cut = np.flatnonzero(shown & (depth_m <= NEAR_M).any(axis=1) & (depth_m > NEAR_M).any(axis=1))
    polygons = [*fixed_point(pixels[whole]), *fixed_point(view.pixels(cut_near(local_m[cut])))]
    return polygons, np.concatenate([whole, cut])


def _hull(first_m: Float[np.ndarray, "p 2"], second_m: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "q 2"]:
    points = np.concatenate([first_m, second_m]).astype(np.float32)
    return cv2.convexHull(points)[:, 0].astype(np.float64)
