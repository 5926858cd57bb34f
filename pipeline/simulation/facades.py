"""The walls of buildings as a camera sees them, with rows of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.haze import Haze
from pipeline.simulation.scenery import NUM_STYLES, Building
from pipeline.simulation.view import NEAR_M, SHIFT, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

_FLOOR_M: Final = 3.1
_NEAR_M: Final = 75.0  # further away, the windows of one floor are one band
_WALLS: Final = (  # blue, green, red of each style
    (176, 198, 208), (96, 116, 168), (150, 172, 190), (122, 130, 138), (190, 204, 210), (110, 146, 184), (84, 96, 132), (164, 158, 150),
)  # fmt: skip
_STEPS_M: Final = (2.4, 2.9, 3.4, 1.9, 2.6, 3.1, 2.3, 2.0)  # from window to window
_SHARES: Final = (0.45, 0.42, 0.5, 0.72, 0.4, 0.46, 0.44, 0.8)  # of it that is glass
_LAMP: Final = (140, 206, 246)
_RANKS: Final = 3  # of glass: dark, one that mirrors the sky, and a lit or curtained one


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wall:
    """One side of a building; rows of ``detail_m`` and ``bands_m`` are quadrilaterals."""

    outline_m: Float[np.ndarray, "4 3"]
    plinth_m: Float[np.ndarray, "1 4 3"]
    cornice_m: Float[np.ndarray, "1 4 3"]
    windows_m: tuple[Float[np.ndarray, "k 4 3"], ...]  # by rank
    bands_m: Float[np.ndarray, "k 4 3"]
    normal: Float[np.ndarray, "2"]
    colours: Float[np.ndarray, "6 3"]  # wall, plinth, cornice, then windows by rank


class Facades:
    """All buildings of a drive."""

    def __init__(self, buildings: tuple[Building, ...], *, haze: Haze, weather: Weather, seed: int) -> None:
        rng = np.random.default_rng([seed, 0xFA])
        self._haze = haze
        self.corners_m = np.array([building.corners_m for building in buildings]).reshape(-1, 4, 2)
        self.heights_m = np.array([building.height_m for building in buildings])
        self._walls = [_walls_of(building, weather=weather, rng=rng) for building in buildings]

    def draw(self, image: UInt8[np.ndarray, "y x 3"], *, index: int, view: View) -> None:
        """Draw the sides of one building that face the camera."""
        for wall in self._walls[index]:
            if wall.normal @ (view.position_m[:2] - wall.outline_m[0, :2]) > 0.0:
                self._draw_wall(image, wall=wall, view=view)

    def _draw_wall(self, image: UInt8[np.ndarray, "y x 3"], *, wall: _Wall, view: View) -> None:
        local_m = view.local(wall.outline_m)
        if local_m[:, 2].max() <= NEAR_M:
            return
        clipped_m = cut_near(local_m) if local_m[:, 2].min() < NEAR_M else local_m
        outline = view.pixels(clipped_m)
        if outline[:, 0].max() < 0 or outline[:, 0].min() > image.shape[1]:
            return
        depth_m = float(np.clip(local_m[:, 2], 0.0, None).mean())
        colours = self._haze.over(wall.colours, depths_m=np.full(len(wall.colours), depth_m))
        cv2.fillConvexPoly(image, fixed_point(outline), colours[0].tolist(), cv2.LINE_AA, SHIFT)
        if outline[:, 0].max() - outline[:, 0].min() < 3.0:
            return
        groups = (wall.plinth_m, wall.cornice_m, *wall.windows_m)
        if local_m[:, 2].min() > _NEAR_M:
            groups = (wall.plinth_m, wall.cornice_m, wall.bands_m)
        for corners_m, colour in zip(groups, colours[1:], strict=False):
            _draw_quads(image, corners_m, colour=colour, view=view)


def _draw_quads(
    image: UInt8[np.ndarray, "y x 3"],
    corners_m: Float[np.ndarray, "k 4 3"],
    *,
    colour: Float[np.ndarray, "3"],
    view: View,
) -> None:
    if not len(corners_m):
        return
    local_m = view.local(corners_m)
    pixels = view.pixels(local_m)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    shown = (high[:, 0] > 0) & (low[:, 0] < image.shape[1]) & (high[:, 1] > 0) & (low[:, 1] < image.shape[0])
    whole = local_m[..., 2].min(axis=1) > NEAR_M
    polygons = list(fixed_point(pixels[shown & whole]))
    if len(corners_m) == 1 and not whole[0]:
        polygons = [fixed_point(view.pixels(cut_near(local_m[0])))]
    if polygons:
        cv2.fillPoly(image, polygons, colour.tolist(), cv2.LINE_8, SHIFT)


def _walls_of(building: Building, *, weather: Weather, rng: np.random.Generator) -> list[_Wall]:
    style = building.style % NUM_STYLES
    own = np.array(_WALLS[style], dtype=np.float64) * rng.uniform(0.88, 1.1)
    sun = np.array([np.cos(weather.sun_azimuth_rad), np.sin(weather.sun_azimuth_rad)])
    walls: list[_Wall] = []
    for start_m, end_m in zip(building.corners_m, np.roll(building.corners_m, -1, axis=0), strict=True):
        along = (end_m - start_m) / max(float(np.linalg.norm(end_m - start_m)), 1e-6)
        normal = np.array([along[1], -along[0]])
        lit = weather.sun * np.cos(weather.sun_height_rad) * max(float(normal @ sun), 0.0)
        light = weather.ambient * (0.93 + 0.07 * float(normal[0])) + 1.1 * lit
        walls.append(
            _wall(start_m, end_m, building=building, normal=normal, own=own, light=light, weather=weather, rng=rng)
        )
    return walls


def _wall(
    start_m: Float[np.ndarray, "2"],
    end_m: Float[np.ndarray, "2"],
    *,
    building: Building,
    normal: Float[np.ndarray, "2"],
    own: Float[np.ndarray, "3"],
    light: float,
    weather: Weather,
    rng: np.random.Generator,
) -> _Wall:
    style = building.style % NUM_STYLES
    length_m = float(np.linalg.norm(end_m - start_m))
    floors = max(int((building.height_m - 0.5) / _FLOOR_M), 1)
    count = max(int((length_m - 0.8) / _STEPS_M[style]), 1)
    step_m = (length_m - 0.8) / count
    half_m = step_m * _SHARES[style] / 2

    def quads(low_m: np.ndarray, high_m: np.ndarray, bottom_m: np.ndarray, top_m: np.ndarray) -> np.ndarray:
        """Rectangles on the wall, between two ways along it and two heights each."""
        along = (end_m - start_m) / length_m
        corners = [
            np.column_stack([start_m + np.outer(way, along), height])
            for way, height in ((low_m, bottom_m), (high_m, bottom_m), (high_m, top_m), (low_m, top_m))
        ]
        return np.stack(corners, axis=1)

    def one(bottom_m: float, top_m: float) -> np.ndarray:
        low, high, bottom, top = (np.array([value]) for value in (0.0, length_m, bottom_m, top_m))
        return quads(low, high, bottom, top)

    middles_m, levels_m = np.meshgrid(0.4 + step_m * (np.arange(count) + 0.5), _FLOOR_M * np.arange(floors))
    middles_m, levels_m = middles_m.ravel(), levels_m.ravel()
    ground = levels_m < 0.1
    bottom_m = levels_m + np.where(ground, 0.5, 1.0)
    windows_m = quads(middles_m - half_m, middles_m + half_m, bottom_m, levels_m + 2.5)
    floor_m = _FLOOR_M * np.arange(floors)
    bands_m = quads(np.full(floors, 0.6), np.full(floors, length_m - 0.6), floor_m + 1.0, floor_m + 2.5)
    rank = rng.choice(_RANKS, size=len(windows_m), p=(0.5, 0.3, 0.2))
    sky = (np.array(weather.sky_horizon) + np.array(weather.sky_top)) / 2
    curtain = np.array([190.0, 204.0, 212.0]) * light
    glass = np.stack([np.array([70.0, 62.0, 54.0]) * light, 0.45 * sky, np.array(_LAMP) if weather.lamps else curtain])
    colours = np.vstack([own * light, own * light * 0.72, np.minimum(own * light * 1.14, 255.0), glass])
    return _Wall(
        outline_m=one(0.0, building.height_m)[0],
        plinth_m=one(0.0, 0.45),
        cornice_m=one(building.height_m - 0.4, building.height_m),
        windows_m=tuple(windows_m[rank == number] for number in range(_RANKS)),
        bands_m=bands_m,
        normal=normal,
        colours=colours,
    )
