"""How far paths turn: from the direction that an agent had at the forecast time to the one at the path's end."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, groups, known_xy, last_heading, last_step
from pipeline.behaviour.journey import Journey
from pipeline.drives.categories import Group
from pipeline.windows.windows import Observed

CHORD_M: Final = 2.0  # a direction is that of a chord so long: 0.15 m of jitter at both ends turns it by 6 degrees
CHORD_S: Final = 0.5  # and over so much time at least: who is fast goes 2 m between two noisy steps
GEAR_RAD: Final = np.radians(120.0)  # no wheels turn so sharply within 2 m, and none that change gear so little
ON_WHEELS: Final = (Group.VEHICLE, Group.TWO_WHEELER)


def start_direction(observed: Observed, *, rate_hz: float) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Direction at the forecast time in the scene frame, in radians, and whether there is one.

    That of the last observed chord; of one that did not go so far, its heading.
    """
    xy, last, step = known_xy(observed), last_step(observed.valid), np.arange(observed.valid.shape[1])
    offset = xy[np.arange(len(xy)), last][:, None] - xy
    far = observed.valid & _is_chord(offset, elapsed_s=(last[:, None] - step) / rate_hz)
    back = last_step(far)
    chord = offset[np.arange(len(xy)), back]
    heading, known = last_heading(observed)
    moved = any_step(far)
    return np.where(moved, np.arctan2(chord[:, 1], chord[:, 0]), heading), moved | known


def turn(
    journey: Journey, *, observed: Observed, agent: Int[np.ndarray, " p"]
) -> tuple[Float[np.ndarray, " p"], Bool[np.ndarray, " p"]]:
    """Net turn along paths, unwrapped (a full circle to the left is 2 pi), and whether it can be told.

    The path is followed in chords; the last direction is that of the chord that ends at the path's end. It takes 2 m to
    make a chord, so the jitter of a box that stands turns nothing, and neither does a shift to another lane, after
    which the direction is the one before. What is on wheels does not turn about on the spot: where its direction
    changes by more than 120 degrees from one chord to the next, it has changed gear, and the turn is that of its
    body. A pedestrian may turn on its heel, and that is a turn.

    Args:
        journey: The paths.
        observed: The agents.
        agent: Whose path each is.
    """
    start, known = start_direction(observed, rate_hz=journey.rate_hz)
    on_wheels = np.isin(groups(observed.category), ON_WHEELS)[agent]
    direction, known = start[agent], known[agent]
    total, moved, anchor = np.zeros(len(agent)), np.zeros(len(agent), np.bool_), journey.xy_m[:, 0]
    for step in range(1, journey.xy_m.shape[1]):
        offset = journey.xy_m[:, step] - anchor
        far = journey.valid[:, step] & (np.hypot(offset[:, 0], offset[:, 1]) >= CHORD_M)
        own = np.where(far, np.arctan2(offset[:, 1], offset[:, 0]), direction)
        # One who stood without a heading has no direction to turn from: the first chord is its first.
        total += np.where(moved | known, _bend(own - direction, on_wheels=on_wheels), 0.0)
        direction, moved = own, moved | far
        anchor = np.where(far[:, None], journey.xy_m[:, step], anchor)
    end, found = _end_direction(journey)
    total += np.where(found & moved, _bend(end - direction, on_wheels=on_wheels), 0.0)
    return total, known | ~moved


def _end_direction(journey: Journey) -> tuple[Float[np.ndarray, " p"], Bool[np.ndarray, " p"]]:
    """Direction of the latest chord that ends where the path does, and whether there is one."""
    rows = np.arange(len(journey.xy_m))
    offset = journey.xy_m[rows, journey.last][:, None] - journey.xy_m
    elapsed_s = journey.time_s[rows, journey.last][:, None] - journey.time_s
    far = journey.valid & _is_chord(offset, elapsed_s=elapsed_s)
    chord = offset[rows, last_step(far)]
    return np.arctan2(chord[:, 1], chord[:, 0]), any_step(far)


def _is_chord(offset: Float[np.ndarray, "p s 2"], *, elapsed_s: Float[np.ndarray, "p s"]) -> Bool[np.ndarray, "p s"]:
    return (np.hypot(offset[..., 0], offset[..., 1]) >= CHORD_M) & (elapsed_s > CHORD_S - 1e-6)


def _bend(change: Float[np.ndarray, " p"], *, on_wheels: Bool[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """A change of direction within half a turn either way; on wheels without what is a change of gear."""
    bend = np.remainder(change + np.pi, 2.0 * np.pi) - np.pi
    return np.where(on_wheels & (np.abs(bend) > GEAR_RAD), bend - np.copysign(np.pi, bend), bend)
