"""Whether the spread says the truth: how many truths lie within the ellipses that should hold a given share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from models.batch import REGIONS
from pipeline.evaluation.likelihood import mahalanobis_squared
from pipeline.evaluation.metrics import PerAgent, step_mean, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future

NUM_BINS: Final = 10
_NONE: Final = 1e-30  # what gives its probability away keeps less: ``models.calibration.merged``


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """Probabilities against what happened, in ``NUM_BINS`` equal bins of probability, over (agent, choice) pairs.

    Attributes:
        num_pairs: In each bin.
        told: Sum of their probabilities.
        happened: How many of them came true.
        num_agents: That the pairs are of.
    """

    num_pairs: Int[np.ndarray, " b"]
    told: Float[np.ndarray, " b"]
    happened: Float[np.ndarray, " b"]
    num_agents: int

    @property
    def error(self) -> float:
        """By how much told and happened differ, summed over the bins, per agent; NaN without an agent.

        So k times the expected calibration error over all pairs of n agents and k choices (Naeini et al. 2015).
        """
        if not self.num_agents:
            return float("nan")
        return float(np.abs(self.told - self.happened).sum() / self.num_agents)


def reliability(probability: Float[np.ndarray, "n k"], *, true: Int[np.ndarray, " n"]) -> Reliability:
    """Count how often a choice came true of those that were told to be so likely.

    Args:
        probability: Of k choices of each agent.
        true: The choice that happened.
    """
    told = probability.astype(np.float64)
    happened = np.arange(told.shape[1]) == true[:, None]
    bins = np.minimum((told * NUM_BINS).astype(np.int64), NUM_BINS - 1).ravel()
    return Reliability(
        num_pairs=np.bincount(bins, minlength=NUM_BINS),
        told=np.bincount(bins, weights=told.ravel(), minlength=NUM_BINS).astype(np.float64),
        happened=np.bincount(bins, weights=happened.ravel(), minlength=NUM_BINS).astype(np.float64),
        num_agents=len(told),
    )


def mode_reliability(forecasts: Forecasts, future: Future, *, mask: Bool[np.ndarray, " n"]) -> Reliability:
    """Of the modes' probabilities: true is the mode that is the nearest by the mean displacement.

    Modes without a probability, which were merged into others, are none of those that can be true.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        mask: The agents that count, where a future step was recorded.
    """
    counted = mask & future.valid.any(axis=1)
    error = np.linalg.norm(forecasts.mode_xy_m[counted] - true_xy(future)[counted, None], axis=-1)
    valid = future.valid[counted, None]
    probability = forecasts.probability[counted]
    total = np.where(valid, error, 0.0).sum(axis=-1)
    return reliability(probability, true=np.where(probability > _NONE, total, np.inf).argmin(axis=1))
