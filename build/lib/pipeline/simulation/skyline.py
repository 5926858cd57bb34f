"""Which walls cannot be seen behind nearer ones, by columns of the image."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

_COLUMNS: Final = 80


def hidden_walls(
    feet_px: Float[np.ndarray, "n 2"],
    tops_px: Float[np.ndarray, "n 2"],
    *,
    ranks: Int[np.ndarray, " n"],
    whole: Bool[np.ndarray, " n"],
    width_px: int,
) -> Bool[np.ndarray, " n"]:
    """Whether walls of buildings drawn later cover a wall in each column that it reaches.

    Walls stand on the ground, and a nearer one reaches further down: only their tops are compared.

    Args:
        feet_px: Columns u of both ends of each wall.
        tops_px: Rows v of its top at these ends.
        ranks: Of the wall's building; the nearest has the lowest and is drawn last.
        whole: Before the near plane at both ends; the others hide nothing and are never hidden.
        width_px: Of the image.
    """
    order = np.argsort(ranks, kind="stable")
    ranks = ranks[order]
    (start_px, end_px), (first_px, second_px) = feet_px[order].T, tops_px[order].T
    edges_px = np.linspace(0.0, width_px, _COLUMNS + 1, dtype=np.float32)
    way_px = end_px - start_px
    slope = (second_px - first_px) / np.where(np.abs(way_px) < 1e-6, 1e-6, way_px)
    rise_px = (first_px - slope * start_px).astype(np.float32)[:, None]
    top_px = rise_px + slope.astype(np.float32)[:, None] * edges_px
    # The columns that a wall touches, and those that it fills.
    left, right = np.minimum(start_px, end_px)[:, None], np.maximum(start_px, end_px)[:, None]
    fills = (edges_px[:-1] >= left) & (edges_px[1:] <= right) & whole[order, None]
    touches = (edges_px[:-1] < right) & (edges_px[1:] > left)
    lower_px = np.where(fills, np.maximum(top_px[:, :-1], top_px[:, 1:]), np.float32(np.inf))
    horizon_px = np.empty((len(ranks) + 1, _COLUMNS), dtype=np.float32)
    horizon_px[0] = np.inf
    np.minimum.accumulate(lower_px, axis=0, out=horizon_px[1:])
    before_px = horizon_px[np.searchsorted(ranks, ranks)]
    covered = np.minimum(top_px[:, :-1], top_px[:, 1:]) > before_px
    hidden = np.empty(len(ranks), dtype=np.bool_)
    hidden[order] = ~(touches & ~covered).any(axis=1)
    return hidden & whole
