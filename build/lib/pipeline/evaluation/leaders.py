"""Who drives ahead of whom in the same path."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from pipeline.baselines.history import any_step, filled, groups, known_xy, last_heading, last_xy
from pipeline.drives.categories import Group
from pipeline.evaluation.course import known_size
from pipeline.windows.windows import Observed

NO_LEADER: Final = -1
HEADWAY_S: Final = 3.0
QUEUE_M: Final = 10.0
ASIDE_M: Final = 0.2  # what noise in positions and headings may add to the widths
MAX_TURN_RAD: Final = np.deg2rad(45.0)
_SPEED_OVER_S: Final = 1.0


def leaders(observed: Observed, *, rate_hz: float) -> Int[np.ndarray, " n"]:
    """Each agent's leader at the forecast time, or ``NO_LEADER``; only what was observed is used.

    A leader is the nearest vehicle or two-wheeler ahead in the path of a vehicle or two-wheeler, as ``nearest_ahead``
    has it, with a gap from bumper to bumper of at most 3 s of the follower's speed, and at least of 10 m, so that a
    queue counts too. With a headway below 3 s a vehicle is following in the Highway Capacity Manual (TRB 2000, two-lane
    highways).
    """
    heading, known = last_heading(observed)
    return nearest_ahead(
        last_xy(observed),
        heading,
        size_m=known_size(observed),
        scene=observed.scene,
        there=known & on_wheels(observed),
        reach_m=np.maximum(QUEUE_M, HEADWAY_S * last_speed(observed, rate_hz=rate_hz)),
    )[0]


def nearest_ahead(
    xy_m: Float[np.ndarray, "n 2"],
    heading_rad: Float[np.ndarray, " n"],
    *,
    size_m: Float[np.ndarray, "n 2"],
    scene: Int[np.ndarray, " n"],
    there: Bool[np.ndarray, " n"],
    reach_m: Float[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nearest agent of the same scene that is ahead in the same path.

    It heads less than 45 degrees away, and its centre lies ahead of the other's front. Two poses on one circular arc
    have their chord along the mean of both headings, so what the chord has across that mean is how far the leader is
    beside the path: at most half of both widths and 0.2 m. This holds on straights and in bends alike, and a lane aside
    does not count.

    Args:
        xy_m: Box centres.
        heading_rad: Of the boxes.
        size_m: Length and width.
        scene: Agents of different scenes do not meet.
        there: Agents that count, both as one and as the other.
        reach_m: Largest gap from bumper to bumper, per agent that follows.

    Returns:
        The agent ahead, or ``NO_LEADER``, and the gap to it (infinite where there is none).
    """
    leader, gap = np.full(len(xy_m), NO_LEADER), np.full(len(xy_m), np.inf)
    rows = np.flatnonzero(there)
    if len(rows) < 2:
        return leader, gap
    radius = float(reach_m[rows].max() + size_m[rows, 0].max())
    # Scenes are laid out along a third axis, further apart than anything reaches: one tree finds all pairs.
    points = np.column_stack([xy_m[rows], scene[rows] * (2.0 * radius)])
    pairs = rows[KDTree(points).query_pairs(radius, output_type="ndarray")]
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    turn = wrapped(heading_rad[j] - heading_rad[i])
    mean = heading_rad[i] + turn / 2.0
    chord = xy_m[j] - xy_m[i]
    along = chord[:, 0] * np.cos(mean) + chord[:, 1] * np.sin(mean)
    across = chord[:, 1] * np.cos(mean) - chord[:, 0] * np.sin(mean)
    between = along - (size_m[i, 0] + size_m[j, 0]) / 2.0
    found = (
        (np.abs(turn) < MAX_TURN_RAD)
        & (along > size_m[i, 0] / 2.0)
        & (np.abs(across) <= (size_m[i, 1] + size_m[j, 1]) / 2.0 + ASIDE_M)
        & (between <= reach_m[i])
    )
    i, j, between = i[found], j[found], between[found]
    farthest_first = np.argsort(-between, kind="stable")
    leader[i[farthest_first]] = j[farthest_first]  # the last written stays
    gap[i[farthest_first]] = between[farthest_first]
    return leader, gap


def on_wheels(observed: Observed) -> Bool[np.ndarray, " n"]:
    """Vehicles and two-wheelers."""
    return np.isin(groups(observed.category), [Group.VEHICLE, Group.TWO_WHEELER])


def last_speed(observed: Observed, *, rate_hz: float) -> Float[np.ndarray, " n"]:
    """Speed over the last second or so of an agent's valid observed steps; zero with fewer than two."""
    xy, first, last = filled(known_xy(observed), observed.valid)
    start = np.maximum(first, last - max(1, round(_SPEED_OVER_S * rate_hz)))
    agents = np.arange(len(xy))
    moved = xy[agents, last] - xy[agents, start]
    speed = np.hypot(moved[:, 0], moved[:, 1]) * rate_hz / np.maximum(last - start, 1)
    return np.where(any_step(observed.valid), speed, 0.0)


def wrapped(angle_rad: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The same angle in [-pi, pi)."""
    return (angle_rad + np.pi) % (2.0 * np.pi) - np.pi
