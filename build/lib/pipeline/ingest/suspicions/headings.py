"""Headings that disagree with where the road users go: degrees, clockwise, turned by a quarter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pipeline.drives.categories import Group
from pipeline.errors import Suspicion
from pipeline.ingest.reject import MAX_HEADING_RAD
from pipeline.ingest.suspicions.paths import Paths

HEADING: Final = "heading"
DRIVING: Final = (Group.VEHICLE, Group.TWO_WHEELER)  # people walk sideways, and sources guess how they stand
LEAST_MOVE_M: Final = 2.0  # over a look; less, and noise of decimetres turns it
# The real drives here have medians of 0.2 to 2.2 degrees. Angles of another meaning are off by less only where the road
# happens to lie so.
MOST_OFF_RAD: Final = np.deg2rad(30.0)
AGREES: Final = 0.9  # cosine, the mean of half of the tracks, of what explains the headings: off by 26 degrees
# Radians lie within a turn or two, so that of degrees nearly all lie beyond.
MOST_BEYOND: Final = 0.1
_TODO: Final = "write radians, counter-clockwise from +x"

Angles = Float[np.ndarray, " p"]
# What headings may be instead, and how to make them what they should be.
_MEANINGS: Final[dict[str, Callable[[Angles], Angles]]] = {
    "headings that look backwards": lambda angle: angle + np.pi,
    "angles from +y, a quarter turn too small": lambda angle: angle + np.pi / 2,
    "angles from -y, a quarter turn too large": lambda angle: angle - np.pi / 2,
    "angles clockwise from +x": np.negative,
    "compass angles, clockwise from +y": lambda angle: np.pi / 2 - angle,
    "degrees": np.deg2rad,
    "degrees clockwise from +x": lambda angle: -np.deg2rad(angle),
    "compass angles in degrees, clockwise from +y": lambda angle: np.pi / 2 - np.deg2rad(angle),
}
_BETTER: Final = 0.02  # of two meanings that explain the headings equally well, the first


def suspect_headings(paths: Paths) -> list[Suspicion]:
    """Compare recorded headings with the direction of motion, for all who drive and for the ego by itself."""
    heading = paths.rows["heading_rad"].to_numpy(np.float64)
    known = np.isfinite(heading)
    heading = np.where(known, heading, np.nan)
    beyond = known & (np.abs(heading) > MAX_HEADING_RAD)
    if beyond.sum() > MOST_BEYOND * max(int(known.sum()), 1):
        what = f"{int(beyond.sum())} of {int(known.sum())} headings lie beyond two turns"
        meaning, _ = _best_meaning(paths, heading, _looks(paths, heading))
        cause = meaning if "degrees" in meaning else "degrees"
        return [Suspicion(kind=HEADING, where=f"{paths.name}: headings", what=what, cause=cause, todo=_TODO)]
    looks = _looks(paths, heading)
    is_ego = paths.rows["is_ego"].to_numpy(np.bool_)[paths.start]
    others = _compare(paths, heading, looks & ~is_ego, who="moving vehicles and two-wheelers", least_tracks=2)
    return others or _compare(paths, heading, looks & is_ego, who="ego", least_tracks=1)


def _looks(paths: Paths, heading: Float[np.ndarray, " m"]) -> Bool[np.ndarray, " p"]:
    """Which looks tell a direction and have a heading at both ends."""
    far = np.linalg.norm(paths.moves_m, axis=1) >= LEAST_MOVE_M
    driving = np.isin(paths.group[paths.start], DRIVING)
    return far & driving & np.isfinite(heading[paths.start]) & np.isfinite(heading[paths.end])


def _compare(
    paths: Paths, heading: Float[np.ndarray, " m"], looks: Bool[np.ndarray, " p"], *, who: str, least_tracks: int
) -> list[Suspicion]:
    off = np.abs(np.angle(np.exp(1j * _turn(paths, heading, lambda angle: angle))))
    by_track = pd.Series(off[looks]).groupby(paths.track[paths.start[looks]]).median()
    wrong = int((by_track > MOST_OFF_RAD).sum())
    if len(by_track) < least_tracks or 2 * wrong <= len(by_track):
        return []
    cause, agreement = _best_meaning(paths, heading, looks)
    degrees = np.rad2deg(float(by_track.median()))
    if who == "ego":
        where, what = f"{paths.name}: ego", f"its heading is {degrees:.0f} degrees off its motion in the median"
    else:
        where = f"{paths.name}: headings"
        what = f"those of {wrong} of {len(by_track)} {who} are {degrees:.0f} degrees off their motion in the median"
    if agreement < AGREES:
        cause = "headings of another frame than the positions, or none at all"
    return [Suspicion(kind=HEADING, where=where, what=what, cause=cause, todo=_TODO)]


def _best_meaning(paths: Paths, heading: Float[np.ndarray, " m"], looks: Bool[np.ndarray, " p"]) -> tuple[str, float]:
    """The meaning under which headings agree best with the motion, and how well: mean cosine, median of the tracks."""
    best = ("", -1.0)
    owner = paths.track[paths.start[looks]]
    for words, meaning in _MEANINGS.items():
        cosine = np.cos(_turn(paths, heading, meaning))[looks]
        agreement = float(pd.Series(cosine).groupby(owner).mean().median()) if len(cosine) else -1.0
        if agreement > best[1] + _BETTER:
            best = (words, agreement)
    return best


def _turn(
    paths: Paths, heading: Float[np.ndarray, " m"], meaning: Callable[[Angles], Angles]
) -> Float[np.ndarray, " p"]:
    """From the heading amid each look to the direction of its motion."""
    move = paths.moves_m
    ends = (meaning(heading[index]) for index in (paths.start, paths.end))
    amid = np.angle(sum(np.exp(1j * angle) for angle in ends))
    return np.arctan2(move[:, 1], move[:, 0]) - amid
