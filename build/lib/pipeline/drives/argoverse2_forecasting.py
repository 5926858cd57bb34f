"""Argoverse 2 motion-forecasting scenarios: eleven seconds of tracks without sizes and heights, and the vector map.

The table is that of av2-api's ``scenario_serialization.py``: a row per track and time step, with the box's centre and
its heading in the city frame, which is the drive's world, and the scenario's first and last time and their number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.drives.argoverse2_map import read_argoverse2_map
from pipeline.drives.argoverse2_poses import TODO
from pipeline.drives.arrow_tables import Kind, read_arrow
from pipeline.drives.drive import TRACK_COLUMNS, Drive, no_frames
from pipeline.drives.map import DriveMap
from pipeline.drives.map_file import read_map_file
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError

FORMAT: Final = "argoverse2_forecasting"
EGO_ID: Final = "AV"
_BEGINNING: Final = "scenario_"
_MOST_STEPS: Final = 1_000_000
_MOST_S: Final = 1_000_000  # eleven days
_SAME: Final = ("start_timestamp", "end_timestamp", "num_timestamps")
_COLUMNS: Final[dict[str, Kind]] = {
    "track_id": "text",
    "object_type": "text",
    "timestep": "integer",
    "position_x": "number",
    "position_y": "number",
    "heading": "number",
    **dict.fromkeys(_SAME, "integer"),
}


class Argoverse2ForecastingReader:
    """Reads scenarios of the Argoverse 2 Motion Forecasting Dataset."""

    name = FORMAT
    looks_for = f"{_BEGINNING}*.parquet"

    def find(self, path: Path) -> list[DriveRef]:
        """Every scenario in the folder; the publisher gives each a folder of its own."""
        files = sorted(file for file in path.glob(f"{_BEGINNING}*.parquet") if file.is_file())
        keys = [file.stem.removeprefix(_BEGINNING) for file in files]
        return [DriveRef(name=f"argoverse2-{plain_name(key)}", format=self.name, path=path, key=key) for key in keys]

    def read(self, ref: DriveRef) -> Drive:
        """Read one scenario, observed and future steps alike; the track ``AV`` is its ``ego``.

        Raises:
            InputError: The table cannot be read or is useless as a whole.
        """
        path = ref.path / f"{_BEGINNING}{ref.key}.parquet"
        tracks, rate_hz, dropped, notes = _read_tracks(path)
        drive_map, map_notes, map_dropped = _read_map(ref.path / f"log_map_archive_{ref.key}.json")
        return Drive(
            name=ref.name,
            format=self.name,
            path=ref.path,
            rate_hz=rate_hz,
            tracks=tracks,
            frames=no_frames(),
            map=drive_map,
            dropped=dropped + map_dropped,
            notes=notes + map_notes,
        )


def _read_tracks(path: Path) -> tuple[pd.DataFrame, float, tuple[Dropped, ...], tuple[str, ...]]:
    """The tracks in the city frame, their rate in hertz, what was left out, and notes."""
    rows, dropped = read_arrow(path, columns=_COLUMNS, todo=TODO)
    times_ns, rate_hz = _clock(rows, path=path)
    inside = rows["timestep"].between(0, len(times_ns) - 1).to_numpy()
    outside = rows["source_row"][~inside].tolist()
    dropped += dropped_rows(path, outside, reason="timestep outside the scenario")
    rows = rows[inside]
    if rows.empty:
        raise InputError(f"{path}: timestep", "no row lies in the scenario", TODO)
    if len(taken := rows[rows["track_id"] == EGO]):
        where = f"{path}: row {taken['source_row'].iloc[0]}: track_id"
        raise InputError(where, f"is '{EGO}', which is the recording car's", "rename the track")
    category, notes = categories_of(rows["object_type"])
    is_ego = (rows["track_id"] == EGO_ID).to_numpy()
    if not is_ego.any():
        notes += (f"no track is called {EGO_ID}: the recording car is not among them",)
    tracks = rows.rename(columns={"position_x": "x_m", "position_y": "y_m", "heading": "heading_rad"}).assign(
        timestamp_ns=times_ns[rows["timestep"].to_numpy()],
        track_id=rows["track_id"].mask(is_ego, EGO),
        category=category,
        raw_category=rows["object_type"],
        is_ego=is_ego,
        z_m=0.0,
        **dict.fromkeys(("length_m", "width_m", "height_m"), np.nan),
    )
    tracks = tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS).reset_index(drop=True)
    return tracks, rate_hz, dropped, tuple(f"{path}: {note}" for note in notes)


def _clock(rows: pd.DataFrame, *, path: Path) -> tuple[Int[np.ndarray, " s"], float]:
    """The time of every step, and the rate: from first to last at even distances, as av2-api has it."""
    values: list[int] = []
    for name in _SAME:
        if rows[name].nunique() != 1:
            raise InputError(f"{path}: {name}", "is not the same in every row", TODO)
        values.append(int(rows[name].iloc[0]))
    start_ns, end_ns, count = values
    if not 2 <= count <= _MOST_STEPS:
        raise InputError(f"{path}: num_timestamps", f"{count} is no number of time steps", TODO)
    if not count <= end_ns - start_ns <= _MOST_S * 1_000_000_000:
        what = f"{end_ns} is no time after start_timestamp {start_ns}, in nanoseconds"
        raise InputError(f"{path}: end_timestamp", what, TODO)
    # Of the time since the start alone, which a float holds exactly: absolute nanoseconds it would round.
    step_ns = (end_ns - start_ns) / (count - 1)
    return start_ns + np.rint(np.arange(count) * step_ns).astype(np.int64), 1e9 / step_ns


def _read_map(path: Path) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """The scenario's map, which may be absent."""
    return read_map_file(path, read_argoverse2_map) if path.exists() else (None, (), ())
