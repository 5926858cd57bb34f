"""What every baseline and metric asks of an observed history."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.drives.categories import Category
from pipeline.windows.windows import Future, Observed

_GROUP_OF: Final = np.array([category.group for category in Category])


def groups(category: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """``Group`` of each ``Category``."""
    return _GROUP_OF[category]


def last_step(valid: Bool[np.ndarray, "n t"]) -> Int[np.ndarray, " n"]:
    """Index of each agent's last valid step; the last step where none is valid."""
    return valid.shape[1] - 1 - np.argmax(valid[:, ::-1], axis=1)


def any_step(valid: Bool[np.ndarray, "n t"]) -> Bool[np.ndarray, " n"]:
    """The agent has a valid step."""
    return valid.sum(axis=1) > 0


def known_xy(observed: Observed) -> Float[np.ndarray, "n t 2"]:
    """Observed positions in float64, zero where not valid, so that what stands there cannot matter."""
    return np.where(observed.valid[..., None], observed.xy_m, 0.0).astype(np.float64)


def last_xy(observed: Observed) -> Float[np.ndarray, "n 2"]:
    """Position at each agent's last valid step, in metres in the scene frame."""
    return known_xy(observed)[np.arange(len(observed.valid)), last_step(observed.valid)]


def last_heading(observed: Observed) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Latest heading in radians (zero where there is none) and whether there is one."""
    there = observed.heading_valid & observed.valid
    heading = np.where(there, observed.heading_rad, 0.0).astype(np.float64)
    return heading[np.arange(len(there)), last_step(there)], any_step(there)


def moved(observed: Observed, future: Future, *, distance_m: float = 1.0) -> Bool[np.ndarray, " n"]:
    """Agents seen twice whose recorded future gets at least this far from where they were last seen."""
    offset = np.where(future.valid[..., None], future.xy_m - last_xy(observed)[:, None], 0.0)
    far = np.hypot(offset[..., 0], offset[..., 1]) >= distance_m
    return any_step(far) & (observed.valid.sum(axis=1) >= 2)


def mean_over_steps(
    values: Float[np.ndarray, "n h"], valid: Bool[np.ndarray, "n h"]
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Mean of each agent's valid steps (zero where none is valid) and whether there is any."""
    count = valid.sum(axis=1)
    return np.where(valid, values, 0.0).sum(axis=1) / np.maximum(count, 1), count > 0


def filled(
    xy_m: Float[np.ndarray, "n s 2"], valid: Bool[np.ndarray, "n s"]
) -> tuple[Float[np.ndarray, "n s 2"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Positions without holes, and each agent's first and last valid step; zeros for one that has none."""
    xy = np.where(valid[..., None], xy_m, 0.0)
    num_steps = valid.shape[1]
    step = np.broadcast_to(np.arange(num_steps), valid.shape)
    first, last = np.argmax(valid, axis=1), num_steps - 1 - np.argmax(valid[:, ::-1], axis=1)
    before = np.maximum.accumulate(np.where(valid, step, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, step, num_steps)[:, ::-1], axis=1)[:, ::-1]
    before = np.maximum(before, first[:, None])
    after = np.minimum(after, last[:, None])
    share = (np.clip(step, before, after) - before) / np.maximum(after - before, 1)
    low, high = (np.take_along_axis(xy, some[..., None], axis=1) for some in (before, after))
    return low + share[..., None] * (high - low), first, last
