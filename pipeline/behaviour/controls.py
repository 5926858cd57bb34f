"""The controls that lead along a path: acceleration and curvature per step, of recorded futures and of forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import filled, last_heading, last_step, last_xy
from pipeline.behaviour.motion import motion_by_step
from pipeline.behaviour.present import MIN_TURNING_MPS, Present, present
from pipeline.drives.categories import Category
from pipeline.windows.windows import Observed

HALF_SPAN_S: Final = 0.6  # slopes are over so much time to either side: 0.05 m of jitter at 5 Hz is then 0.3 m/s2
_HALF_SPAN_STEPS: Final = 2.5  # and over so many steps at least
_PATHS: Final = 1024  # at a time: what is made of them stays in the processor's cache
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

    def of(self, agents: slice | Int[np.ndarray, " m"]) -> Start:
        """The same of some agents."""
        return Start(**{f.name: getattr(self, f.name)[agents] for f in fields(Start)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """Of h steps of k paths of n agents.

    Attributes:
        accel_mps2: Along the direction of motion; NaN where it cannot be told.
        curvature_1pm: Of the path, left positive; NaN where it cannot be told, so also where the agent hardly moves.
        speed_mps: Mean around the step; NaN where it cannot be told.
        step_heading_rad: Of the displacement that leads to the step, as ``motion.motion_by_step`` has it.
        step_speed_mps: Likewise.
    """

    accel_mps2: Float[np.ndarray, "n k h"]
    curvature_1pm: Float[np.ndarray, "n k h"]
    speed_mps: Float[np.ndarray, "n k h"]
    step_heading_rad: Float[np.ndarray, "n k h"]
    step_speed_mps: Float[np.ndarray, "n k h"]


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

    Speeds and directions are those of the displacements between steps (``motion.motion_by_step``), at the start those
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
    there = np.ones((xy_m.shape[0], xy_m.shape[2]), np.bool_) if valid is None else valid
    found = Controls(**{f.name: np.empty(xy_m.shape[:3]) for f in fields(Controls)})
    most = max(_PATHS // max(xy_m.shape[1], 1), 1)
    for alike in _alike(start, there):
        for some in (alike[first : first + most] for first in range(0, len(alike), most)):
            part = _controls(xy_m[some], start=start.of(some), rate_hz=rate_hz, there=there[some])
            for name, values in part.items():
                getattr(found, name)[some] = rearrange(values, "h (n k) -> n k h", n=len(some))
    return found


def _alike(start: Start, there: Bool[np.ndarray, "n h"]) -> list[Int[np.ndarray, " m"]]:
    """Agents, together where their steps lie alike in time and end alike: the same samples are then near each step."""
    order = np.lexsort((last_step(there), start.age))
    key = np.stack([start.age, _steps_there(there)], axis=1)[order]
    return np.split(order, np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1) if len(order) else []


def _steps_there(there: Bool[np.ndarray, "n h"]) -> Int[np.ndarray, " n"]:
    """Steps up to the last one that is there; zero where none is."""
    return np.where(there.any(axis=1), last_step(there) + 1, 0)


def _controls(
    xy_m: Float[np.ndarray, "n k h 2"], *, start: Start, rate_hz: float, there: Bool[np.ndarray, "n h"]
) -> dict[str, Float[np.ndarray, "h p"]]:
    """``Controls`` of some agents that are alike, step by step, all their paths side by side."""
    num_paths = xy_m.shape[1]
    heading, speed = motion_by_step(
        _without_holes(xy_m, there, start=start),
        start_m=start.xy_m,
        start_age=start.age,
        start_heading_rad=start.heading_rad,
        rate_hz=rate_hz,
    )
    samples = _samples(heading, speed, start=start, there=there, rate_hz=rate_hz)
    half_s = max(HALF_SPAN_S, _HALF_SPAN_STEPS / rate_hz)
    # At both ends of a path the span is shifted, not cut: the slope of half a span is four times as noisy.
    first_s, last_s = half_s - start.age[0] / rate_hz, _steps_there(there[:1])[0] / rate_hz - half_s
    centre_s = np.maximum(np.minimum(np.arange(1, xy_m.shape[2] + 1) / rate_hz, last_s), first_s)
    begin = np.searchsorted(samples.time_s, centre_s - half_s - 1e-6)
    end = np.searchsorted(samples.time_s, centre_s + half_s + 1e-6, side="right")
    spans = [slice(*span) for span in zip(begin.tolist(), end.tolist(), strict=True)]
    weight = samples.there.astype(np.float64)
    accel, mean_mps, count = _slope(samples.time_s[:, None], samples.speed_mps, weight=weight, spans=spans)
    weight *= samples.speed_mps**2
    bend, _, _ = _slope(samples.along_m, samples.heading_rad, weight=weight, spans=spans)
    enough = np.repeat(there, num_paths, axis=0).T & (count >= _MIN_SAMPLES)
    return {
        "accel_mps2": np.where(enough, accel, np.nan),
        "curvature_1pm": np.where(enough & (mean_mps >= MIN_TURNING_MPS), bend, np.nan),
        "speed_mps": np.where(enough, mean_mps, np.nan),
        "step_heading_rad": heading,
        "step_speed_mps": speed,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Samples:
    """The start and the middle of each of h displacements of p paths: s = h + 1 samples; of some use where there."""

    time_s: Float[np.ndarray, " s"]  # ascending
    there: Bool[np.ndarray, "s p"]
    speed_mps: Float[np.ndarray, "s p"]
    heading_rad: Float[np.ndarray, "s p"]  # unwrapped
    along_m: Float[np.ndarray, "s p"]  # length of the path up to there


def _samples(
    heading_rad: Float[np.ndarray, "h p"],
    speed_mps: Float[np.ndarray, "h p"],
    *,
    start: Start,
    there: Bool[np.ndarray, "n h"],
    rate_hz: float,
) -> _Samples:
    num_future, num_paths = len(speed_mps), speed_mps.shape[1] // len(there)
    to_s = np.arange(num_future + 1) / rate_hz
    from_s = np.r_[0.0, -start.age[0] / rate_hz, to_s[1:-1]]
    x, y = start.velocity_mps.T
    direction = np.where(np.hypot(x, y) >= MIN_TURNING_MPS, np.arctan2(y, x), np.nan)
    direction = np.where(np.isnan(direction), start.heading_rad, direction)
    speeds = np.concatenate([np.repeat(np.hypot(x, y), num_paths)[None], speed_mps])
    along_m = speeds * (to_s - from_s)[:, None]
    middle_m = along_m / 2.0
    for step in range(1, num_future + 1):
        along_m[step] += along_m[step - 1]
    before = np.concatenate([np.ones((len(there), 1), np.bool_), there[:, :-1]], axis=1)
    sampled = np.concatenate([start.known[:, None], there & before], axis=1)
    return _Samples(
        time_s=np.r_[-start.age[0] / rate_hz, (from_s + to_s)[1:] / 2.0],
        there=np.repeat(sampled, num_paths, axis=0).T,
        speed_mps=speeds,
        heading_rad=_unwrapped(np.concatenate([np.repeat(direction, num_paths)[None], heading_rad])),
        along_m=along_m - middle_m,
    )


def _unwrapped(heading_rad: Float[np.ndarray, "s p"]) -> Float[np.ndarray, "s p"]:
    """Headings without jumps by whole turns. Before the first one that is known a path stands, so it may be any."""
    unknown = np.isnan(heading_rad)
    if unknown.any():
        first = np.take_along_axis(heading_rad, unknown.argmin(axis=0)[None], axis=0)
        heading_rad = np.nan_to_num(np.where(unknown, first, heading_rad))
    turns = np.rint(np.diff(heading_rad, axis=0) / (2.0 * np.pi))
    for step in range(1, len(turns)):
        turns[step] += turns[step - 1]
    heading_rad[1:] -= 2.0 * np.pi * turns
    return heading_rad


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
    x: Float[np.ndarray, "s #p"],
    y: Float[np.ndarray, "s p"],
    *,
    weight: Float[np.ndarray, "s p"],
    spans: Sequence[slice],
) -> tuple[Float[np.ndarray, "h p"], Float[np.ndarray, "h p"], Float[np.ndarray, "h p"]]:
    """Slope of y over x by weighted least squares over the samples of each span, weighted mean of y, sum of weights.

    Zero where nothing is near, or x does not vary there.
    """
    values = np.empty((5, *y.shape))
    values[0] = weight
    np.multiply(weight, x, out=values[1])
    np.multiply(weight, y, out=values[2])
    np.multiply(values[1], x, out=values[3])
    np.multiply(values[1], y, out=values[4])
    totals = np.empty((5, len(spans), y.shape[1]))
    for step, span in enumerate(spans):
        values[:, span].sum(axis=1, out=totals[:, step])
    total = totals[0].copy()
    totals[1:] /= np.maximum(total, 1e-12)
    mean_x, mean_y, square, product = totals[1:]
    spread = square - mean_x**2
    return np.where(spread > 1e-9, (product - mean_x * mean_y) / np.maximum(spread, 1e-9), 0.0), mean_y, total
