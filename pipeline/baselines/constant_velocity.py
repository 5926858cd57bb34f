"""Constant velocity: everyone goes on as they last went, with a spread fitted on the training drives.

Schöller et al., "What the constant velocity model can teach us about pedestrian motion prediction" (2020): a baseline
that many networks do not beat, provided that it is given its best history length.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from einops import repeat
from jaxtyping import Float, Int

from pipeline.baselines.history import any_step, groups, known_xy, last_heading, last_step, mean_over_steps
from pipeline.baselines.spread import best_by_group, in_agent_frame, in_scene_frame, root_mean
from pipeline.drives.categories import Group
from pipeline.forecasts import Forecasts, unimodal
from pipeline.windows.windows import Future, Observed

MAX_STEPS: Final = 4
MOVING_MPS: Final = 0.5


class Motion(IntEnum):
    """How an agent moved when last seen: the errors of those that stand and those that move differ by an order."""

    STANDING = 0
    MOVING = 1
    UNKNOWN = 2  # a single valid step


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstantVelocity:
    """What ``fit`` found.

    Attributes:
        rate_hz: Of the steps.
        num_steps: Per ``Group``, the velocity is the displacement over up to this many steps.
        sigma_m: Standard deviation per ``Group``, ``Motion`` and future step, along the agent's direction and
            across it.
    """

    rate_hz: float
    num_steps: tuple[int, ...]
    sigma_m: Float[np.ndarray, "g m h 2"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        sigma = np.round(self.sigma_m, 6).tolist()
        return {"rate_hz": self.rate_hz, "num_steps": list(self.num_steps), "sigma_m": sigma}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ConstantVelocity:
        """The inverse of ``to_json``."""
        sigma = np.array(value["sigma_m"], dtype=np.float64)
        return cls(rate_hz=float(value["rate_hz"]), num_steps=tuple(value["num_steps"]), sigma_m=sigma)


def unfitted(*, num_future: int, rate_hz: float) -> ConstantVelocity:
    """Two steps, and a spread of the order found on real driving, for use where there is nothing to fit on."""
    t = np.arange(1, num_future + 1) / rate_hz
    ones = np.ones(2)
    by_motion = np.stack(
        [
            np.multiply.outer(0.1 + 0.2 * t, ones),
            np.multiply.outer(0.2 + 0.5 * t**1.5, np.array([1.0, 0.5])),
            np.multiply.outer(0.5 + 3.0 * t, ones),
        ]
    )
    sigma = repeat(by_motion, "m h two -> g m h two", g=len(Group)).copy()
    return ConstantVelocity(rate_hz=rate_hz, num_steps=(2,) * len(Group), sigma_m=sigma)


def forecast(
    observed: Observed,
    *,
    num_future: int,
    rate_hz: float,
    num_modes: int = 1,
    fitted: ConstantVelocity | None = None,
) -> Forecasts:
    """Go on from the last valid step at the last velocity; an agent seen once stays where it is.

    Args:
        observed: The agents.
        num_future: Steps to forecast.
        rate_hz: Of the observed and the future steps.
        num_modes: Equal copies with equal probabilities, for callers that need a fixed number of modes.
        fitted: What ``fit`` found at the same rate and horizon; ``unfitted`` by default.
    """
    fitted = fitted or unfitted(num_future=num_future, rate_hz=rate_hz)
    assert fitted.sigma_m.shape[2] == num_future, (fitted.sigma_m.shape, num_future)
    assert np.isclose(fitted.rate_hz, rate_hz), (fitted.rate_hz, rate_hz)
    group = groups(observed.category)
    state = _last_state(observed, num_steps=np.array(fitted.num_steps)[group], rate_hz=rate_hz)
    xy = state.paths(num_future)
    sigma, rho = in_scene_frame(fitted.sigma_m[group, state.motion], state.direction)
    return unimodal(xy, sigma_m=sigma, rho=rho, num_modes=num_modes)


def fit(observed: Observed, future: Future, *, rate_hz: float) -> ConstantVelocity:
    """Choose the number of steps by the average displacement error, and the spread by maximum likelihood.

    Args:
        observed: Agents of the training split.
        future: What came after.
        rate_hz: Of the steps.

    Returns:
        The number of steps per group, and the root mean square of the errors per group, motion and step. A group
        with fewer than ``MIN_AGENTS`` samples (of movers, for the steps) takes the values of all groups together,
        and where these are too few as well, those of ``unfitted``.
    """
    group = groups(observed.category)
    num_future = future.valid.shape[1]
    truth = np.where(future.valid[..., None], future.xy_m, 0.0).astype(np.float64)
    num_steps = _best_num_steps(observed, truth, future, rate_hz=rate_hz)
    state = _last_state(observed, num_steps=num_steps[group], rate_hz=rate_hz)
    squares = in_agent_frame(truth - state.paths(num_future), state.direction) ** 2
    # Of one that is seen once nothing is known but the place: how far anyone gets from where they were last seen.
    from_start = (truth - state.start[:, None]) ** 2
    sigma = unfitted(num_future=num_future, rate_hz=rate_hz).sigma_m
    for motion in Motion:
        chosen = state.motion == motion if motion != Motion.UNKNOWN else np.ones(len(group), dtype=bool)
        values = squares if motion != Motion.UNKNOWN else repeat(from_start.mean(axis=-1), "n h -> n h two", two=2)
        sigma[:, motion] = root_mean(values, future.valid & chosen[:, None], group=group, default=sigma[:, motion])
    return ConstantVelocity(rate_hz=rate_hz, num_steps=tuple(map(int, num_steps)), sigma_m=sigma)


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """The last valid position (m), its age (s), the velocity (m/s), the motion and a direction (rad, NaN: none)."""

    start: Float[np.ndarray, "n 2"]
    age: Float[np.ndarray, " n"]
    velocity: Float[np.ndarray, "n 2"]
    motion: Int[np.ndarray, " n"]
    direction: Float[np.ndarray, " n"]
    rate_hz: float

    def paths(self, num_future: int) -> Float[np.ndarray, "n h 2"]:
        """Positions at the future steps."""
        time = self.age[:, None] + np.arange(1, num_future + 1) / self.rate_hz
        return self.start[:, None] + self.velocity[:, None] * time[..., None]


def _last_state(observed: Observed, *, num_steps: Int[np.ndarray, " n"], rate_hz: float) -> _State:
    """Velocity from the oldest valid step at most ``num_steps`` back; from the latest earlier one if none is there."""
    xy, agents, last = known_xy(observed), np.arange(len(observed.valid)), last_step(observed.valid)
    step = np.arange(observed.valid.shape[1])
    earlier = observed.valid & (step < last[:, None])
    near = earlier & (step >= (last - num_steps)[:, None])
    first = np.where(any_step(near), np.argmax(near, axis=1), last_step(earlier))
    known = any_step(earlier)
    elapsed = np.where(known, last - first, 1) / rate_hz
    velocity = np.where(known[:, None], (xy[agents, last] - xy[agents, first]) / elapsed[:, None], 0.0)
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    motion = np.where(known, np.where(speed >= MOVING_MPS, Motion.MOVING, Motion.STANDING), Motion.UNKNOWN)
    heading, heading_known = last_heading(observed)
    still = np.where(heading_known, heading, np.nan)
    return _State(
        start=xy[agents, last],
        age=(observed.valid.shape[1] - 1 - last) / rate_hz,
        velocity=velocity,
        motion=motion,
        direction=np.where(motion == Motion.MOVING, np.arctan2(velocity[:, 1], velocity[:, 0]), still),
        rate_hz=rate_hz,
    )


def _best_num_steps(
    observed: Observed,
    truth: Float[np.ndarray, "n h 2"],
    future: Future,
    *,
    rate_hz: float,
) -> Int[np.ndarray, " g"]:
    """The number of steps with the least average displacement error, per group where it has enough agents."""
    candidates = np.arange(1, MAX_STEPS + 1)
    errors = np.empty((len(truth), len(candidates)))
    for column, count in enumerate(candidates):
        state = _last_state(observed, num_steps=np.full(len(truth), count), rate_hz=rate_hz)
        distance = np.linalg.norm(truth - state.paths(future.valid.shape[1]), axis=-1)
        errors[:, column], _ = mean_over_steps(distance, future.valid)
    return candidates[best_by_group(errors, observed, future, default=1)]
