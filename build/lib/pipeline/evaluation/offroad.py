"""Do forecasts keep to the road? Where a drive has a map: how much of a forecast lies off its drivable area."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import shapely
from einops import einsum, rearrange
from jaxtyping import Bool, Float

from pipeline.baselines.history import groups, last_xy
from pipeline.drives.categories import Group
from pipeline.drives.map import DriveMap
from pipeline.evaluation.metrics import PerAgent, step_mean, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Windows

DRIVING: Final = (Group.VEHICLE, Group.TWO_WHEELER)
NO_MAPS: Final[Mapping[str, DriveMap]] = MappingProxyType({})


def offroad_rate(forecasts: Forecasts, windows: Windows, *, maps: Mapping[str, DriveMap]) -> PerAgent:
    """Share of each agent's future steps at which its single forecast lies off the drivable area.

    The drivable area compliance of Argoverse (Chang et al. 2019), the other way round and taken step by step: by the
    centre, not by the corners as in Waymo's simulation challenge (Montali et al. 2023), because recorded boxes are too
    coarse at kerbs. Only recorded steps count, so that the rate can be compared with ``recorded_offroad_rate``: what
    parking, driveways and a map that is not exact amount to.

    Args:
        forecasts: Of all agents.
        windows: What was observed and what came after.
        maps: By drive name, in the world frame.

    Returns:
        Valid for vehicles and two-wheelers on a drive with a drivable area that were last observed on it (its edge
        included), and have a recorded future step.
    """
    return _rate(np.asarray(forecasts.single_xy_m, np.float64), windows, maps=maps)


def offroad_rate_modes(forecasts: Forecasts, windows: Windows, *, maps: Mapping[str, DriveMap]) -> PerAgent:
    """The same share of each mode, weighted by the modes' probabilities: what a sampled future would amount to."""
    modes, judged = np.asarray(forecasts.mode_xy_m, np.float64), on_road(windows, maps=maps)
    points = rearrange(modes, "n k h xy -> n (k h) xy")
    outside = _outside(points, windows, maps=maps, rows=judged)
    off = rearrange(outside, "n (k h) -> n k h", k=modes.shape[1])
    share = einsum(off.astype(np.float64), forecasts.probability.astype(np.float64), "n k h, n k -> n h")
    return step_mean(share, windows.future.valid & judged[:, None])


def recorded_offroad_rate(windows: Windows, *, maps: Mapping[str, DriveMap]) -> PerAgent:
    """The share of the recorded futures."""
    return _rate(true_xy(windows.future), windows, maps=maps)


def on_road(windows: Windows, *, maps: Mapping[str, DriveMap]) -> Bool[np.ndarray, " n"]:
    """The agents that are judged: those that drive, and were last observed on the drivable area of their drive."""
    observed = windows.observed
    mapped = [not maps[name].drivable_area.is_empty if name in maps else False for name in windows.index.drive_names]
    driving = np.isin(groups(observed.category), DRIVING) & observed.valid.any(axis=1)
    judged = driving & np.array(mapped, dtype=np.bool_)[windows.index.drive[observed.scene]]
    return judged & ~_outside(last_xy(observed)[:, None], windows, maps=maps, rows=judged)[:, 0]


def _rate(xy_m: Float[np.ndarray, "n h 2"], windows: Windows, *, maps: Mapping[str, DriveMap]) -> PerAgent:
    judged = on_road(windows, maps=maps)
    outside = _outside(xy_m, windows, maps=maps, rows=judged)
    return step_mean(outside.astype(np.float64), windows.future.valid & judged[:, None])


def _outside(
    xy_m: Float[np.ndarray, "n q 2"],
    windows: Windows,
    *,
    maps: Mapping[str, DriveMap],
    rows: Bool[np.ndarray, " n"],
) -> Bool[np.ndarray, "n q"]:
    """Which points in the scene frames lie off the drivable area of their drive; False beside ``rows``."""
    index, scene = windows.index, windows.observed.scene
    outside = np.zeros(xy_m.shape[:2], dtype=np.bool_)
    drive = index.drive[scene]
    for number in np.unique(drive[rows]):
        area = maps[index.drive_names[number]].drivable_area
        shapely.prepare(area)
        chosen = np.flatnonzero(rows & (drive == number))
        world_m = xy_m[chosen] + index.origin_m[scene[chosen], None]
        outside[chosen] = ~shapely.intersects_xy(area, world_m[..., 0], world_m[..., 1])
    return outside
