"""Forecasts bent to the road of a bird's-eye map: what a forecaster that has seen no map makes of one afterwards.

A forecast's end is taken for uncertain across its direction: bent by an angle that grows with the way gone, it is a
candidate, the likelier the less it is bent and the more of its steps lie on the road. The mean of the candidates is the
new forecast. Where all lie on the road, or none does, it stays about what it was; on a road that turns, it turns.

What a map made from a whole drive shows is not all known at a forecast time: where it ends is where the recording
vehicle's scanner went no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import shapely
from einops import einsum
from jaxtyping import Bool, Float
from shapely import MultiPolygon

from pipeline.baselines.history import last_xy
from pipeline.drives.map import DriveMap
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Windows

# By cross-validation over the training drives of KITTI forecasting, where between 2 and 5 m, 10 and 30 degrees, 40 and
# 80 nats the final error of the single forecast differs by 3 %.
_ASIDE_M: Final = 3.0  # the end's deviation across the way there
_MOST_ASIDE_RAD: Final = np.deg2rad(20.0)  # the same as an angle, for short ways
_OFF_ROAD_NATS: Final = 40.0  # a candidate wholly off the road is so much less likely than one wholly on it
_BENDS: Final = np.arange(-5.0, 5.1, 0.5)  # the candidates, in such deviations
_PIXEL_M: Final = 0.5
_SHORT_M: Final = 0.5  # shorter paths are bent as if their ends were so far away


@dataclass(frozen=True, kw_only=True, slots=True)
class _Road:
    """An area in pixels.

    Attributes:
        corner_m: Least x and y.
        inside: Whose middles are inside.
    """

    corner_m: Float[np.ndarray, " 2"]
    inside: Bool[np.ndarray, "x y"]

    @staticmethod
    def of(area: MultiPolygon) -> _Road:
        """Of an area that is not empty."""
        corner_m, far_m = np.array(area.bounds[:2]), np.array(area.bounds[2:])
        num = np.ceil((far_m - corner_m) / _PIXEL_M).astype(np.int64)
        x, y = (start + (np.arange(size) + 0.5) * _PIXEL_M for start, size in zip(corner_m, num, strict=True))
        shapely.prepare(area)
        return _Road(corner_m=corner_m, inside=shapely.contains_xy(area, *np.meshgrid(x, y, indexing="ij")))

    def holds(self, xy_m: Float[np.ndarray, "*n 2"]) -> Bool[np.ndarray, "*n"]:
        """Which points lie in its pixels."""
        pixel = np.floor((xy_m - self.corner_m) / _PIXEL_M).astype(np.int64)
        there = np.asarray(((pixel >= 0) & (pixel < self.inside.shape)).all(axis=-1))
        pixel = np.where(there[..., None], pixel, 0)
        return there & self.inside[pixel[..., 0], pixel[..., 1]]


def bent_to_road(forecasts: Forecasts, windows: Windows, *, maps: Mapping[str, DriveMap]) -> Forecasts:
    """The single forecasts and all modes, bent to the drivable area; spreads and probabilities stay.

    Args:
        forecasts: Of all agents.
        windows: What was observed.
        maps: By drive name, in the world frame; agents of other drives keep their forecasts.
    """
    index, scene, last_m = windows.index, windows.observed.scene, last_xy(windows.observed)
    single, modes = forecasts.single_xy_m.copy(), forecasts.mode_xy_m.copy()
    for number, name in enumerate(index.drive_names):
        rows = np.flatnonzero(index.drive[scene] == number)
        if len(rows) == 0 or name not in maps or maps[name].drivable_area.is_empty:
            continue
        road, origin_m = _Road.of(maps[name].drivable_area), index.origin_m[scene[rows]]
        single[rows] = _bent(single[rows], last_m=last_m[rows], origin_m=origin_m, road=road)
        for mode in range(modes.shape[1]):
            modes[rows, mode] = _bent(modes[rows, mode], last_m=last_m[rows], origin_m=origin_m, road=road)
    return replace(forecasts, single_xy_m=single, mode_xy_m=modes)


def _bent(
    xy_m: Float[np.ndarray, "n h 2"],
    *,
    last_m: Float[np.ndarray, "n 2"],
    origin_m: Float[np.ndarray, "n 2"],
    road: _Road,
) -> Float[np.ndarray, "n h 2"]:
    """One path per agent, in the scene frames."""
    way_m = xy_m - last_m[:, None]
    far_m = np.linalg.norm(way_m, axis=-1)
    end_m = np.maximum(far_m[:, -1:], _SHORT_M)
    deviation = np.minimum(_ASIDE_M / end_m, _MOST_ASIDE_RAD) * (far_m / end_m)
    angle = _BENDS[:, None] * deviation[:, None]
    cos, sin, x, y = np.cos(angle), np.sin(angle), way_m[:, None, :, 0], way_m[:, None, :, 1]
    candidates = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
    on_road = road.holds(candidates + (last_m + origin_m)[:, None, None]).mean(axis=-1)
    log_weight = _OFF_ROAD_NATS * on_road - 0.5 * _BENDS**2
    weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    return last_m[:, None] + einsum(weight, candidates, "n c, n c h d -> n h d")
