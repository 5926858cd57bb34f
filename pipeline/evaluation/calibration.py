"""Whether the spread says the truth: how many truths lie within the ellipses that should hold a given share."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from models.batch import REGIONS
from pipeline.evaluation.likelihood import mahalanobis_squared
from pipeline.evaluation.metrics import PerAgent, step_mean, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future

NUM_BINS: Final = 10


def coverage(forecasts: Forecasts, future: Future, *, level: float, steps: slice = slice(None)) -> PerAgent:
    """Share of each agent's recorded steps within the single forecast's region of probability ``level``.

    A region is an ellipse of the Gaussian's shape. Of ``REGIONS`` it ends at the forecast's own radius; at other levels
    where the Gaussian's does: its squared Mahalanobis distance is chi-squared with two degrees of freedom, so at
    -2 log(1 - level). Calibrated where the mean over agents is ``level``.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        level: Within (0, 1).
        steps: Only these future steps.
    """
    own = level in REGIONS
    most = np.square(forecasts.radius[:, REGIONS.index(level), steps]) if own else -2.0 * np.log1p(-level)
    inside = squared_distance(forecasts, future)[:, steps] <= most
    return step_mean(inside.astype(np.float64), future.valid[:, steps])


def squared_distance(forecasts: Forecasts, future: Future) -> Float[np.ndarray, "n h"]:
    """Squared Mahalanobis distance of the recorded positions from the single forecast."""
    offset = true_xy(future) - forecasts.single_xy_m
    return mahalanobis_squared(offset, forecasts.single_sigma_m, forecasts.single_rho)


def probability_error(forecasts: Forecasts, future: Future, *, mask: Bool[np.ndarray, " n"]) -> float:
    """Calibration error of the modes' probabilities: how often one is the nearest, against what it was given.

    Every (agent, mode) falls into one of ``NUM_BINS`` equal bins of probability. Summed over the bins: by how much the
    probability given differs from the number of modes that were the nearest, by the mean displacement; per agent, so
    k times the expected calibration error over all pairs (Naeini et al. 2015). NaN without an agent.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        mask: The agents that count.
    """
    counted = mask & future.valid.any(axis=1)
    if not counted.any():
        return float("nan")
    error = np.linalg.norm(forecasts.mode_xy_m[counted] - true_xy(future)[counted, None], axis=-1)
    valid = future.valid[counted, None]
    nearest = (np.where(valid, error, 0.0).sum(axis=-1)).argmin(axis=1)
    told = forecasts.probability[counted].astype(np.float64)
    happened = np.arange(told.shape[1]) == nearest[:, None]
    bins = np.minimum((told * NUM_BINS).astype(np.int64), NUM_BINS - 1).ravel()
    said = np.bincount(bins, weights=told.ravel(), minlength=NUM_BINS)
    was = np.bincount(bins, weights=happened.ravel(), minlength=NUM_BINS)
    return float(np.abs(said - was).sum() / len(told))
