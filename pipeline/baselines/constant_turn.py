"""Constant turn rate and acceleration: everyone goes on as they last turned and braked.

Schubert, Richter & Wanielik, "Comparison and evaluation of advanced motion models for vehicle tracking" (2008). Here
the state is that of a parabola through the last positions, and nobody brakes into going backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float

from pipeline.baselines.history import any_step, groups, known_xy, last_heading, last_step, mean_over_steps
from pipeline.baselines.spread import best_by_group, in_agent_frame, in_scene_frame, root_mean
from pipeline.drives.categories import Group
from pipeline.forecasts import Forecasts, unimodal
from pipeline.windows.windows import Future, Observed

LENGTHS_S: Final = (1.0, 1.4, 2.0)  # that the parabola may be laid through: over less its curve is noise
MOVING_MPS: Final = 1.0  # below, directions are noise, and so are turns
MAX_TURN_RADPS: Final = 1.0
MAX_ACCEL_MPS2: Final = 8.0
_SUBSTEPS: Final = 4  # of the integration, per step


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstantTurn:
    """What ``fit`` found.

    Attributes:
        length_s: Per ``Group``, how long the parabola is laid through, back from the last valid step.
        sigma_m: Standard deviation per ``Group`` and future step, along the agent's direction and across it.
    """

    length_s: tuple[float, ...]
    sigma_m: Float[np.ndarray, "g h 2"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"length_s": list(self.length_s), "sigma_m": np.round(self.sigma_m, 6).tolist()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """At the last valid position ``start`` (m): its age (s), speed, direction (NaN: none), turn rate, acceleration."""

    start: Float[np.ndarray, "n 2"]
    age: Float[np.ndarray, " n"]
    speed: Float[np.ndarray, " n"]
    direction: Float[np.ndarray, " n"]
    turn: Float[np.ndarray, " n"]
    acceleration: Float[np.ndarray, " n"]

    def paths(self, num_future: int, *, rate_hz: float) -> Float[np.ndarray, "n h 2"]:
        """Positions at the future steps, by the midpoint rule."""
        ends = self.age[:, None] + np.arange(1, num_future + 1) / rate_hz
        starts = np.concatenate([np.zeros_like(ends[:, :1]), ends[:, :-1]], axis=1)
        share = (np.arange(_SUBSTEPS) + 0.5) / _SUBSTEPS
        time = rearrange(starts[..., None] + (ends - starts)[..., None] * share, "n h s -> n (h s)")
        speed = np.maximum(self.speed[:, None] + self.acceleration[:, None] * time, 0.0)
        angle = np.nan_to_num(self.direction)[:, None] + self.turn[:, None] * time
        pace = speed[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        way = rearrange(pace, "n (h s) two -> n h s two", s=_SUBSTEPS).mean(axis=2) * (ends - starts)[..., None]
        return self.start[:, None] + np.cumsum(way, axis=1)


def forecast(observed: Observed, *, num_future: int, rate_hz: float, fitted: ConstantTurn) -> Forecasts:
    """Go on from the last valid step; one mode.

    Args:
        observed: The agents.
        num_future: Steps to forecast.
        rate_hz: Of the observed and the future steps.
        fitted: What ``fit`` found at the same rate and horizon.
    """
    group = groups(observed.category)
    state = _last_state(observed, length_s=np.array(fitted.length_s)[group], rate_hz=rate_hz)
    xy = state.paths(num_future, rate_hz=rate_hz)
    sigma, rho = in_scene_frame(fitted.sigma_m[group], state.direction)
    return unimodal(xy, sigma_m=sigma, rho=rho)


def fit(observed: Observed, future: Future, *, rate_hz: float) -> ConstantTurn:
    """Choose the length of the parabola by the average displacement error, and the spread by maximum likelihood.

    Args:
        observed: Agents of the training split.
        future: What came after.
        rate_hz: Of the steps.

    Returns:
        Both per group; one of which too few move takes the values of all together.
    """
    group, num_future = groups(observed.category), future.valid.shape[1]
    truth = np.where(future.valid[..., None], future.xy_m, 0.0).astype(np.float64)
    usable = any_step(future.valid) & (observed.valid.sum(axis=1) >= 2)
    states = [_last_state(observed, length_s=np.full(len(group), length_s), rate_hz=rate_hz) for length_s in LENGTHS_S]
    paths = [state.paths(num_future, rate_hz=rate_hz) for state in states]
    errors = np.stack(
        [mean_over_steps(np.linalg.norm(truth - path, axis=-1), future.valid)[0] for path in paths], axis=1
    )
    best = best_by_group(errors, observed, future, default=0)
    agents = np.arange(len(group))
    path, direction = (np.stack(each)[best[group], agents] for each in (paths, [s.direction for s in states]))
    default = repeat(1.0 + np.arange(num_future) / rate_hz, "h -> g h two", g=len(Group), two=2)
    squares = in_agent_frame(truth - path, direction) ** 2
    sigma = root_mean(squares, future.valid & usable[:, None], group=group, default=default)
    return ConstantTurn(length_s=tuple(LENGTHS_S[number] for number in best), sigma_m=sigma)


def _last_state(observed: Observed, *, length_s: Float[np.ndarray, " n"], rate_hz: float) -> _State:
    """Of the least-squares parabola through the valid steps from ``length_s`` before the last one on.

    Of one that is seen there only twice it is the line through both; one that is seen once stands.
    """
    xy, valid = known_xy(observed), observed.valid
    agents, last = np.arange(len(valid)), last_step(valid)
    step = np.arange(valid.shape[1])
    time = (step - last[:, None]) / rate_hz
    counted = valid & (time <= 0.0) & (time >= -length_s[:, None] - 1e-6)
    start = xy[agents, last]
    velocity, curve = _parabola(xy - start[:, None], time=time, counted=counted)
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    moving = speed >= MOVING_MPS
    safe = np.where(moving, speed, 1.0)
    along = np.where(moving, (velocity * curve).sum(axis=-1) / safe, 0.0)
    across = np.where(moving, (velocity[:, 0] * curve[:, 1] - velocity[:, 1] * curve[:, 0]) / safe, 0.0)
    heading, heading_known = last_heading(observed)
    moving_along = np.arctan2(velocity[:, 1], velocity[:, 0])
    return _State(
        start=start,
        age=(valid.shape[1] - 1 - last) / rate_hz,
        speed=speed,
        direction=np.where(speed > 0.0, moving_along, np.where(heading_known, heading, np.nan)),
        turn=np.clip(across / safe, -MAX_TURN_RADPS, MAX_TURN_RADPS),
        acceleration=np.clip(along, -MAX_ACCEL_MPS2, MAX_ACCEL_MPS2),
    )


def _parabola(
    xy_m: Float[np.ndarray, "n t 2"], *, time: Float[np.ndarray, "n t"], counted: Bool[np.ndarray, "n t"]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Velocity and acceleration at time zero; without the latter where fewer than three steps count."""
    num = counted.sum(axis=1)
    weight = counted.astype(np.float64)
    terms = np.stack([np.ones_like(time), time, 0.5 * time**2], axis=-1)
    terms[num < 3, :, 2] = 0.0
    normal = np.einsum("nt,nti,ntj->nij", weight, terms, terms) + 1e-9 * np.eye(3)
    found = np.linalg.solve(normal, np.einsum("nt,nti,ntd->nid", weight, terms, xy_m))
    known = (num >= 2)[:, None]
    return np.where(known, found[:, 1], 0.0), np.where(known, found[:, 2], 0.0)
