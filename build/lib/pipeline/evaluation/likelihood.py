"""How probable the recorded futures are under the forecast Gaussians."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from pipeline.evaluation.metrics import PerAgent, step_mean, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future


def mahalanobis_squared(
    offset_m: Float[np.ndarray, "*n h 2"], sigma_m: Float[np.ndarray, "*n h 2"], rho: Float[np.ndarray, "*n h"]
) -> Float[np.ndarray, "*n h"]:
    """Squared Mahalanobis distance of offsets from the mean of bivariate Gaussians."""
    x, y = np.moveaxis(np.asarray(offset_m, np.float64) / np.asarray(sigma_m, np.float64), -1, 0)
    correlation = np.asarray(rho, np.float64)
    return (x**2 + y**2 - 2.0 * correlation * x * y) / (1.0 - correlation**2)


def log_density(
    offset_m: Float[np.ndarray, "*n h 2"], sigma_m: Float[np.ndarray, "*n h 2"], rho: Float[np.ndarray, "*n h"]
) -> Float[np.ndarray, "*n h"]:
    """Logarithm of the bivariate Gaussian density, in nats for positions in metres."""
    spread = np.log(np.asarray(sigma_m, np.float64)).sum(axis=-1)
    flatness = 0.5 * np.log1p(-np.square(np.asarray(rho, np.float64)))
    return -0.5 * mahalanobis_squared(offset_m, sigma_m, rho) - np.log(2.0 * np.pi) - spread - flatness


def nll_single(forecasts: Forecasts, future: Future) -> PerAgent:
    """Mean over the recorded steps of the negative log-density of the single forecast's Gaussian, in nats."""
    offset = true_xy(future) - forecasts.single_xy_m
    return step_mean(-log_density(offset, forecasts.single_sigma_m, forecasts.single_rho), future.valid)


def nll_mixture(forecasts: Forecasts, future: Future) -> PerAgent:
    """Mean over the recorded steps of the negative log-density of each step's mixture over the modes, in nats.

    Every step is judged by itself (the marginal mixture), so a truth that changes from one mode to another is not
    punished for it; Salzmann et al. 2020 judge likewise.
    """
    offset = true_xy(future)[:, None] - forecasts.mode_xy_m
    each = log_density(offset, forecasts.mode_sigma_m, forecasts.mode_rho)
    weight = np.asarray(forecasts.probability, np.float64)[..., None]
    return step_mean(-logsumexp(each, axis=1, b=weight), future.valid)
