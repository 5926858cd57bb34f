"""Clean drives on disk: Parquet tables that read back exactly what was written.

A folder holds, per drive, ``<name>.parquet`` (the tracks), ``<name>.steps.parquet`` (the step clock),
``<name>.frames.parquet`` (the frames; the cameras in its metadata), ``<name>.map.parquet`` (the map; no rows where
there is none) and ``<name>.report.json`` (for people), and one ``drives.json`` that names the drives. Whoever reads a
folder reads that list, never the directory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from pipeline.drives.categories import Category
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.drives.map import DriveMap
from pipeline.drives.reader import is_plain_name
from pipeline.errors import Dropped, InputError, Suspicion
from pipeline.files import write_json
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from pipeline.ingest.map_table import read_map_table, write_map_table
from pipeline.ingest.report import ingest_report
from pipeline.ingest.tables import TODO, read_table, write_table

STEP_COLUMNS: Final = {"t_ns": "int64"}


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What the tracks table carries beside its columns."""

    name: str
    source_path: str
    rate_hz: float
    num_raw_rows: int
    dropped: tuple[Dropped, ...]
    notes: tuple[str, ...]
    suspicions: tuple[Suspicion, ...]


@dataclass(frozen=True, kw_only=True)
class _Index:
    """``drives.json``."""

    drives: list[str]
    rejected: dict[str, str]


_HEAD: Final = TypeAdapter(_Head)
_INDEX: Final = TypeAdapter(_Index)
_CAMERAS: Final = TypeAdapter(dict[str, Camera])
T = TypeVar("T")


def write_clean(folder: Path, clean: CleanDrive) -> None:
    """Write one drive's files. ``write_index`` then names the drive; nobody finds it before.

    Raises:
        InputError: The drive's name cannot name files.
    """
    name = _plain(clean.name, where=f"drive {clean.name!r}", todo="rename it in its drive.json")
    head = {
        "name": clean.name,
        "source_path": clean.source_path,
        "rate_hz": clean.rate_hz,
        "num_raw_rows": clean.num_raw_rows,
        "dropped": [asdict(entry) for entry in clean.dropped],
        "notes": list(clean.notes),
        "suspicions": [asdict(entry) for entry in clean.suspicions],
    }
    cameras = {camera: asdict(value) for camera, value in clean.cameras.items()}
    steps = pd.DataFrame({"t_ns": clean.step_times_ns})
    write_table(folder / f"{name}.parquet", clean.tracks, columns=CLEAN_COLUMNS, metadata=head)
    write_table(folder / f"{name}.steps.parquet", steps, columns=STEP_COLUMNS, metadata=None)
    write_table(folder / f"{name}.frames.parquet", clean.frames, columns=FRAME_COLUMNS, metadata=cameras)
    write_map_table(folder / f"{name}.map.parquet", clean.map)
    write_json(folder / f"{name}.report.json", ingest_report(clean))


def write_index(folder: Path, *, drives: Iterable[str], rejected: Mapping[str, str]) -> None:
    """Write ``drives.json``.

    Args:
        folder: Where ``write_clean`` wrote.
        drives: Names of the drives that are there.
        rejected: Name of every drive that could not be used, and the line that says why.
    """
    write_json(folder / "drives.json", {"drives": sorted(drives), "rejected": dict(sorted(rejected.items()))})


def clean_names(folder: Path) -> list[str]:
    """Names of the drives in a folder.

    Raises:
        InputError: There is no ``drives.json``, or it is not one.
    """
    path = folder / "drives.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", TODO) from error
    names = _parsed(content, _INDEX, path=path).drives
    return [_plain(name, where=path, todo=TODO) for name in names]


def find_cleans(root: Path, *, sources: Sequence[str]) -> dict[str, Path]:
    """Drive name to its folder, over the sources of ``params.yaml`` (never over what lies in the directory).

    Raises:
        InputError: A source has no ``drives.json``, or two sources have drives of one name.
    """
    folders: dict[str, Path] = {}
    for source in sources:
        folder = root / source
        for name in clean_names(folder):
            if name in folders:
                where = f"drive {name!r}"
                raise InputError(where, f"is in both {folders[name]} and {folder}", "rename one, or drop a source")
            folders[name] = folder
    return folders


