"""One rate: the drive's step clock, and which measurements each step of each agent is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

MAX_STEPS: Final = 2_000_000  # 55 hours at 10 Hz: beyond it a timestamp is wrong


def num_steps(first_ns: int, last_ns: int, *, rate_hz: float, snap_s: float) -> int:
    """At most one more than the steps from the first measurement up to ``snap_s`` after the last."""
    return int((last_ns - first_ns + round(snap_s * 1e9)) * rate_hz / 1e9) + 2


def step_clock(times_ns: Int[np.ndarray, " u"], *, rate_hz: float, snap_s: float) -> Int[np.ndarray, " s"]:
    """Time of every step: the earliest measurement within ``snap_s`` of the nominal time, else the nominal time.

    The earliest, because then no later measurement can move a step that something before it was made for.

    Args:
        times_ns: Times of all measurements of the drive, ascending; the first is step 0.
        rate_hz: Of the steps.
        snap_s: Less than half a step.
    """
    first, last = int(times_ns[0]), int(times_ns[-1])
    snap_ns = round(snap_s * 1e9)
    count = num_steps(first, last, rate_hz=rate_hz, snap_s=snap_s)
    assert count <= MAX_STEPS, count
    # A product per step, never a running sum: nothing drifts, and each is the nearest nanosecond.
    nominal = first + np.rint(np.arange(count) * 1e9 / rate_hz).astype(np.int64)
    nominal = nominal[nominal <= last + snap_ns]
    index = np.minimum(np.searchsorted(times_ns, nominal - snap_ns), len(times_ns) - 1)
    earliest = times_ns[index]
    return np.where(np.abs(earliest - nominal) <= snap_ns, earliest, nominal)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """What each of r clean rows is made of, by agent and step.

    Attributes:
        step: Index into the step clock.
        before: The measurement at or before the step.
        after: The measurement after the step; the same as ``before`` where that lies exactly on it.
        weight: Of ``after``; zero on exact hits.
        run: Rows of one number are of one agent, without a gap.
    """

    step: Int[np.ndarray, " r"]
    before: Int[np.ndarray, " r"]
    after: Int[np.ndarray, " r"]
    weight: Float[np.ndarray, " r"]
    run: Int[np.ndarray, " r"]

    def linear(self, values: Float[np.ndarray, "m *d"]) -> Float[np.ndarray, "r *d"]:
        """Linear interpolation; on exact hits the measured value, bit by bit."""
        weight = self.weight.reshape(-1, *[1] * (values.ndim - 1))
        return values[self.before] + weight * (values[self.after] - values[self.before])

    def angle(self, angles_rad: Float[np.ndarray, " m"]) -> Float[np.ndarray, " r"]:
        """Interpolation by the shortest arc, in -pi to pi; NaN where either side is."""
        turn = wrap_angle(angles_rad[self.after] - angles_rad[self.before])
        return wrap_angle(angles_rad[self.before] + self.weight * turn)


def sample_steps(
    agent: Int[np.ndarray, " m"],
    *,
    times_ns: Int[np.ndarray, " m"],
    step_times_ns: Int[np.ndarray, " s"],
    max_gap_s: float,
) -> Sampling:
    """Find, for every agent, the steps that it has: on a measurement, or between two at most ``max_gap_s`` apart.

    Args:
        agent: Which agent each measurement is of; ascending.
        times_ns: Ascending within an agent, without repeats.
        step_times_ns: The step clock.
        max_gap_s: Nothing is made between measurements further apart.
    """
    joined = np.zeros(len(agent), dtype=np.bool_)  # the next measurement goes on from this one
    joined[:-1] = (agent[1:] == agent[:-1]) & (np.diff(times_ns) <= max_gap_s * 1e9)
    start = np.searchsorted(step_times_ns, times_ns, side="left")
    stop = np.searchsorted(step_times_ns, times_ns, side="right")  # one on: the step on the measurement alone
    stop[:-1] = np.where(joined[:-1], start[1:], stop[:-1])
    count = stop - start
    before = np.repeat(np.arange(len(agent)), count)
    step = np.arange(len(before)) - np.repeat(np.cumsum(count) - count, count) + start[before]
    exact: Bool[np.ndarray, " r"] = step_times_ns[step] == times_ns[before]
    after = np.where(exact, before, np.minimum(before + 1, len(agent) - 1))
    span = np.where(exact, 1, times_ns[after] - times_ns[before])
    weight = np.where(exact, 0.0, (step_times_ns[step] - times_ns[before]) / span)
    run = np.cumsum(~joined) - ~joined
    return Sampling(step=step, before=before, after=after, weight=weight, run=run[before])


def wrap_angle(angle_rad: Float[np.ndarray, " *r"]) -> Float[np.ndarray, " *r"]:
    """The same angle in -pi to pi; untouched where it is there already."""
    return np.where(np.abs(angle_rad) <= np.pi, angle_rad, np.remainder(angle_rad + np.pi, 2.0 * np.pi) - np.pi)
