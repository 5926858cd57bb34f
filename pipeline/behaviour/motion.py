"""Headings and speeds along forecast paths."""

from __future__ import annotations

from typing import Final

import numpy as np
from einops import rearrange
from jaxtyping import Float, Int

STILL_MPS: Final = 0.3  # below this the direction of a displacement is noise, and the heading before it is kept


def motion_by_step(
    xy_m: Float[np.ndarray, "n k h 2"],
    *,
    start_m: Float[np.ndarray, "n 2"],
    start_age: Int[np.ndarray, " n"],
    start_heading_rad: Float[np.ndarray, " n"],
    rate_hz: float,
) -> tuple[Float[np.ndarray, "h p"], Float[np.ndarray, "h p"]]:
    """Heading and speed at each step of forecast paths, from the displacement that leads to it.

    Step by step, all paths of all agents side by side (p is n times k, agent by agent): steps build on those before.

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
    num_paths = xy_m.shape[1]
    steps_m = np.array(rearrange(xy_m, "n k h two -> two h (n k)"), np.float64, order="C")
    steps_m[:, 1:] -= steps_m[:, :-1].copy()
    steps_m[:, 0] -= np.repeat(start_m, num_paths, axis=0).T
    speed_mps = np.sqrt(steps_m[0] ** 2 + steps_m[1] ** 2) * rate_hz
    speed_mps[:1] /= np.repeat(start_age + 1, num_paths)
    heading_rad = np.arctan2(steps_m[1], steps_m[0])
    before = np.repeat(np.arctan2(np.sin(start_heading_rad), np.cos(start_heading_rad)), num_paths)
    for heading, speed in zip(heading_rad, speed_mps, strict=True):
        np.copyto(heading, before, where=speed < STILL_MPS)
        before = heading
    return heading_rad, speed_mps
