"""How far a baseline is off, per group of agents: which of its variants least, and by how much along and across."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, groups, moved
from pipeline.drives.categories import Group
from pipeline.windows.windows import Future, Observed

MIN_AGENTS: Final = 50  # with fewer samples than this, a group takes the value of all groups together
MIN_SIGMA_M: Final = 0.01
MAX_RHO: Final = 0.999  # in float32 more would make the covariance singular


def best_by_group(
    errors: Float[np.ndarray, "n c"], observed: Observed, future: Future, *, default: int
) -> Int[np.ndarray, " g"]:
    """The column with the least error over the agents of each group, where enough of them move; else over everyone.

    Those that stand tell nothing of how to see a velocity, and in a group of few they would decide.

    Args:
        errors: Of n agents, by c ways to forecast them; one that was seen once, or has no future, does not count.
        observed: The agents.
        future: What came after.
        default: Where no agent counts.
    """
    group = groups(observed.category)
    usable = any_step(future.valid) & (observed.valid.sum(axis=1) >= 2)
    best = np.full(len(Group), np.argmin(errors[usable].sum(axis=0)) if usable.any() else default)
    telling = np.bincount(group[moved(observed, future)], minlength=len(Group)) >= MIN_AGENTS
    for member in np.flatnonzero(telling):
        best[member] = np.argmin(errors[usable & (group == member)].sum(axis=0))
    return best


def root_mean(
    squares: Float[np.ndarray, "n h 2"],
    counted: Bool[np.ndarray, "n h"],
    *,
    group: Int[np.ndarray, " n"],
    default: Float[np.ndarray, "g h 2"],
) -> Float[np.ndarray, "g h 2"]:
    """Root of the mean square per group and step, where there are enough; of all groups; else the default."""
    member = np.eye(len(Group))[group]
    count = member.T @ counted
    total = np.einsum("ng,nha->gha", member, np.where(counted[..., None], squares, 0.0))
    pooled, pooled_count = total.sum(axis=0, keepdims=True), count.sum(axis=0, keepdims=True)
    own = np.sqrt(total / np.maximum(count, 1)[..., None])
    everyone = np.sqrt(pooled / np.maximum(pooled_count, 1)[..., None])
    enough, pooled_enough = (count >= MIN_AGENTS)[..., None], (pooled_count >= MIN_AGENTS)[..., None]
    return np.maximum(np.where(enough, own, np.where(pooled_enough, everyone, default)), MIN_SIGMA_M)


def in_agent_frame(
    offset: Float[np.ndarray, "n h 2"], direction: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n h 2"]:
    """Offsets along and across; where there is no direction, both take the offset's length over the root of two."""
    cos, sin = np.cos(direction)[:, None], np.sin(direction)[:, None]
    x, y = offset[..., 0], offset[..., 1]
    turned = np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
    return np.where(np.isnan(direction)[:, None, None], (np.hypot(x, y) / np.sqrt(2.0))[..., None], turned)


def in_scene_frame(
    sigma: Float[np.ndarray, "n h 2"], direction: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n h 2"], Float[np.ndarray, "n h"]]:
    """Spread along and across turned into standard deviations along x and y and their correlation."""
    along, across = np.moveaxis(sigma**2, -1, 0)
    round_one = np.isnan(direction)[:, None]
    mean = (along + across) / 2.0
    along, across = np.where(round_one, mean, along), np.where(round_one, mean, across)
    turn = np.nan_to_num(direction)[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    xx, yy = cos**2 * along + sin**2 * across, sin**2 * along + cos**2 * across
    xy = cos * sin * (along - across)
    return np.sqrt(np.stack([xx, yy], axis=-1)), np.clip(xy / np.sqrt(xx * yy), -MAX_RHO, MAX_RHO)
