"""Footprints on the ground, and which of them overlap."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree


def overlapping_pairs(
    centre_m: Float[np.ndarray, "n 2"],
    heading_rad: Float[np.ndarray, " n"],
    size_m: Float[np.ndarray, "n 2"],
    *,
    step: Int[np.ndarray, " n"],
    tolerance_m: Float[np.ndarray, " n"],
) -> Int[np.ndarray, "m 2"]:
    """Pairs of rows of one step whose rectangles overlap.

    Two rectangles overlap by the least distance by which one must be moved to free it: the smallest overlap of their
    shadows over the four directions of their sides (separating axis theorem).

    Args:
        centre_m: Middle of each rectangle.
        heading_rad: Direction of its length.
        size_m: Length and width.
        step: At which the row stands; rows of different steps never meet.
        tolerance_m: An overlap up to the smaller one of a pair is none.
    """
    num_rows = len(centre_m)
    if num_rows == 0:
        return np.zeros((0, 2), dtype=np.int64)
    reach_m = np.hypot(*size_m.T) / 2
    limit_m = 3.0
    apart_m = (
        2.0 * max(float(reach_m.max()), limit_m) + 1.0
    )  # far enough that only rows of one step are near each other
    places = np.column_stack([centre_m, step * apart_m])
    pairs: list[Int[np.ndarray, "m 2"]] = []
    # Large rows are looked up in the tree of all, small ones in a tree of their own: the large reach of a few
    # would make pairs of everyone else.
    small, large = np.flatnonzero(reach_m <= limit_m), np.flatnonzero(reach_m > limit_m)
    if len(small) > 1:
        pairs.append(small[KDTree(places[small]).query_pairs(2 * limit_m, output_type="ndarray")])
    if len(large) > 0:
        near = KDTree(places[large]).sparse_distance_matrix(
            KDTree(places), 2.0 * float(reach_m.max()), output_type="coo_matrix"
        )
        one, other = large[near.row], near.col.astype(np.int64)
        is_large = reach_m[other] > limit_m
        keep = ~is_large | (one < other)
        pairs.append(np.column_stack([one[keep], other[keep]]))
    candidates = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
    close = np.hypot(*(centre_m[candidates[:, 0]] - centre_m[candidates[:, 1]]).T) < reach_m[candidates].sum(axis=1)
    candidates = candidates[close]
    depth_m = _depth(centre_m[candidates], heading_rad[candidates], size_m[candidates])
    return np.sort(candidates[depth_m > tolerance_m[candidates].min(axis=1)], axis=1)


def _depth(
    centre_m: Float[np.ndarray, "m 2 2"], heading_rad: Float[np.ndarray, "m 2"], size_m: Float[np.ndarray, "m 2 2"]
) -> Float[np.ndarray, " m"]:
    """By how much the two rectangles of each pair overlap; negative: they don't."""
    along = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=-1)
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    axes = np.concatenate([along, across], axis=1)  # m 4 2
    between_m = np.abs(np.einsum("mac,mc->ma", axes, centre_m[:, 1] - centre_m[:, 0]))
    half_m = size_m / 2
    shadow_m = np.abs(np.einsum("mac,mrc->mar", axes, along)) * half_m[:, None, :, 0]
    shadow_m += np.abs(np.einsum("mac,mrc->mar", axes, across)) * half_m[:, None, :, 1]
    return (shadow_m.sum(axis=-1) - between_m).min(axis=1)
