"""Forecasts as arrays: what every forecaster gives, and what evaluation and scoring read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasts:
    """Forecasts of n agents over h future steps, in the scene frame (world axes, origin at the scene's origin).

    Attributes:
        single_xy_m: The best single forecast.
        single_sigma_m: Its standard deviations along x and y per step.
        single_rho: Its correlation of x and y per step.
        mode_xy_m: K alternative futures.
        mode_sigma_m: Their standard deviations.
        mode_rho: Their correlations.
        probability: Of each mode; sums to one over k. Modes are in no particular order.
    """

    single_xy_m: Float[np.ndarray, "n h 2"]
    single_sigma_m: Float[np.ndarray, "n h 2"]
    single_rho: Float[np.ndarray, "n h"]
    mode_xy_m: Float[np.ndarray, "n k h 2"]
    mode_sigma_m: Float[np.ndarray, "n k h 2"]
    mode_rho: Float[np.ndarray, "n k h"]
    probability: Float[np.ndarray, "n k"]
