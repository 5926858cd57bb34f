"""What holds for whatever was read from a broken drive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

import numpy as np
import pandas as pd
import shapely

from pipeline.drives.drive import FRAME_COLUMNS, TRACK_COLUMNS, Drive
from pipeline.drives.reader import is_plain_name
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from tests.stress.damage import Hit

_QUATERNION = ["qw", "qx", "qy", "qz"]


def check_drive(drive: Drive) -> None:
    """A drive as its reader delivers it: types, one ego, frames of known cameras inside the folder, a whole map."""
    assert is_plain_name(drive.name)
    assert drive.tracks.dtypes.astype(str).to_dict() == TRACK_COLUMNS
    assert drive.frames.dtypes.astype(str).to_dict() == FRAME_COLUMNS
    assert 0.0 < drive.rate_hz < 1e6
    assert len(drive.tracks)
    assert drive.tracks["track_id"].ne("").all()
    assert (drive.tracks["source_row"] >= 1).all()
    assert set(drive.frames["camera"]) <= set(drive.cameras)
    for camera in drive.cameras.values():
        assert camera.width_px > 0
        assert camera.height_px > 0
        assert np.isfinite([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px]).all()
    for path in drive.frames["path"]:  # links may lead elsewhere: whoever owns the folder made them
        assert not PurePath(path).is_absolute(), path
        assert ".." not in PurePath(path).parts, path
    if drive.map is not None:
        assert np.isfinite(drive.map.bounds_m).all()
        assert shapely.is_valid([*drive.map.lanes, *drive.map.crossings, drive.map.drivable_area]).all()
    for entry in drive.dropped:
        assert entry.where
        assert entry.reason
        assert entry.count >= 1


def check_clean(clean: CleanDrive) -> None:
    """A clean drive: finite places, known velocities or none, one row per agent and step, nothing from later."""
    tracks = clean.tracks
    assert tracks.dtypes.astype(str).to_dict() == CLEAN_COLUMNS
    numbers = tracks[["x_m", "y_m", "z_m", "length_m", "width_m", "height_m"]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (np.abs(numbers) <= 1e8).all()
    for name in ("heading_rad", "vx_mps", "vy_mps"):
        assert not np.isinf(tracks[name].to_numpy()).any(), name
    assert not tracks.duplicated(["agent_id", "step"]).any()
    assert (np.diff(clean.step_times_ns) > 0).all()
    assert (clean.step_times_ns[tracks["step"].to_numpy()] == tracks["t_ns"].to_numpy()).all()
    assert (tracks["known_at_ns"] >= tracks["t_ns"]).all()
    norms = np.linalg.norm(clean.frames[_QUATERNION].to_numpy(), axis=1)
    assert (np.abs(norms - 1.0) < 1e-2).all()


def check_untouched(drive: Drive, *, reference: Drive, hits: Sequence[Hit]) -> None:
    """Where only some records were broken, all others are as they were; none is lost without a word."""
    was, now = _by_agent(reference), _by_agent(drive)
    if (records := _sum(hit.num_records for hit in hits)) is not None:
        changed = [name for name in was if name not in now or not was[name].equals(now[name])]
        # A record may go from one agent to another: both differ then.
        assert len(changed) <= 2 * records, f"{changed} changed, where {2 * records} agents could be touched at most"
        lost = len(reference.tracks) - len(drive.tracks)
        said = drive.dropped != reference.dropped or drive.notes != reference.notes
        assert lost <= 0 or said or any(hit.removed for hit in hits), f"{lost} rows lost without a word"
    if (rows := _sum(hit.num_rows for hit in hits)) is not None:
        other = _rows(was) - _rows(now), _rows(now) - _rows(was)
        assert max(map(Counter.total, other)) <= rows, f"{other} differ, where {rows} rows could be touched at most"


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(number or 0 for number in known)


def _by_agent(drive: Drive) -> dict[str, pd.DataFrame]:
    columns = [name for name in TRACK_COLUMNS if name != "source_row"]
    ordered = drive.tracks[columns].sort_values(columns)
    return {str(name): rows.reset_index(drop=True) for name, rows in ordered.groupby("track_id")}


def _rows(agents: Mapping[str, pd.DataFrame]) -> Counter[int]:
    return Counter(number for rows in agents.values() for number in pd.util.hash_pandas_object(rows, index=False))
