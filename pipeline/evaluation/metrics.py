"""Errors in metres. Every metric gives a value per agent and whether it has one; float64 throughout.

Definitions as in Argoverse (Chang et al. 2019) and Trajectron++ (Salzmann et al. 2020), taken per agent and only over
recorded future steps. Numbers beside steps that were not recorded change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.baselines.history import any_step, mean_over_steps
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future


@dataclass(frozen=True, kw_only=True, slots=True)
class PerAgent:
    """One metric of n agents.

    Attributes:
        value: Zero where not valid.
        valid: The agent has a value.
    """

    value: Float[np.ndarray, " n"]
    valid: Bool[np.ndarray, " n"]

    def mean(self, mask: Bool[np.ndarray, " n"] | None = None) -> float:
        """Mean over the valid agents of ``mask``; NaN where there is none."""
        chosen = self.valid if mask is None else self.valid & mask
        return float(self.value[chosen].mean()) if chosen.any() else float("nan")


def step_mean(values: Float[np.ndarray, "n h"], valid: Bool[np.ndarray, "n h"]) -> PerAgent:
    """Mean over each agent's valid steps."""
    value, found = mean_over_steps(values, valid)
    return PerAgent(value=value, valid=found)


def true_xy(future: Future) -> Float[np.ndarray, "n h 2"]:
    """Recorded positions in float64, zero where not recorded."""
    return np.where(future.valid[..., None], future.xy_m, 0.0).astype(np.float64)


def displacement(xy_m: Float[np.ndarray, "n h 2"], future: Future) -> Float[np.ndarray, "n h"]:
    """Distance of a forecast from the recorded position per step, in metres; zero where not recorded."""
    return _distances(xy_m[:, None], future)[:, 0]


def mode_displacement(
    forecasts: Forecasts, future: Future, *, num_modes: int, steps: slice = slice(None)
) -> Float[np.ndarray, "n k h"]:
    """``displacement`` of the ``num_modes`` most probable modes (of all, where there are fewer), likeliest first.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        num_modes: How many.
        steps: Only these; all by default.
    """
    order = np.argsort(-forecasts.probability, axis=1, kind="stable")[:, :num_modes]
    chosen = forecasts.mode_xy_m[:, :, steps][np.arange(len(order))[:, None], order]
    return _distances(chosen, future, steps=steps)


def _distances(
    xy_m: Float[np.ndarray, "n k h 2"], future: Future, *, steps: slice = slice(None)
) -> Float[np.ndarray, "n k h"]:
    """``displacement`` of k paths of each agent, which are of some steps of the future."""
    # By coordinate: sums over a last axis of two are slow.
    truth = true_xy(future)[:, None, steps]
    x, y = (np.square(np.subtract(xy_m[..., i], truth[..., i], dtype=np.float64)) for i in range(2))
    return np.sqrt(x + y) * future.valid[:, None, steps]


def ade(forecasts: Forecasts, future: Future, *, num_steps: int | None = None) -> PerAgent:
    """Average displacement error of the single forecast: mean distance over the recorded steps, in metres.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        num_steps: Only the first so many steps.
    """
    return step_mean(displacement(forecasts.single_xy_m, future)[:, :num_steps], future.valid[:, :num_steps])


def fde(forecasts: Forecasts, future: Future, *, num_steps: int | None = None) -> PerAgent:
    """Final displacement error of the single forecast: distance at the last step, where it was recorded.

    Args:
        forecasts: Of all agents.
        future: What was recorded.
        num_steps: The last step is the so many-th; by default that of the horizon.
    """
    last = (num_steps or future.valid.shape[1]) - 1
    steps = slice(last, last + 1)
    distance = _distances(forecasts.single_xy_m[:, None, steps], future, steps=steps)
    return PerAgent(value=distance[:, 0, 0], valid=future.valid[:, last])


def min_ade(forecasts: Forecasts, future: Future, *, num_modes: int) -> PerAgent:
    """Least average displacement error of each agent's ``num_modes`` most probable modes, in metres."""
    count = np.maximum(future.valid.sum(axis=1), 1)
    each = mode_displacement(forecasts, future, num_modes=num_modes).sum(axis=-1) / count[:, None]
    return PerAgent(value=each.min(axis=1), valid=any_step(future.valid))


def min_fde(forecasts: Forecasts, future: Future, *, num_modes: int) -> PerAgent:
    """Least final displacement error of each agent's ``num_modes`` most probable modes, in metres."""
    each = mode_displacement(forecasts, future, num_modes=num_modes, steps=slice(-1, None))
    return PerAgent(value=each.min(axis=(1, 2)), valid=future.valid[:, -1])


def miss_rate(final_error: PerAgent, *, miss_m: float) -> PerAgent:
    """One where a final error exceeds ``miss_m`` (at exactly that distance it is no miss), else zero."""
    return PerAgent(value=(final_error.value > miss_m).astype(np.float64), valid=final_error.valid)
