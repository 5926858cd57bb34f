"""Rows that cannot be used, taken out one reason at a time and counted."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.drive import Drive
from pipeline.errors import Dropped

NUM_NAMED: Final = 5  # rows named one by one per reason; the others are one entry with their count
MAX_POSITION_M: Final = 1e8  # earth-centred frames stay below 1e7
MAX_HEADING_RAD: Final = 4.0 * np.pi  # beyond two turns it is degrees or garbage
MAX_SIZE_M: Final = 1000.0

_POSITION: Final = ["x_m", "y_m", "z_m"]
_QUATERNION: Final = ["qw", "qx", "qy", "qz"]
SIZES: Final = ["length_m", "width_m", "height_m"]


def usable_rows(drive: Drive) -> tuple[pd.DataFrame, list[Dropped]]:
    """Take out the measurements that cannot be used.

    Rejected are rows without a finite position, with an absurd position or heading, and all but the first (in file
    order) of those with one track and time. A heading of NaN is not recorded, which is allowed. A size that is not
    recorded, or is no length of anything, is unknown and becomes zero: the row stays.

    Returns:
        The usable rows in file order, and what was left out.
    """
    rows = drive.tracks
    dropped: list[Dropped] = []
    position = rows[_POSITION].to_numpy(np.float64)
    heading = rows["heading_rad"].to_numpy(np.float64)
    finite = np.asarray(np.isfinite(position).all(axis=1))
    near = np.asarray((np.abs(position) <= MAX_POSITION_M).all(axis=1))
    sane = ~(np.abs(heading) > MAX_HEADING_RAD)  # NaN is: not recorded
    dropped += _named(drive, rows.loc[~finite], reason="nan position")
    dropped += _named(drive, rows.loc[finite & ~near], reason="absurd position")
    dropped += _named(drive, rows.loc[finite & near & ~sane], reason="absurd heading")
    rows = rows.loc[finite & near & sane]
    again = rows.duplicated(["track_id", "timestamp_ns"], keep="first").to_numpy(np.bool_)
    dropped += _named(drive, rows.loc[again], reason="duplicate measurement")
    rows = rows.loc[~again]
    sizes = rows[SIZES].to_numpy(np.float64)
    known = (sizes > 0.0) & (sizes <= MAX_SIZE_M)
    absurd = (~known & ~np.isnan(sizes) & (sizes != 0.0)).any(axis=1)
    dropped += _named(drive, rows.loc[absurd], reason="absurd size, taken as unknown")
    rows = rows.assign(**dict(zip(SIZES, np.where(known, sizes, 0.0).T, strict=True)))
    return rows, dropped


def usable_frames(drive: Drive) -> tuple[pd.DataFrame, list[Dropped]]:
    """Take out the images that cannot be placed: no finite pose, no unit quaternion, or a second one at a time.

    Returns:
        The usable frames by (timestamp_ns, camera), and what was left out.
    """
    frames = drive.frames
    quaternion = frames[_QUATERNION].to_numpy(np.float64)
    finite = np.isfinite(frames[[*_POSITION, *_QUATERNION]].to_numpy(np.float64)).all(axis=1)
    norm = np.linalg.norm(np.where(np.abs(quaternion) < 2.0, quaternion, 2.0), axis=1)
    placed = finite & (np.abs(norm - 1.0) < 1e-2)
    dropped = _frames_left_out(drive, frames.loc[~placed], reason="camera pose not usable")
    frames = frames.loc[placed]
    again = frames.duplicated(["camera", "timestamp_ns"], keep="first").to_numpy(np.bool_)
    dropped += _frames_left_out(drive, frames.loc[again], reason="duplicate frame")
    return frames.loc[~again].sort_values(["timestamp_ns", "camera"], ignore_index=True), dropped


def _named(drive: Drive, rows: pd.DataFrame, *, reason: str) -> list[Dropped]:
    """The first few rows one by one, the others together."""
    rows = rows.sort_values("source_row")
    first = zip(rows["source_row"].head(NUM_NAMED), rows["track_id"].head(NUM_NAMED), strict=True)
    wheres = [f"{drive.name}: tracks row {row} (track {track})" for row, track in first]
    return _few(wheres, reason=reason, rest=f"{drive.name}: tracks, further rows", count=len(rows))


def _frames_left_out(drive: Drive, frames: pd.DataFrame, *, reason: str) -> list[Dropped]:
    wheres = [f"{drive.name}: frame {path}" for path in frames["path"].sort_values().head(NUM_NAMED)]
    return _few(wheres, reason=reason, rest=f"{drive.name}: further frames", count=len(frames))


def _few(wheres: list[str], *, reason: str, rest: str, count: int) -> list[Dropped]:
    named = [Dropped(where=where, reason=reason) for where in wheres]
    if count > len(named):
        named.append(Dropped(where=rest, reason=reason, count=count - len(named)))
    return named
