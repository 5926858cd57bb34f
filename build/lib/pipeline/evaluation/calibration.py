"""Whether the spread says the truth: how many truths lie within the ellipses that should hold a given share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.evaluation.likelihood import mahalanobis_squared
from pipeline.evaluation.metrics import PerAgent, step_mean, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future


def coverage(forecasts: Forecasts, future: Future, *, level: float, steps: slice = slice(None)) -> PerAgent:
    """Share of each agent's recorded steps within the single forecast's ellipse of probability ``level``.

    The squared Mahalanobis distance of a bivariate Gaussian is chi-squared with two degrees of freedom, so the
    ellipse ends at -2 log(1 - level). Calibrated where the mean over agents is ``level``.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        level: Within (0, 1).
        steps: Only these future steps.
    """
    inside = squared_distance(forecasts, future)[:, steps] <= -2.0 * np.log1p(-level)
    return step_mean(inside.astype(np.float64), future.valid[:, steps])


def squared_distance(forecasts: Forecasts, future: Future) -> Float[np.ndarray, "n h"]:
    """Squared Mahalanobis distance of the recorded positions from the single forecast."""
    offset = true_xy(future) - forecasts.single_xy_m
    return mahalanobis_squared(offset, forecasts.single_sigma_m, forecasts.single_rho)
