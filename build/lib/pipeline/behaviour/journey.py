"""Paths from where agents were last seen: the recorded future, or forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, last_step, last_xy
from pipeline.windows.windows import Observed


@dataclass(frozen=True, kw_only=True, slots=True)
class Journey:
    """p paths of s points: where the agent was last seen, then the future steps.

    Attributes:
        xy_m: In the scene frame; zero where not valid.
        valid: The point is there; the place where the agent was last seen always is.
        time_s: After the forecast time; that of the first point is zero or less.
        last: The last valid point.
        rate_hz: Of the steps.
    """

    xy_m: Float[np.ndarray, "p s 2"]
    valid: Bool[np.ndarray, "p s"]
    time_s: Float[np.ndarray, "p s"]
    last: Int[np.ndarray, " p"]
    rate_hz: float

    def speed_mps(self, *, span_s: float) -> Float[np.ndarray, " p"]:
        """Mean over at least the last ``span_s`` of each path (over all of it where it is shorter), as the crow flies.

        Zero where fewer than two points are valid.
        """
        rows = np.arange(len(self.xy_m))
        end_s = self.time_s[rows, self.last]
        before = self.valid & (self.time_s <= end_s[:, None] - span_s + 1e-6)
        first = np.where(any_step(before), last_step(before), np.argmax(self.valid, axis=1))
        offset = self.xy_m[rows, self.last] - self.xy_m[rows, first]
        elapsed_s = end_s - self.time_s[rows, first]
        return np.hypot(offset[:, 0], offset[:, 1]) / np.where(elapsed_s > 0, elapsed_s, 1.0)


def journey(
    observed: Observed,
    xy_m: Float[np.ndarray, "p h 2"],
    valid: Bool[np.ndarray, "p h"],
    *,
    agent: Int[np.ndarray, " p"],
    rate_hz: float,
) -> Journey:
    """Paths with the places where they start.

    Args:
        observed: The agents.
        xy_m: Future steps in the scene frame.
        valid: Which of them are there.
        agent: Whose path each is.
        rate_hz: Of the steps.
    """
    start = last_xy(observed)[agent, None]
    age = (observed.valid.shape[1] - 1 - last_step(observed.valid))[agent]
    steps = np.broadcast_to(np.arange(1, xy_m.shape[1] + 1), valid.shape)
    there = np.concatenate([np.ones((len(agent), 1), np.bool_), valid], axis=1)
    return Journey(
        xy_m=np.concatenate([start, np.where(valid[..., None], xy_m, 0.0).astype(np.float64)], axis=1),
        valid=there,
        time_s=np.concatenate([-age[:, None], steps], axis=1) / rate_hz,
        last=last_step(there),
        rate_hz=rate_hz,
    )
