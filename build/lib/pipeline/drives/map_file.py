"""The map beside a drive's tracks: one that cannot be used costs the map alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.drives.map import DriveMap
from pipeline.errors import Dropped, InputError

MapRead = tuple[DriveMap, tuple[str, ...], tuple[Dropped, ...]]


def read_map_file(
    path: Path, read: Callable[[Path], MapRead]
) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """Read a map; one that cannot be used is left out, and the drive goes on without it.

    Args:
        path: The file.
        read: Gives the map, notes and what was dropped of it, or raises ``InputError``.
    """
    try:
        return read(path)
    except InputError as error:
        return None, (), (Dropped(where=error.where, reason=f"map not used: {error.what}; {error.todo}"),)
