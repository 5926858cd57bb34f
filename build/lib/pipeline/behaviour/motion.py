"""Headings and speeds along forecast paths."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float, Int

STILL_MPS: Final = 0.3  # below this the direction of a displacement is noise, and the heading before it is kept


def path_motion(
    xy_m: Float[np.ndarray, "n k h 2"],
    *,
    start_m: Float[np.ndarray, "n 2"],
    start_age: Int[np.ndarray, " n"],
    start_heading_rad: Float[np.ndarray, " n"],
    rate_hz: float,
) -> tuple[Float[np.ndarray, "n k h"], Float[np.ndarray, "n k h"]]:
    """Heading and speed at each step of forecast paths, from the displacement that leads to it.

    Args:
        xy_m: The paths, k per agent.
        start_m: Where each agent was last measured.
        start_age: Steps between that and the forecast time.
        start_heading_rad: Its heading there; NaN where it has none.
        rate_hz: Of the steps.

    Returns:
        Headings in (-pi, pi] (the one before is kept where the path stands still; NaN until there is one) and
        speeds in m/s.
    """
    path = xy_m.astype(np.float64)
    start = np.broadcast_to(start_m[:, None, None, :], (*path.shape[:2], 1, 2))
    step_m = np.diff(path, axis=2, prepend=start)
    duration_s = np.full((len(path), 1, path.shape[2]), 1.0 / rate_hz)
    duration_s[:, 0, 0] = (start_age + 1) / rate_hz
    speed_mps = np.hypot(step_m[..., 0], step_m[..., 1]) / duration_s
    own_rad = np.arctan2(step_m[..., 1], step_m[..., 0])
    first = np.broadcast_to(start_heading_rad[:, None, None], (*path.shape[:2], 1))
    headings = np.concatenate([first, own_rad], axis=2)
    # Each step points at the latest moving step up to itself, or at the start.
    steps = np.arange(1, path.shape[2] + 1)
    source = np.maximum.accumulate(np.where(speed_mps >= STILL_MPS, steps, 0), axis=2)
    heading_rad = np.take_along_axis(headings, source, axis=2)
    return np.arctan2(np.sin(heading_rad), np.cos(heading_rad)), speed_mps
