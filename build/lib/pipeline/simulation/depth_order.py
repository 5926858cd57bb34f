"""In which order things are drawn, so that the nearer ones cover the further ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int


def hidden_by(
    points_m: Float[np.ndarray, "n 2"], *, camera_m: Float[np.ndarray, "2"], blocks_m: Float[np.ndarray, "m 4 2"]
) -> Bool[np.ndarray, "n m"]:
    """Whether a rectangular block stands between the camera and a point (slab test in the block's own axes)."""
    middle_m = blocks_m.mean(axis=1)
    sides_m = np.stack([blocks_m[:, 1] - blocks_m[:, 0], blocks_m[:, 3] - blocks_m[:, 0]], axis=1)
    half_m = np.linalg.norm(sides_m, axis=2) / 2
    axes = sides_m / np.maximum(2 * half_m[..., None], 1e-9)
    offset_m = points_m - camera_m
    enters: list[np.ndarray] = []
    leaves: list[np.ndarray] = []
    for axis in (0, 1):
        start_m = np.sum(axes[:, axis] * (camera_m - middle_m), axis=1)
        way_m = offset_m @ axes[:, axis].T
        way_m[np.abs(way_m) < 1e-9] = 1e-9
        first, second = (-half_m[:, axis] - start_m) / way_m, (half_m[:, axis] - start_m) / way_m
        enters.append(np.minimum(first, second))
        leaves.append(np.maximum(first, second))
    enter, leave = np.maximum(*enters), np.minimum(*leaves)
    return (enter < leave) & (leave > 0.0) & (enter < 0.999)


def nearest_m(blocks_m: Float[np.ndarray, "m 4 2"], *, camera_m: Float[np.ndarray, "2"]) -> Float[np.ndarray, " m"]:
    """The distance from the camera to each footprint."""
    start_m, way_m = blocks_m, np.roll(blocks_m, -1, axis=1) - blocks_m
    share = np.sum((camera_m - start_m) * way_m, axis=-1) / np.maximum(np.sum(way_m**2, axis=-1), 1e-9)
    foot_m = start_m + np.clip(share, 0.0, 1.0)[..., None] * way_m
    return np.sqrt(np.sum((foot_m - camera_m) ** 2, axis=-1).min(axis=-1))


def draw_order(
    hidden: Bool[np.ndarray, "n m"], *, things_m: Float[np.ndarray, " n"], blocks_m: Float[np.ndarray, " m"]
) -> Int[np.ndarray, " k"]:
    """Blocks from the furthest to the nearest; each thing before the first block that hides some of it, or at the end.

    Args:
        hidden: Which block hides some of which thing.
        things_m: Distance of each thing.
        blocks_m: Distance of each block's nearest point.

    Returns:
        What to draw next: a block's number, or the number of blocks plus a thing's number.
    """
    num_things, num_blocks = hidden.shape
    by_distance = np.argsort(-blocks_m, kind="stable")
    place = np.empty(num_blocks)
    place[by_distance] = np.arange(num_blocks)
    before = np.where(hidden, place[None, :], num_blocks).min(axis=1, initial=num_blocks)
    slots = np.concatenate([place, before - 0.5])
    distances_m = np.concatenate([np.zeros(num_blocks), things_m])
    assert len(slots) == num_things + num_blocks
    return np.lexsort((-distances_m, slots))