def read_clean(folder: Path, name: str) -> CleanDrive:
    """Read one drive, exactly as it was written.

    Raises:
        InputError: A file is missing or is not what ``write_clean`` writes; the message names it.
    """
    _plain(name, where=folder, todo=TODO)
    path = folder / f"{name}.parquet"
    tracks, metadata = read_table(path, columns=CLEAN_COLUMNS)
    head = _parsed(metadata, _HEAD, path=path)
    frames_path = folder / f"{name}.frames.parquet"
    frames, cameras = read_table(frames_path, columns=FRAME_COLUMNS)
    step_times_ns = _read_steps(folder, name)
    if head.name != name or not 0.0 < head.rate_hz < math.inf:
        raise InputError(path, "does not say what ingest writes into it", TODO)
    _check_tracks(tracks, step_times_ns=step_times_ns, path=path)
    return CleanDrive(
        name=head.name,
        source_path=head.source_path,
        rate_hz=head.rate_hz,
        step_times_ns=step_times_ns,
        tracks=tracks,
        cameras=_parsed(cameras, _CAMERAS, path=frames_path),
        frames=frames,
        map=read_map(folder, name),
        dropped=head.dropped,
        notes=head.notes,
        suspicions=head.suspicions,
        num_raw_rows=head.num_raw_rows,
    )


def read_map(folder: Path, name: str) -> DriveMap | None:
    """A drive's map; None where it has none.

    Raises:
        InputError: As ``read_clean``.
    """
    return read_map_table(folder / f"{_plain(name, where=folder, todo=TODO)}.map.parquet")


def find_maps(root: Path, *, sources: Sequence[str]) -> dict[str, DriveMap]:
    """The maps by drive name, over the sources of ``params.yaml``; drives without one are not in it.

    Raises:
        InputError: As ``find_cleans`` and ``read_clean``.
    """
    found = {name: read_map(folder, name) for name, folder in find_cleans(root, sources=sources).items()}
    return {name: drive_map for name, drive_map in found.items() if drive_map is not None}


def read_span(folder: Path, name: str) -> tuple[int, int]:
    """Times of a drive's first and last step, in nanoseconds.

    Raises:
        InputError: As ``read_clean``.
    """
    steps = _read_steps(folder, _plain(name, where=folder, todo=TODO))
    return int(steps[0]), int(steps[-1])


def _read_steps(folder: Path, name: str) -> np.ndarray:
    path = folder / f"{name}.steps.parquet"
    table, _ = read_table(path, columns=STEP_COLUMNS)
    steps = table["t_ns"].to_numpy(np.int64)
    if not len(steps) or (steps[1:] <= steps[:-1]).any():
        raise InputError(path, "does not hold ascending times", TODO)
    return steps


def _check_tracks(tracks: pd.DataFrame, *, step_times_ns: np.ndarray, path: Path) -> None:
    """What later stages rely on, so that a damaged table cannot become a wrong forecast."""
    step = tracks["step"].to_numpy()
    inside = bool(len(step)) and step.min() >= 0 and step.max() < len(step_times_ns)
    agent = tracks["agent_id"]
    # One agent after the other; within one, step after step.
    moved = (agent != agent.shift()).to_numpy(np.bool_)
    ascending = bool((moved[1:] | (step[1:] > step[:-1])).all())
    grouped = int(moved.sum()) == agent.nunique()
    numbers = tracks[["x_m", "y_m", "z_m", "length_m", "width_m", "height_m"]].to_numpy()
    categories = tracks["category"].isin([int(category) for category in Category])
    timed = inside and bool((step_times_ns[step] == tracks["t_ns"].to_numpy()).all())
    if not (timed and ascending and grouped and np.isfinite(numbers).all() and categories.all()):
        raise InputError(path, "is not a table of clean tracks", TODO)


def _plain(name: str, *, where: str | Path, todo: str) -> str:
    """A drive's name, if files can bear it."""
    if not is_plain_name(name):
        raise InputError(where, f"has the drive name {name!r}, which cannot name a file", todo)
    return name


def _parsed(value: Any, adapter: TypeAdapter[T], *, path: Path) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise InputError(path, "does not say what ingest writes into it", TODO) from error
