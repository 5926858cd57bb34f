"""Forecasts as arrays: what every forecaster gives, and what evaluation and scoring read."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, kw_only=True, slots=True)
class ManoeuvreProbabilities:
    """Of n agents. Each row sums to one where known; elsewhere it is zero and means nothing.

    Attributes:
        direction: By ``behaviour.manoeuvre.Direction``.
        direction_known: The agent has them.
        pace: By ``behaviour.manoeuvre.Pace``.
        pace_known: The agent has them.
    """

    direction: Float[np.ndarray, "n c"]
    direction_known: Bool[np.ndarray, " n"]
    pace: Float[np.ndarray, "n d"]
    pace_known: Bool[np.ndarray, " n"]


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
        manoeuvres: As the forecaster's own head tells them; None where it has none
            (``behaviour.probabilities.manoeuvres_of`` then takes them from the modes).
    """

    single_xy_m: Float[np.ndarray, "n h 2"]
    single_sigma_m: Float[np.ndarray, "n h 2"]
    single_rho: Float[np.ndarray, "n h"]
    mode_xy_m: Float[np.ndarray, "n k h 2"]
    mode_sigma_m: Float[np.ndarray, "n k h 2"]
    mode_rho: Float[np.ndarray, "n k h"]
    probability: Float[np.ndarray, "n k"]
    manoeuvres: ManoeuvreProbabilities | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The paths and probabilities by name, each with a row per agent."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "manoeuvres"}
