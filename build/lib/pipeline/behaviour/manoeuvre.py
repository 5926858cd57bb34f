"""Manoeuvres by rules on geometry: the direction that an agent takes and its pace, over the whole horizon."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, groups, known_xy, last_step
from pipeline.behaviour.journey import Journey, journey
from pipeline.behaviour.turning import ON_WHEELS, turn
from pipeline.drives.categories import Category
from pipeline.windows.windows import Future, Observed

TURN_RAD: Final = np.radians(25.0)  # Waymo's motion metrics say 30 degrees of 8 s; 4 s see more of half a turn
U_TURN_RAD: Final = np.radians(135.0)  # halfway between a right angle and about
SPAN_S: Final = 1.0  # speeds are means over so long: 0.15 m of jitter at both ends is 0.2 m/s
STANDING_MPS: Final = 0.5  # below this one stands: twice that jitter, and less than half a walk
MIN_CHANGE: Final = 0.15  # a change of pace is so much of the speed before it,
MIN_CHANGE_MPS: Final = 1.0  # and on wheels so much at least: a quarter of 1 m/s2 kept up for 4 s
MIN_CHANGE_ON_FOOT_MPS: Final = 0.5  # at a walk of 1.3 m/s
MIN_HISTORY_S: Final = 0.5  # of a shorter one the speed is noise
MAX_GAP_S: Final = 1.0  # what happened in a longer gap is not known
END_S: Final = 0.5  # so late the recording may end before the horizon
MIN_STEPS: Final = 2


class Direction(IntEnum):
    """Where an agent goes. The number is what weights and tables store: append, never renumber."""

    KEEP = 0
    LEFT = 1
    RIGHT = 2
    U_TURN = 3

    @property
    def label(self) -> str:
        """The word in the output."""
        return self.name.lower()


class Pace(IntEnum):
    """What an agent does to its speed. The number is what weights and tables store: append, never renumber."""

    CRUISE = 0  # keeps its speed, also that of standing
    ACCELERATE = 1
    BRAKE = 2
    STOP = 3
    START = 4

    @property
    def label(self) -> str:
        """The word in the output."""
        return self.name.lower()


MIRRORED: Final = (Direction.KEEP, Direction.RIGHT, Direction.LEFT, Direction.U_TURN)  # of a mirrored scene, by number


@dataclass(frozen=True, kw_only=True, slots=True)
class Manoeuvres:
    """What n agents do over the horizon. Where not valid, the number beside it is zero and means nothing.

    Attributes:
        direction: ``Direction`` of each.
        direction_valid: It can be told.
        pace: ``Pace`` of each.
        pace_valid: It can be told.
    """

    direction: Int[np.ndarray, " n"]
    direction_valid: Bool[np.ndarray, " n"]
    pace: Int[np.ndarray, " n"]
    pace_valid: Bool[np.ndarray, " n"]

    def counts(self, mask: Bool[np.ndarray, " n"] | None = None) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " d"]]:
        """How many agents (of ``mask``) are in each class of ``Direction`` and of ``Pace``."""
        chosen = np.ones(len(self.pace), np.bool_) if mask is None else mask
        return (
            np.bincount(self.direction[chosen & self.direction_valid], minlength=len(Direction)),
            np.bincount(self.pace[chosen & self.pace_valid], minlength=len(Pace)),
        )


def manoeuvres(observed: Observed, future: Future, *, rate_hz: float) -> Manoeuvres:
    """What agents did in the recorded future, by rules on the path of the box centre alone.

    Directions compare that of the last observed 2 m with that of the last recorded 2 m (``turning.turn``):

    * ``LEFT``, ``RIGHT``: the net turn is more than 25 degrees, whether at a junction or along a bend;
    * ``U_TURN``: more than 135 degrees, to either side;
    * ``KEEP``: all else, so also a change of lane, a turn and back, and standing.

    Paces compare the mean speed of the last observed second with that of the last recorded one:

    * ``STOP``: it moved (0.5 m/s or more) and stands at the end; ``START``: the reverse;
    * ``ACCELERATE``, ``BRAKE``: it moves all the same, but changed its speed;
    * ``CRUISE``: all else, so also standing all the time, and slowing down and speeding up again.

    A change is at least 1 m/s on wheels and 0.5 m/s on foot, and at least 15 % of the speed before. The rules are the
    same for all road users otherwise. (Waymo's motion metrics sort trajectories likewise, by the net turn; Ettinger et
    al. 2021.)

    No label has one of the category STATIC; one whose observed history is shorter than half a second; one whose
    recorded future ends more than half a second before the horizon or has a gap of more than a second. One that stood
    without a heading and moves off has a pace and no direction.

    Args:
        observed: The agents.
        future: What was recorded.
        rate_hz: Of the steps.
    """
    agent = np.arange(len(observed.category))
    path = journey(observed, future.xy_m, future.valid, agent=agent, rate_hz=rate_hz)
    found = classify(path, observed=observed, agent=agent)
    usable = can_have_manoeuvre(observed) & _long_enough(observed, rate_hz=rate_hz) & _recorded(path)
    direction_valid, pace_valid = found.direction_valid & usable, found.pace_valid & usable
    return Manoeuvres(
        direction=np.where(direction_valid, found.direction, 0),
        direction_valid=direction_valid,
        pace=np.where(pace_valid, found.pace, 0),
        pace_valid=pace_valid,
    )


def can_have_manoeuvre(observed: Observed) -> Bool[np.ndarray, " n"]:
    """Agents that can move and were seen at two steps at least."""
    return (observed.category != Category.STATIC) & (observed.valid.sum(axis=1) >= MIN_STEPS)


def present_speed(observed: Observed, *, rate_hz: float) -> Float[np.ndarray, " n"]:
    """Mean speed over the last observed second in m/s; over what there is where it is less, zero with nothing."""
    past = Journey(
        xy_m=known_xy(observed),
        valid=observed.valid,
        time_s=np.broadcast_to(np.arange(observed.valid.shape[1]) / rate_hz, observed.valid.shape),
        last=last_step(observed.valid),
        rate_hz=rate_hz,
    )
    return past.speed_mps(span_s=SPAN_S)


def classify(path: Journey, *, observed: Observed, agent: Int[np.ndarray, " p"]) -> Manoeuvres:
    """The manoeuvre of each path, by the rules of ``manoeuvres``; who has none is the caller's to say.

    Args:
        path: The paths.
        observed: The agents.
        agent: Whose path each is.
    """
    turned, known = turn(path, observed=observed, agent=agent)
    direction = np.where(np.abs(turned) > TURN_RAD, np.where(turned > 0, Direction.LEFT, Direction.RIGHT), 0)
    direction = np.where(np.abs(turned) > U_TURN_RAD, Direction.U_TURN, direction)
    before = present_speed(observed, rate_hz=path.rate_hz)[agent]
    after = path.speed_mps(span_s=SPAN_S)
    on_wheels = np.isin(groups(observed.category), ON_WHEELS)[agent]
    least = np.maximum(MIN_CHANGE * before, np.where(on_wheels, MIN_CHANGE_MPS, MIN_CHANGE_ON_FOOT_MPS))
    moved, moves = before >= STANDING_MPS, after >= STANDING_MPS
    faster = np.where(moved, Pace.ACCELERATE, Pace.START)
    slower = np.where(moves, Pace.BRAKE, Pace.STOP)
    pace = np.where(after - before >= least, faster, np.where(before - after >= least, slower, Pace.CRUISE))
    return Manoeuvres(
        direction=direction.astype(np.int64),
        direction_valid=known,
        pace=pace.astype(np.int64),
        pace_valid=any_step(path.valid[:, 1:]),
    )


def _long_enough(observed: Observed, *, rate_hz: float) -> Bool[np.ndarray, " n"]:
    first = np.argmax(observed.valid, axis=1)
    return (last_step(observed.valid) - first) / rate_hz > MIN_HISTORY_S - 1e-6


def _recorded(path: Journey) -> Bool[np.ndarray, " n"]:
    """There is a recording almost up to the horizon, without a long gap."""
    rows = np.arange(len(path.xy_m))
    latest = np.maximum.accumulate(np.where(path.valid, np.arange(path.valid.shape[1]), 0), axis=1)
    gap_s = path.time_s[:, 1:] - np.take_along_axis(path.time_s, latest[:, :-1], axis=1)
    whole = ~any_step(path.valid[:, 1:] & (gap_s > MAX_GAP_S + 1e-6))
    return whole & (path.time_s[rows, path.last] >= path.time_s[:, -1] - END_S - 1e-6) & (path.last > 0)
