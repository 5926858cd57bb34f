"""The controls that lead along a path: acceleration and curvature per step, of recorded futures and of forecasts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import filled, last_heading, last_step, last_xy
from pipeline.behaviour.motion import path_motion
from pipeline.behaviour.present import MIN_TURNING_MPS, Present, present
from pipeline.drives.categories import Category
from pipeline.windows.windows import Observed

HALF_SPAN_S: Final = 0.6  # slopes are over so much time to either side: 0.05 m of jitter at 5 Hz is then 0.3 m/s2
_HALF_SPAN_STEPS: Final = 2.5  # and over so many steps at least
_BATCH: Final = 4096  # agents at a time, which bounds the memory
_MIN_SAMPLES: Final = 3  # a slope of two has no redundancy


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Where n agents start from.

    Attributes:
        xy_m: Where each was last seen, in the scene frame.
        age: Steps between that and the forecast time.
        velocity_mps: There, in the scene frame.
        known: The velocity can be told.
        heading_rad: There; NaN where there is none.
    """

    xy_m: Float[np.ndarray, "n 2"]
    age: Int[np.ndarray, " n"]
    velocity_mps: Float[np.ndarray, "n 2"]
    known: Bool[np.ndarray, " n"]
    heading_rad: Float[np.ndarray, " n"]

    def of(self, agents: slice) -> Start:
        """The same of some agents."""
        return Start(**{f.name: getattr(self, f.name)[agents] for f in fields(Start)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """Of h steps of k paths of n agents.

    Attributes:
        accel_mps2: Along the direction of motion; NaN where it cannot be told.
        curvature_1pm: Of the path, left positive; NaN where it cannot be told, so also where the agent hardly moves.
        speed_mps: Mean around the step; NaN where it cannot be told.
    """

    accel_mps2: Float[np.ndarray, "n k h"]
    curvature_1pm: Float[np.ndarray, "n k h"]
    speed_mps: Float[np.ndarray, "n k h"]


def start_of(observed: Observed, *, rate_hz: float, moving: Present | None = None) -> Start:
    """The start of every path, from what was observed; static objects stand.

    Args:
        observed: The agents.
        rate_hz: Of the steps.
        moving: Of ``present``, where it has been computed already.
    """
    moving = moving or present(observed, rate_hz=rate_hz)
    heading, known = last_heading(observed)
    static = observed.category == Category.STATIC
    return Start(
        xy_m=last_xy(observed),
        age=observed.valid.shape[1] - 1 - last_step(observed.valid),
        velocity_mps=np.where(static[:, None], 0.0, moving.velocity_mps),
        known=moving.known,
        heading_rad=np.where(known, heading, np.nan),
    )


def controls(
    xy_m: Float[np.ndarray, "n k h 2"], *, start: Start, rate_hz: float, valid: Bool[np.ndarray, "n h"] | None = None
) -> Controls:
    """Acceleration and curvature at each step of paths.

    Speeds and directions are those of the displacements between steps (``motion.path_motion``), and at the start those
    of the velocity there. The acceleration is the slope of the speeds over time, by least squares over what lies within
    0.6 s of the step (and at least two and a half steps; at the ends of a path, over the 1.2 s nearest to it). The
    curvature is the slope of the directions over the length of the path, where each counts by the square of its speed,
    since what is slow has noisy directions. So the second difference is taken over a second, not over two steps,
    between which jitter would be most of it. Exact where acceleration and curvature are constant and the velocity at
    the start is right (``present`` takes 3 % off it on a circle of 6 m at 4 m/s).

    Args:
        xy_m: Future steps in the scene frame.
        start: Where they start.
        rate_hz: Of the steps.
        valid: Which steps are there; all by default. The others have no controls.
    """
    num_agents, num_future = xy_m.shape[0], xy_m.shape[2]
    there = np.ones((num_agents, num_future), np.bool_) if valid is None else valid
    parts = [
        _controls(xy_m[some], start=start.of(some), rate_hz=rate_hz, there=there[some])
        for some in (slice(first, first + _BATCH) for first in range(0, max(num_agents, 1), _BATCH))
    ]
    return Controls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Controls)})


