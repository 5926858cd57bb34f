"""Headings and velocities from an agent's own past, never from its future."""

from __future__ import annotations

from typing import Final

import numpy as np
from einops import rearrange
from jaxtyping import Float, Int

LOOK_BACK_S: Final = 5.0  # what takes longer over the least displacement is standing still


def fill_headings(
    heading_rad: Float[np.ndarray, " r"],
    *,
    agent: Int[np.ndarray, " r"],
    t_ns: Int[np.ndarray, " r"],
    xy_m: Float[np.ndarray, "r 2"],
    min_motion_m: float,
) -> Float[np.ndarray, " r"]:
    """Fill in the headings that were not recorded, causally.

    It is the direction from the agent's latest point at least ``min_motion_m`` away, within the last
    ``LOOK_BACK_S``. While there is none (it stands still) the last heading is kept; before the first it stays NaN.

    Args:
        heading_rad: Recorded headings, NaN where there is none.
        agent: Which agent each row is of; ascending.
        t_ns: Ascending within an agent.
        xy_m: Positions.
        min_motion_m: Least displacement that tells a direction.
    """
    heading = heading_rad.copy()
    row = np.flatnonzero(np.isnan(heading))
    lag = 0
    while len(row):
        lag += 1
        row = row[row >= lag]
        past = row - lag
        reached = (agent[past] == agent[row]) & (t_ns[row] - t_ns[past] <= LOOK_BACK_S * 1e9)
        row, past = row[reached], past[reached]
        offset = xy_m[row] - xy_m[past]
        far = np.hypot(offset[:, 0], offset[:, 1]) >= min_motion_m
        heading[row[far]] = np.arctan2(offset[far, 1], offset[far, 0])
        row = row[~far]
    # Carry the last heading on within its agent.
    first = np.searchsorted(agent, agent)
    latest = np.maximum.accumulate(np.where(np.isnan(heading), -1, np.arange(len(heading))))
    return np.where(latest >= first, heading[latest], np.nan)


def backward_velocity(
    xy_m: Float[np.ndarray, "r 2"],
    *,
    run: Int[np.ndarray, " r"],
    step: Int[np.ndarray, " r"],
    t_ns: Int[np.ndarray, " r"],
) -> Float[np.ndarray, "r 2"]:
    """Displacement from the row before over the time between; NaN where the step before is missing or of another run.

    It is known when its own row is, for an agent's rows become known in their order.
    """
    velocity = np.full_like(xy_m, np.nan)
    follows = np.flatnonzero((run[1:] == run[:-1]) & (step[1:] == step[:-1] + 1)) + 1
    seconds = rearrange((t_ns[follows] - t_ns[follows - 1]) * 1e-9, "r -> r 1")
    velocity[follows] = (xy_m[follows] - xy_m[follows - 1]) / seconds
    return velocity
