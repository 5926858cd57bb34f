"""Wrong units of length and time, and wrong rates, told by sizes, speeds and time steps."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pipeline.drives.categories import Group
from pipeline.errors import Suspicion
from pipeline.ingest.suspicions.paths import Paths

LENGTH: Final = "length unit"
TIME: Final = "time unit"
RATE: Final = "rate"
SPEED: Final = "speed"

_IN_A_METRE: Final = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.281, "kilometres": 0.001}
_AS_NS: Final = {  # a second in these units, taken for nanoseconds
    "seconds": 1e-9,
    "milliseconds": 1e-6,
    "microseconds": 1e-3,
    "steps of 100 ns": 1e-2,
    "picoseconds": 1e3,
}
# Vehicles are told by their shorter side, which cars and lorries have nearly alike: 1.5 m to 2.6 m (2.55 m is the
# widest that the EU's directive 96/53/EC lets on roads), and which does not care about length and width swapped.
# Medians of the real drives here are 1.7 to 2.1 m. The limits lie at half and at twice the usual.
_VEHICLE_WIDTH_M: Final = (0.95, 1.9, 3.8)
_PERSON_HEIGHT_M: Final = (0.85, 1.7, 3.4)
_PLAIN: Final = (1e-6, 1e6)  # beyond it, it is no size in any unit
# Medians over the moving tracks of a whole drive. 60 m/s are 216 km/h, 45 m/s a motorcycle's 162 km/h. People walk
# 1.34 +- 0.26 m/s (Weidmann 1993) and seldom run 4 m/s, so a crowd is known by less than a few who may be runners.
_FASTEST_MPS: Final = {
    Group.VEHICLE: ((1, 60.0),),
    Group.TWO_WHEELER: ((1, 45.0),),
    Group.PEDESTRIAN: ((10, 2.2), (3, 4.0), (1, 8.0)),  # with so many or more that move; 8 m/s is a sprint
}
# What positions are in where everybody is so many times too fast: speeds tell it no nearer.
_FASTER_BY: Final = {"millimetres": 300.0, "centimetres or inches": 15.0, "feet": 2.5}
_LEAST_CROWD: Final = 3
_USUAL_MPS: Final = {Group.VEHICLE: 10.0, Group.TWO_WHEELER: 5.0, Group.PEDESTRIAN: 1.34}
_WORD: Final = {Group.VEHICLE: "vehicles", Group.TWO_WHEELER: "two-wheelers", Group.PEDESTRIAN: "pedestrians"}
# Rates in use that lie nearest to one another are 10 and 12 Hz, and 25 and 30 Hz.
_RATE_TOLERANCE: Final = 0.12
_NO_RATE_ERROR: Final = 50.0  # beyond this factor it is the unit of the times
# Three road users and more whose middle half lies within a hand's breadth of their midst.
_CROWDED_M: Final = 0.2


def suspect_units(paths: Paths) -> list[Suspicion]:
    """Look at sizes, time steps and speeds. What one cause explains is said once."""
    found = _by_size(paths) or _crowded(paths)
    found += _by_time_step(paths)
    return found or _by_speed(paths)


def _by_size(paths: Paths) -> list[Suspicion]:
    """Sizes that only another unit explains, and whether the positions are in it too."""
    what, size_m, usual_m = _size(paths)
    if not what:
        return []
    factor = size_m / usual_m
    unit = min(_IN_A_METRE, key=lambda name: abs(math.log(_IN_A_METRE[name] / factor)))
    known = abs(math.log(_IN_A_METRE[unit] / factor)) < math.log(1.6)
    speed_mps, num_moving = _speed(paths, Group.VEHICLE)
    which = "sizes and positions"
    if factor > 10.0 and num_moving and speed_mps <= _FASTEST_MPS[Group.VEHICLE][0][1]:
        which = "sizes alone"
    elif factor > 1.0 and num_moving:
        what += f" and move at {_number(speed_mps)} m/s"
    cause = f"{which} in {unit if known else 'another unit than metres'}"
    todo = f"write metres: {_scale(_IN_A_METRE[unit] if known else factor)}"
    return [Suspicion(kind=LENGTH, where=f"{paths.name}: sizes", what=what, cause=cause, todo=todo)]


def _size(paths: Paths) -> tuple[str, float, float]:
    """What was measured, how large it is and how large it usually is; no words where it is as usual, or not known."""
    sides = paths.rows[["length_m", "width_m"]].to_numpy(np.float64).min(axis=1)  # NaN if either is
    heights = paths.rows["height_m"].to_numpy(np.float64)
    kinds = (
        ("vehicles are {} m wide", sides, Group.VEHICLE, _VEHICLE_WIDTH_M),
        ("pedestrians are {} m high", heights, Group.PEDESTRIAN, _PERSON_HEIGHT_M),
    )
    for words, values, group, (least, usual, most) in kinds:
        known = (values > _PLAIN[0]) & (values < _PLAIN[1]) & (paths.group == group)
        if known.any():
            size_m = _median_of_tracks(paths, values, known)
            num_tracks = len(np.unique(paths.track[known]))
            measured = f"{words.format(_number(size_m))} (median of {num_tracks})"
            return ("" if least <= size_m <= most else measured), size_m, usual
    return "", math.nan, math.nan


def _median_of_tracks(paths: Paths, values: Float[np.ndarray, " m"], known: Bool[np.ndarray, " m"]) -> float:
    return float(pd.Series(values[known]).groupby(paths.track[known]).median().median())


def _crowded(paths: Paths) -> list[Suspicion]:
    """Everybody in one place, for whom no sizes tell: kilometres, or degrees."""
    times, xy = paths.times_ns, paths.xy_m
    some = np.unique(times)
    some = some[np.linspace(0, len(some) - 1, min(len(some), 20)).astype(np.int64)] if len(some) else some
    spread: list[float] = []
    for time in some:
        here = xy[times == time]
        if len(here) >= _LEAST_CROWD:
            spread.append(float(np.median(np.linalg.norm(here - np.median(here, axis=0), axis=1))))
    if not spread or (middle := float(np.median(spread))) > _CROWDED_M:
        return []
    what = f"half of the road users stand within {middle:.2g} m of one place at a time"
    cause = "positions in kilometres, or longitudes and latitudes"
    todo = "write metres in one world frame"
    return [Suspicion(kind=LENGTH, where=f"{paths.name}: positions", what=what, cause=cause, todo=todo)]


def _by_time_step(paths: Paths) -> list[Suspicion]:
    """A stated rate that the times contradict."""
    if not paths.step_s > 0.0:
        return []
    factor = max(paths.step_s * paths.rate_hz, 1e-15)
    if abs(factor - 1.0) <= _RATE_TOLERANCE:
        return []
    what = f"measurements are {paths.step_s:.3g} s apart, and the rate is given as {paths.rate_hz:g} Hz"
    where = f"{paths.name}: times"
    if 1.0 / _NO_RATE_ERROR <= factor <= _NO_RATE_ERROR:
        cause, todo = f"a rate of {1.0 / paths.step_s:.3g} Hz", "mend the rate or the times"
        return [Suspicion(kind=RATE, where=where, what=what, cause=cause, todo=todo)]
    unit = min(_AS_NS, key=lambda name: abs(math.log(_AS_NS[name] / factor)))
    todo = f"write nanoseconds: {_scale(_AS_NS[unit])}"
    return [Suspicion(kind=TIME, where=where, what=what, cause=f"times in {unit}", todo=todo)]


def _by_speed(paths: Paths) -> list[Suspicion]:
    """Speeds that no road user of the class has, where sizes and time steps have nothing against them."""
    for kind, limits in _FASTEST_MPS.items():
        median, count = _speed(paths, kind)
        if not any(count >= least and median > limit_mps for least, limit_mps in limits):
            continue
        factor = median / _USUAL_MPS[kind]
        what = f"{_WORD[kind]} that move do so at {_number(median)} m/s (median of {count})"
        units = next((words for words, least in _FASTER_BY.items() if factor >= least), "")
        cause = f"{f'positions in {units}, or ' if units else ''}times and rate that both count too fast"
        todo = "write metres and nanoseconds, and the true rate"
        return [Suspicion(kind=SPEED, where=f"{paths.name}: positions", what=what, cause=cause, todo=todo)]
    return []


def _speed(paths: Paths, group: Group) -> tuple[float, int]:
    """Median speed over the tracks of a group that move, and how many do.

    In units that are too large those that stand seem to move as well: who moves less than a tenth of the fastest does
    not count.
    """
    speed = paths.by_track(paths.speeds_mps)[paths.moving & (paths.group_by_track == group)]
    if not len(speed):
        return 0.0, 0
    speed = speed[speed > 0.1 * np.quantile(speed, 0.95)]
    return float(np.median(speed)), len(speed)


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000.0 else f"{value:,.0f}"


def _scale(by: float) -> str:
    """How to take a factor out."""
    return f"divide by {by:,.4g}" if by > 1.0 else f"multiply by {1.0 / by:,.10g}"
