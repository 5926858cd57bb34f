"""A linear map of the past by least squares, along the axes of the world: what no network should be worse than."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float

from pipeline.baselines.history import known_xy
from pipeline.windows.windows import Future, Observed


def fit(observed: Observed, future: Future, *, counted: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "s r"]:
    """Weights of all past places, taken from the last one, in all future places, likewise.

    Args:
        observed: Agents of the training split.
        future: What came after.
        counted: Whom to learn from: they are there at all observed and future steps.
    """
    past, _ = _from_last(observed)
    way = future.xy_m.astype(np.float64) - known_xy(observed)[:, -1:]
    return np.linalg.lstsq(past[counted], rearrange(way[counted], "n h d -> n (h d)"), rcond=None)[0]


def forecast(observed: Observed, *, weights: Float[np.ndarray, "s r"]) -> Float[np.ndarray, "n h 2"]:
    """Future places in the scene frame; they mean nothing for an agent that is not there at all observed steps."""
    past, last = _from_last(observed)
    return last + rearrange(past @ weights, "n (h d) -> n h d", d=2)


def _from_last(observed: Observed) -> tuple[Float[np.ndarray, "n s"], Float[np.ndarray, "n 1 2"]]:
    """All observed places but the last, from there, in one row; and the last."""
    xy = known_xy(observed)
    return rearrange(xy[:, :-1] - xy[:, -1:], "n t d -> n (t d)"), xy[:, -1:]
