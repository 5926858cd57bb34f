"""A drive's measurements by track and time, before anything is taken out: what suspicions are looked for in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.ingest.reject import MAX_POSITION_M

# Motion is looked at over about a second of the stated rate: noise of some centimetres is then no speed, and a car's
# turn is no other direction.
LOOK_S: Final = 1.0
# Who goes somewhere comes this far on, of the way that the measurements went: noise and boxes that wobble do not.
STRAIGHT: Final = 0.3
SLOWEST_MPS: Final = 0.5
GROUP_OF: Final = np.array([category.group for category in Category], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)  # without slots, for what is derived is kept
class Paths:
    """Measurements with a position, one for each track and time, sorted by track and time.

    Attributes:
        name: The drive's.
        rate_hz: As the source states it.
        rows: Columns of ``TRACK_COLUMNS``.
        track: Number of each row's track, ascending.
        group: ``Group`` of each row.
        step_s: Median over the tracks of the median time between their measurements; NaN where none has two.
        start: Rows from which motion is looked at.
        end: Rows up to which: of the same track, about ``LOOK_S`` later at the stated rate.
    """

    name: str
    rate_hz: float
    rows: pd.DataFrame
    track: Int[np.ndarray, " m"]
    group: Int[np.ndarray, " m"]
    step_s: float
    start: Int[np.ndarray, " p"]
    end: Int[np.ndarray, " p"]

    @property
    def num_tracks(self) -> int:
        """How many tracks there are."""
        return int(self.track[-1]) + 1 if len(self.track) else 0

    @cached_property
    def xy_m(self) -> Float[np.ndarray, "m 2"]:
        """Positions in the plane."""
        return self.rows[["x_m", "y_m"]].to_numpy(np.float64)

    @cached_property
    def times_ns(self) -> Int[np.ndarray, " m"]:
        """Times."""
        return self.rows["timestamp_ns"].to_numpy(np.int64)

    @cached_property
    def times_s(self) -> Float[np.ndarray, " m"]:
        """Times, good for differences to a microsecond: those of two absurd times would not fit into 64 bits."""
        return self.times_ns * 1e-9

    @cached_property
    def moves_m(self) -> Float[np.ndarray, "p 2"]:
        """From each start to its end."""
        xy = self.xy_m
        return xy[self.end] - xy[self.start]

    @cached_property
    def speeds_mps(self) -> Float[np.ndarray, " p"]:
        """Mean speed from each start to its end."""
        seconds = self.times_s[self.end] - self.times_s[self.start]
        return np.linalg.norm(self.moves_m, axis=1) / np.maximum(seconds, 1e-9)

    @cached_property
    def moving(self) -> Bool[np.ndarray, " k"]:
        """By track: whether it goes somewhere, faster than ``SLOWEST_MPS`` in the median."""
        owner = self.track[self.start]
        count = np.bincount(owner, minlength=self.num_tracks)
        walked = np.bincount(owner, weights=np.linalg.norm(self.moves_m, axis=1), minlength=self.num_tracks)
        first = np.searchsorted(self.track, np.arange(self.num_tracks))
        last = np.searchsorted(self.track, np.arange(self.num_tracks), side="right") - 1
        xy = self.xy_m
        reached = np.linalg.norm(xy[last] - xy[first], axis=1)
        mean_m = walked / np.maximum(count, 1)
        # Looks overlap; taken one after the other they would be so many.
        looks = (last - first) / max(int((self.end - self.start).max(initial=1)), 1)
        return (count > 0) & (reached > STRAIGHT * mean_m * looks) & (self.by_track(self.speeds_mps) > SLOWEST_MPS)

    def by_track(self, values: Float[np.ndarray, " p"]) -> Float[np.ndarray, " k"]:
        """Median of each track's looks; NaN where it has none."""
        medians = pd.Series(values).groupby(self.track[self.start]).median()
        return medians.reindex(range(self.num_tracks)).to_numpy(np.float64)

    @cached_property
    def group_by_track(self) -> Int[np.ndarray, " k"]:
        """Group of each track's first row."""
        return self.group[np.searchsorted(self.track, np.arange(self.num_tracks))]


def paths_of(drive: Drive) -> Paths:
    """Put a drive's measurements in order."""
    position = drive.tracks[["x_m", "y_m", "z_m"]].to_numpy(np.float64)
    usable = np.asarray((np.abs(position) <= MAX_POSITION_M).all(axis=1))  # NaN is not
    rows = drive.tracks.loc[usable].drop_duplicates(["track_id", "timestamp_ns"])
    track = pd.factorize(rows["track_id"])[0].astype(np.int64)
    order = np.lexsort((rows["timestamp_ns"].to_numpy(np.int64), track))
    rows, track = rows.iloc[order].reset_index(drop=True), track[order]
    times_s = rows["timestamp_ns"].to_numpy(np.int64) * 1e-9
    same = track[1:] == track[:-1]
    steps_s = pd.Series(np.diff(times_s)[same])
    step_s = float(steps_s.groupby(track[1:][same]).median().median()) if same.any() else math.nan
    start, end = _looks(track, times_s, rate_hz=drive.rate_hz)
    return Paths(
        name=drive.name,
        rate_hz=drive.rate_hz,
        rows=rows,
        track=track,
        group=GROUP_OF[rows["category"].to_numpy(np.int64)],
        step_s=step_s,
        start=start,
        end=end,
    )


def _looks(
    track: Int[np.ndarray, " m"], times_s: Float[np.ndarray, " m"], *, rate_hz: float
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Pairs of rows about ``LOOK_S`` apart, or as far as most tracks are long; none over a gap."""
    lengths = np.bincount(track) if len(track) else np.ones(1)
    lag = max(1, int(min(LOOK_S * rate_hz, np.median(lengths) // 2)))
    start = np.flatnonzero(track[lag:] == track[:-lag])
    seconds = times_s[start + lag] - times_s[start]
    start = start[seconds <= 2 * np.median(seconds)] if len(start) else start
    return start, start + lag