def _controls(
    xy_m: Float[np.ndarray, "n k h 2"], *, start: Start, rate_hz: float, there: Bool[np.ndarray, "n h"]
) -> Controls:
    """``controls`` of some agents."""
    num_future = xy_m.shape[2]
    heading, speed = path_motion(
        _without_holes(xy_m, there, start=start),
        start_m=start.xy_m,
        start_age=start.age,
        start_heading_rad=start.heading_rad,
        rate_hz=rate_hz,
    )
    samples = _samples(heading, speed, start=start, there=there, rate_hz=rate_hz)
    half_s = max(HALF_SPAN_S, _HALF_SPAN_STEPS / rate_hz)
    # At both ends of a path the span is shifted, not cut: the slope of half a span is four times as noisy.
    first_s = half_s - start.age / rate_hz
    last_s = np.where(there.sum(axis=1) > 0, last_step(there) + 1, 0) / rate_hz - half_s
    step_s = np.broadcast_to(np.arange(1, num_future + 1) / rate_hz, there.shape)
    centre_s = np.maximum(np.minimum(step_s, last_s[:, None]), first_s[:, None])
    near = samples.there[:, None] & (np.abs(samples.time_s[:, None] - centre_s[..., None]) <= half_s + 1e-6)
    ones = np.ones_like(samples.speed_mps)
    accel, mean_mps = _slope(samples.time_s[:, None] * ones, samples.speed_mps, weight=ones, near=near)
    bend, _ = _slope(samples.along_m, samples.heading_rad, weight=samples.speed_mps**2, near=near)
    enough = (there & (near.sum(axis=-1) >= _MIN_SAMPLES))[:, None]
    return Controls(
        accel_mps2=np.where(enough, accel, np.nan),
        curvature_1pm=np.where(enough & (mean_mps >= MIN_TURNING_MPS), bend, np.nan),
        speed_mps=np.where(enough, mean_mps, np.nan),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Samples:
    """The start and the middle of each of h displacements: s = h + 1 samples; zeros where not there."""

    time_s: Float[np.ndarray, "n s"]
    there: Bool[np.ndarray, "n s"]
    speed_mps: Float[np.ndarray, "n k s"]
    heading_rad: Float[np.ndarray, "n k s"]  # unwrapped
    along_m: Float[np.ndarray, "n k s"]  # length of the path up to there


def _samples(
    heading_rad: Float[np.ndarray, "n k h"],
    speed_mps: Float[np.ndarray, "n k h"],
    *,
    start: Start,
    there: Bool[np.ndarray, "n h"],
    rate_hz: float,
) -> _Samples:
    num_agents, num_paths, num_future = speed_mps.shape
    from_s = np.concatenate([-start.age[:, None], np.tile(np.arange(1, num_future), (num_agents, 1))], axis=1) / rate_hz
    to_s = np.arange(1, num_future + 1) / rate_hz
    before = np.concatenate([np.ones((num_agents, 1), np.bool_), there[:, :-1]], axis=1)

    def joined(first: Float[np.ndarray, " n"], others: Float[np.ndarray, "n k h"]) -> Float[np.ndarray, "n k s"]:
        ahead = np.broadcast_to(first[:, None, None], (num_agents, num_paths, 1))
        return np.concatenate([ahead, others], axis=2)

    x, y = start.velocity_mps.T
    direction = np.where(np.hypot(x, y) >= MIN_TURNING_MPS, np.arctan2(y, x), np.nan)
    direction = np.where(np.isnan(direction), start.heading_rad, direction)
    headings = joined(direction, heading_rad)
    first = np.where(np.isnan(headings), np.inf, np.arange(num_future + 1)).argmin(axis=2)
    # Before the first direction that is known the path stands, so it may be any.
    known = np.take_along_axis(headings, first[..., None], axis=2)
    length_m = joined(np.zeros(num_agents), speed_mps * (to_s - from_s)[:, None])
    return _Samples(
        time_s=np.concatenate([-start.age[:, None] / rate_hz, (from_s + to_s) / 2.0], axis=1),
        there=np.concatenate([start.known[:, None], there & before], axis=1),
        speed_mps=joined(np.hypot(x, y), speed_mps),
        heading_rad=np.unwrap(np.nan_to_num(np.where(np.isnan(headings), known, headings)), axis=2),
        along_m=np.cumsum(length_m, axis=2) - length_m / 2.0,
    )


def _without_holes(
    xy_m: Float[np.ndarray, "n k h 2"], there: Bool[np.ndarray, "n h"], *, start: Start
) -> Float[np.ndarray, "n k h 2"]:
    """The paths with straight lines over what is missing, so that their lengths and headings mean something there."""
    if there.all():
        return xy_m.astype(np.float64)
    num_paths = xy_m.shape[1]
    ahead = repeat(start.xy_m, "n two -> (n k) 1 two", k=num_paths)
    path = np.concatenate([ahead, rearrange(xy_m, "n k h two -> (n k) h two")], axis=1)
    valid = np.concatenate([np.ones((len(path), 1), np.bool_), repeat(there, "n h -> (n k) h", k=num_paths)], axis=1)
    whole, _, _ = filled(path, valid)
    return rearrange(whole[:, 1:], "(n k) h two -> n k h two", k=num_paths)


def _slope(
    x: Float[np.ndarray, "n k s"],
    y: Float[np.ndarray, "n k s"],
    *,
    weight: Float[np.ndarray, "n k s"],
    near: Bool[np.ndarray, "n h s"],
) -> tuple[Float[np.ndarray, "n k h"], Float[np.ndarray, "n k h"]]:
    """Slope of y over x by weighted least squares over the near samples, and the weighted mean of y.

    Zero where nothing is near, or x does not vary there.
    """
    picked = near.astype(np.float64)

    def total(values: Float[np.ndarray, "n k s"]) -> Float[np.ndarray, "n k h"]:
        return np.einsum("nhs,nks->nkh", picked, weight * values, optimize=True)

    count = np.maximum(total(np.ones_like(x)), 1e-12)
    mean_x, mean_y = total(x) / count, total(y) / count
    spread = total(x**2) / count - mean_x**2
    together = total(x * y) / count - mean_x * mean_y
    return np.where(spread > 1e-9, together / np.maximum(spread, 1e-9), 0.0), mean_y
