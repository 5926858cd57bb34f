"""The map beside a drive's tracks: one that cannot be used costs the map alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipeline.drives.map import DriveMap
from pipeline.errors import Dropped, InputError

MapRead = tuple[DriveMap, tuple[str, ...], tuple[Dropped, ...]]


def read_map_file(
    path: Path, read: Callable[[Path], MapRead], *, tracks: pd.DataFrame
) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """Read a map; one that cannot be used is left out, and the drive goes on without it.

    Args:
        path: The file.
        read: Gives the map, notes and what was dropped of it, or raises ``InputError``.
        tracks: Of the drive, to see whether anybody is ever on the map.
    """
    try:
        drive_map, notes, dropped = read(path)
    except InputError as error:
        return None, (), (Dropped(where=error.where, reason=f"map not used: {error.what}; {error.todo}"),)
    left, bottom, right, top = drive_map.bounds_m
    if not (tracks["x_m"].between(left, right) & tracks["y_m"].between(bottom, top)).any():
        notes += (f"{path}: no agent is ever on the map; give it in the world frame of the tracks",)
    return drive_map, notes, dropped
