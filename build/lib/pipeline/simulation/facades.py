"""The walls of buildings as a camera sees them, with rows of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from pipeline.simulation.haze import Haze
from pipeline.simulation.scenery import NUM_STYLES, Building
from pipeline.simulation.skyline import hidden_walls
from pipeline.simulation.view import NEAR_M, SHIFT, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

_FLOOR_M: Final = 3.1
_NEAR_M: Final = 75.0  # further away, the windows of one floor are one band
_STEP_PX: Final = 2.5  # likewise where one window and the wall beside it are narrower
_BARE_PX: Final = 4.0  # narrower walls are drawn without anything on them
_WALLS: Final = (  # blue, green, red of each style
    (176, 198, 208), (96, 116, 168), (150, 172, 190), (122, 130, 138), (190, 204, 210), (110, 146, 184), (84, 96, 132),
    (164, 158, 150),
)  # fmt: skip
_STEPS_M: Final = (2.4, 2.9, 3.4, 1.9, 2.6, 3.1, 2.3, 2.0)  # from window to window
_SHARES: Final = (0.45, 0.42, 0.5, 0.72, 0.4, 0.46, 0.44, 0.8)  # of it that is glass
_LAMP: Final = (140, 206, 246)
Patch = tuple[list[np.ndarray], list[float]]  # OpenCV's fixed-point polygons, and blue, green, red
_LEAST_PX: Final = 0.6  # narrower shapes are left out
_RANKS: Final = 3  # of glass: dark, one that mirrors the sky, and a lit or curtained one


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wall:
    """One side of a building.

    Attributes:
        outline_m: The whole side, its foot first.
        groups_m: Quadrilaterals of one colour each: the wall, plinth, cornice, windows by rank, and bands of windows.
        normal: Outwards.
        colours: Of the groups.
        num_windows: Of one floor.
    """

    outline_m: Float[np.ndarray, "4 3"]
    groups_m: tuple[Float[np.ndarray, "_ 4 3"], ...]
    normal: Float[np.ndarray, "2"]
    colours: Float[np.ndarray, "7 3"]
    num_windows: int


_NUM_GROUPS: Final = 7
_SHOWN: Final = np.array(  # groups of a wall that is near, far and narrow
    [
        [True, True, True, True, True, True, False],
        [True, True, True, False, False, False, True],
        [True, False, False, False, False, False, False],
    ]
)


class Facades:
    """All buildings of a drive."""

    def __init__(self, buildings: tuple[Building, ...], *, haze: Haze, weather: Weather, seed: int) -> None:
        rng = np.random.default_rng([seed, 0xFA])
        self._haze = haze
        self.corners_m = np.array([building.corners_m for building in buildings]).reshape(-1, 4, 2)
        self.heights_m = np.array([building.height_m for building in buildings])
        walls = [wall for building in buildings for wall in _walls_of(building, weather=weather, rng=rng)]
        groups_m = [group for wall in walls for group in wall.groups_m]
        self._outlines_m = np.array([wall.outline_m for wall in walls]).reshape(-1, 4, 3)
        self._normals = np.array([wall.normal for wall in walls]).reshape(-1, 2)
        self._colours = np.array([wall.colours for wall in walls]).reshape(-1, _NUM_GROUPS, 3)
        self._quads_m = np.concatenate(groups_m) if groups_m else np.zeros((0, 4, 3))
        self._counts = np.array([len(group) for group in groups_m], dtype=np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        self._num_windows = np.array([wall.num_windows for wall in walls], dtype=np.int64)

    def patches(
        self, blocks: Int[np.ndarray, " b"], *, distances_m: Float[np.ndarray, " b"], view: View
    ) -> list[list[Patch]]:
        """What to fill for each of these buildings: polygons of one colour, what lies behind first.

        Args:
            blocks: Numbers of buildings.
            distances_m: Of their nearest points; the nearest is drawn last.
            view: The camera.
        """
        found: list[list[Patch]] = [[] for _ in blocks]
        walls = (4 * blocks[:, None] + np.arange(4)).ravel()
        outlines_m = self._outlines_m[walls]
        facing = np.sum(self._normals[walls] * (view.position_m[:2] - outlines_m[:, 0, :2]), axis=1) > 0.0
        local_m = view.local(outlines_m)
        margin_m = 0.3
        camera = view.camera
        right_m, depth_m = local_m[..., 0], local_m[..., 2]
        seen = facing & (depth_m > NEAR_M).any(axis=1)
        seen &= (right_m > -camera.cx_px / camera.fx_px * depth_m - margin_m).any(axis=1)
        seen &= (right_m < (camera.width_px - camera.cx_px) / camera.fx_px * depth_m + margin_m).any(axis=1)
        chosen = np.flatnonzero(seen)
        outline_px = view.pixels(local_m[chosen])
        whole = depth_m[chosen].min(axis=1) > NEAR_M
        ranks = np.empty(len(blocks), dtype=np.int64)
        ranks[np.argsort(-distances_m, kind="stable")[::-1]] = np.arange(len(blocks))
        ends_px, tops_px = outline_px[:, :2, 0], outline_px[:, :1:-1, 1]
        hidden = hidden_walls(ends_px, tops_px, ranks=ranks[chosen // 4], whole=whole, width_px=camera.width_px)
        outline_px, whole, chosen = outline_px[~hidden], whole[~hidden], chosen[~hidden]
        depths_m = np.maximum(depth_m[chosen], 0.0)
        wide_px = np.where(whole, np.abs(outline_px[:, 1, 0] - outline_px[:, 0, 0]), np.inf)
        is_far = (depths_m.min(axis=1) > _NEAR_M) | (wide_px < _STEP_PX * self._num_windows[walls[chosen]])
        kept = _SHOWN[np.where(wide_px < _BARE_PX, 2, is_far.astype(int))].ravel()
        groups = (_NUM_GROUPS * walls[chosen][:, None] + np.arange(_NUM_GROUPS)).ravel()[kept]
        owners = np.repeat(chosen // 4, _NUM_GROUPS)[kept]
        colours = self._haze.over(
            self._colours[walls[chosen]].reshape(-1, 3), depths_m=np.repeat(depths_m.mean(axis=1), _NUM_GROUPS)
        )[kept]
        counts = self._counts[groups]
        ends = np.cumsum(counts)
        rows = np.arange(counts.sum()) + np.repeat(self._starts[groups] - (ends - counts), counts)
        corners_m = view.local(self._quads_m[rows])
        pixels = view.pixels(corners_m)
        # Corners first, quadrilaterals second: numpy reduces over a long last axis much faster than over a short one.
        u, v, corner_depth_m = (
            np.ascontiguousarray(part.T) for part in (*np.moveaxis(pixels, -1, 0), corners_m[..., 2])
        )
        left, right, top, bottom = u.min(axis=0), u.max(axis=0), v.min(axis=0), v.max(axis=0)
        shown = (right > 0) & (left < camera.width_px) & (bottom > 0) & (top < camera.height_px)
        shown &= (corner_depth_m.max(axis=0) > NEAR_M) & (np.minimum(right - left, bottom - top) > _LEAST_PX)
        cut = shown & (corner_depth_m.min(axis=0) < NEAR_M)
        fixed = fixed_point(pixels)
        whole = shown & ~cut
        limits = np.concatenate([[0], np.cumsum(whole)])
        polygons = list(fixed[whole])
        starts, stops = limits[ends - counts].tolist(), limits[ends].tolist()
        cut_in = dict.fromkeys(np.searchsorted(ends, np.flatnonzero(cut), side="right").tolist())
        for group, (owner, start, stop, colour) in enumerate(
            zip(owners.tolist(), starts, stops, colours.tolist(), strict=True)
        ):
            shapes = polygons[start:stop]
            if group in cut_in:
                own = slice(ends[group] - counts[group], ends[group])
                shapes += list(fixed_point(view.pixels(cut_near(corners_m[own][cut[own]]))))
            if shapes:
                found[owner].append((shapes, colour))
        return found


def draw_patch(image: UInt8[np.ndarray, "y x 3"], patch: Patch) -> None:
    """Fill polygons that do not overlap."""
    shapes, colour = patch
    if len(shapes) == 1:
        cv2.fillConvexPoly(image, shapes[0], colour, cv2.LINE_AA, SHIFT)
    else:
        cv2.fillPoly(image, shapes, colour, cv2.LINE_8, SHIFT)


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
    bands = glass[:1] * 0.75 + 0.25 * own * light
    colours = np.vstack([own * light, own * light * 0.72, np.minimum(own * light * 1.14, 255.0), glass, bands])
    return _Wall(
        outline_m=one(0.0, building.height_m)[0],
        groups_m=(
            one(0.0, building.height_m),
            one(0.0, 0.45),
            one(building.height_m - 0.4, building.height_m),
            *(windows_m[rank == number] for number in range(_RANKS)),
            bands_m,
        ),
        normal=normal,
        colours=colours,
        num_windows=count,
    )
