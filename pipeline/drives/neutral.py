"""The neutral layout: drive.json and CSV or Parquet tables, what a user writes to bring their own drives."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool

from pipeline.drives.drive import FRAME_COLUMNS, POSE_COLUMNS, TRACK_COLUMNS, Camera, Drive, no_frames
from pipeline.drives.geojson import read_map, write_map
from pipeline.drives.json_file import read_json
from pipeline.drives.map import DriveMap
from pipeline.drives.map_file import read_map_file
from pipeline.drives.quaternions import unit_quaternions
from pipeline.drives.reader import DriveRef, is_plain_name, plain_name
from pipeline.drives.tables import dropped_rows, integers, passing_rows, read_table, table_path
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError
from pipeline.files import whole_file, write_json

FORMAT: Final = "neutral"
TRACK_NUMBERS: Final = ("x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m")
CAMERA_NUMBERS: Final = ("width_px", "height_px", "fx_px", "fy_px", "cx_px", "cy_px")
MAP: Final = "map.geojson"


class NeutralReader:
    """Reads drives in the neutral layout."""

    name = FORMAT
    looks_for = "drive.json with tracks.csv or tracks.parquet"

    def find(self, path: Path) -> list[DriveRef]:
        """The folder itself, if it has a ``drive.json`` or a table of tracks."""
        if not any((path / name).is_file() for name in ("drive.json", "tracks.csv", "tracks.parquet")):
            return []
        try:
            name = _read_about(path)[0]
        except InputError:  # reading the drive says so; the others can still be found
            name = plain_name(path.resolve().name)
        return [DriveRef(name=name, format=self.name, path=path)]

    def read(self, ref: DriveRef) -> Drive:
        """Read one drive; it takes the name of ``ref``.

        Raises:
            InputError: A file or column is missing or cannot be read, or the drive is empty.
        """
        _, rate_hz = _read_about(ref.path)
        tracks, notes, dropped = _read_tracks(ref.path)
        cameras, frames, frames_dropped = _read_cameras(ref.path)
        drive_map, map_notes, map_dropped = _read_map(ref.path)
        return Drive(
            name=ref.name,
            format=self.name,
            path=ref.path,
            rate_hz=rate_hz,
            tracks=tracks,
            cameras=cameras,
            frames=frames,
            map=drive_map,
            dropped=dropped + frames_dropped + map_dropped,
            notes=notes + map_notes,
        )


def write_drive(
    drive: Drive,
    folder: Path,
    *,
    source: str | None = None,
    licence: str = "",
    table: Literal["csv", "parquet"] = "csv",
) -> None:
    """Write a drive in the neutral layout: ``drive.json``, tracks and, where there are any, cameras, frames and map.

    Args:
        drive: What to write. Frame paths are written as they are; the images themselves are the caller's.
        folder: The drive's folder; made where it is missing.
        source: Where it comes from, for people to read; its format by default.
        licence: Likewise.
        table: How the tables are written.
    """
    about = {"name": drive.name, "source": source or drive.format, "licence": licence, "rate_hz": drive.rate_hz}
    write_json(folder / "drive.json", about)
    words = np.where(drive.tracks["is_ego"], EGO, drive.tracks["raw_category"])
    tracks = drive.tracks.assign(category=words)[["timestamp_ns", "track_id", "category", *TRACK_NUMBERS]]
    _write_table(folder, "tracks", tracks, table=table)
    if drive.cameras:
        cameras = pd.DataFrame([{"camera": name, **asdict(camera)} for name, camera in drive.cameras.items()])
        _write_table(folder, "cameras", cameras, table=table)
        _write_table(folder, "frames", drive.frames[list(FRAME_COLUMNS)], table=table)
    if drive.map is not None:
        write_map(folder / MAP, drive.map)


def _write_table(folder: Path, name: str, content: pd.DataFrame, *, table: Literal["csv", "parquet"]) -> None:
    with whole_file(folder / f"{name}.{table}") as temporary:
        if table == "csv":
            content.to_csv(temporary, index=False, lineterminator="\n")
        else:
            content.to_parquet(temporary, index=False)


def _read_about(folder: Path) -> tuple[str, float]:
    """Name and rate from ``drive.json``."""
    path = folder / "drive.json"
    smaller, example = "keep name, source, licence and rate_hz alone in it", '{"name": "my-drive", "rate_hz": 10.0}'
    content = read_json(path, most_mb=1, smaller=smaller, example=example)
    for key in ("name", "rate_hz"):
        if key not in content:
            raise InputError(path, f"has no '{key}'", "add it")
    name, rate_hz = content["name"], content["rate_hz"]
    if not isinstance(name, str) or not is_plain_name(name):
        shown = repr(name)[:60]
        raise InputError(f"{path}: name", f"{shown} is no plain name", "use letters, digits, _ and - alone")
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float) or not 0 < rate_hz < 1e6:
        raise InputError(f"{path}: rate_hz", f"{repr(rate_hz)[:60]} is no rate", "give the measurements per second")
    return name, float(rate_hz)


def _read_tracks(folder: Path) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Dropped, ...]]:
    """The tracks, notes on them, and the rows that tell neither whose they are nor when."""
    path = table_path(folder, "tracks")
    if path is None:
        raise InputError(folder / "tracks.csv", "is missing, and so is tracks.parquet", "add one of them")
    table, dropped = read_table(path, texts=("track_id", "category"), times=("timestamp_ns",), numbers=TRACK_NUMBERS)
    if table.empty:
        raise InputError(path, "has no rows", "add the tracks' measurements")
    table["timestamp_ns"], timed = integers(table["timestamp_ns"])
    table["track_id"] = table["track_id"].str.strip()
    named = table["track_id"].ne("").to_numpy(dtype=bool)
    rows = table["source_row"].to_numpy()
    dropped += dropped_rows(path, rows[~timed].tolist(), reason="unreadable timestamp_ns")
    dropped += dropped_rows(path, rows[timed & ~named].tolist(), reason="no track_id")
    table = table[timed & named].reset_index(drop=True)
    if table.empty:
        what = "no row has both a timestamp_ns (integer nanoseconds) and a track_id"
        raise InputError(path, what, "write them into every row")
    words = table["category"].str.strip()
    category, notes = categories_of(words)
    table = table.assign(raw_category=words, category=category, is_ego=words.str.casefold().eq(EGO))
    return table[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS), tuple(f"{path}: {note}" for note in notes), dropped


def _read_cameras(folder: Path) -> tuple[dict[str, Camera], pd.DataFrame, tuple[Dropped, ...]]:
    """Cameras and frames, which may be absent together."""
    cameras_path, frames_path = table_path(folder, "cameras"), table_path(folder, "frames")
    if cameras_path is None and frames_path is None:
        return {}, no_frames(), ()
    if cameras_path is None or frames_path is None:
        missing, there = ("cameras", frames_path) if cameras_path is None else ("frames", cameras_path)
        assert there is not None
        raise InputError(folder / f"{missing}{there.suffix}", f"is missing beside {there.name}", "add it, or drop both")
    cameras = _parse_cameras(cameras_path)
    frames, dropped = _parse_frames(frames_path, cameras, folder=folder)
    return cameras, frames, dropped


def _parse_cameras(path: Path) -> dict[str, Camera]:
    table, _ = read_table(path, texts=("camera",), times=(), numbers=CAMERA_NUMBERS)
    cameras: dict[str, Camera] = {}
    for row, name, *values in table.itertuples(index=False):
        where = f"{path}: row {row}"
        if not name or name in cameras:
            raise InputError(
                f"{where}: camera", f"{name[:60]!r} is empty or there twice", "give each camera its own name"
            )
        for column, value in zip(CAMERA_NUMBERS, values, strict=True):
            if not math.isfinite(value) or (value <= 0 and not column.startswith("c")):
                raise InputError(f"{where}: {column}", f"{value} is no size in pixels", "mend it")
        width, height, *rest = values
        if width != int(width) or height != int(height) or max(width, height) > 100_000:
            raise InputError(where, f"{width} x {height} is no image size", "give whole pixels")
        fx, fy, cx, cy = rest
        cameras[name] = Camera(width_px=int(width), height_px=int(height), fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)
    return cameras


def _parse_frames(path: Path, cameras: dict[str, Camera], *, folder: Path) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """The frames, their quaternions at length one; rows without a time, a camera or a pose are left out."""
    table, wrong = read_table(path, texts=("camera", "path"), times=("timestamp_ns",), numbers=POSE_COLUMNS)
    table["timestamp_ns"], timed = integers(table["timestamp_ns"])
    for row, image in zip(table["source_row"], table["path"], strict=True):
        if image and not _stays_inside(image, folder=folder):
            what = f"path {image[:100]!r} is absolute or leaves the drive's folder"
            raise InputError(f"{path}: row {row}", what, "copy the image into the folder and write its relative path")
    table.loc[:, ["qw", "qx", "qy", "qz"]] = unit_quaternions(table[["qw", "qx", "qy", "qz"]].to_numpy())
    posed = np.asarray(np.isfinite(table[list(POSE_COLUMNS)].to_numpy()).all(axis=1))
    checks: tuple[tuple[str, Bool[np.ndarray, " n"]], ...] = (
        ("unreadable timestamp_ns", timed),
        ("camera is not in the table of cameras", table["camera"].isin(list(cameras)).to_numpy(dtype=bool)),
        ("no image path", table["path"].ne("").to_numpy(dtype=bool)),
        ("no camera pose with a unit quaternion", posed),
    )
    good, dropped = passing_rows(path, table["source_row"].to_numpy(), checks)
    frames = table[good].reset_index(drop=True)[list(FRAME_COLUMNS)]
    return frames.astype(FRAME_COLUMNS), wrong + dropped


def _stays_inside(image: str, *, folder: Path) -> bool:
    """Whether an image's path, links followed, lies in the drive's folder."""
    if "\0" in image or Path(image).is_absolute():
        return False
    root = os.path.realpath(folder)
    return os.path.realpath(folder / image).startswith(root.rstrip(os.sep) + os.sep)


def _read_map(folder: Path) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """The map, which may be absent."""
    path = folder / MAP
    return read_map_file(path, read_map) if path.exists() else (None, (), ())
