"""The raw formats by name, and the drives that lie in a folder."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.drives.argoverse2_forecasting import Argoverse2ForecastingReader
from pipeline.drives.argoverse2_sensor import Argoverse2SensorReader
from pipeline.drives.drive import Drive
from pipeline.drives.eth_ucy import EthUcyReader
from pipeline.drives.kitti_forecasting import KittiForecastingReader
from pipeline.drives.kitti_raw import KittiRawReader
from pipeline.drives.kitti_tracking import KittiTrackingReader
from pipeline.drives.neutral import NeutralReader
from pipeline.drives.nuscenes import NuScenesReader
from pipeline.drives.reader import DriveRef, Reader, plain_name
from pipeline.errors import InputError

__all__ = ["AUTO", "READERS", "DriveRef", "check_format", "find_drives", "read_drive", "tell_apart"]

AUTO: Final = "auto"
READERS: Final[dict[str, Reader]] = {  # in the order in which a folder is tried
    reader.name: reader
    for reader in (
        NeutralReader(),
        KittiTrackingReader(),
        KittiRawReader(),
        KittiForecastingReader(),
        NuScenesReader(),
        Argoverse2SensorReader(),
        Argoverse2ForecastingReader(),
        EthUcyReader(),
    )
}
_DEPTH: Final = 5  # drives lie in the folder itself or at most so many folders below it


def find_drives(path: Path, *, format: str = AUTO) -> list[DriveRef]:  # noqa: A002  # the word users know
    """Find the drives in a folder: the folder itself is one, or holds several, up to five folders further down.

    Nothing is looked for below a folder that is or holds a drive itself, nor in hidden folders. Links are followed, but
    not up to folders that hold the given one, and no folder is looked into twice.

    Args:
        path: The folder.
        format: A name of ``READERS``, or ``auto`` for whichever recognises a folder by its files.

    Returns:
        At least one drive, sorted by name, no two of the same name.

    Raises:
        InputError: The format is unknown, the folder cannot be read, or no drive is in it.
    """
    check_format(format)
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise InputError(path, what, "give the folder of a drive, or one that holds drives")
    readers = list(READERS.values()) if format == AUTO else [READERS[format]]
    found, problems = _find(path, readers)
    if not found and problems:
        raise problems[0]
    if not found:
        wanted = "; ".join(f"{reader.name}: {reader.looks_for}" for reader in readers)
        raise InputError(path, f"no drive was found in it (looked for {wanted})", "give another folder or format")
    return tell_apart(found)


def check_format(name: str) -> None:
    """Refuse a format that no reader has.

    Raises:
        InputError: It is neither ``auto`` nor a name of ``READERS``.
    """
    if name not in (AUTO, *READERS):
        raise InputError(f"format '{name}'", "is not known", f"use one of {', '.join((AUTO, *READERS))}")


def read_drive(ref: DriveRef) -> Drive:
    """Read a drive that ``find_drives`` found.

    Raises:
        InputError: It cannot be read; the message names file and row or key.
    """
    try:
        return READERS[ref.format].read(ref)
    except OSError as error:
        where = error.filename or ref.path
        raise InputError(
            where, f"cannot be read ({error.strerror or error})", "check the disk and permissions"
        ) from error


def tell_apart(refs: Iterable[DriveRef]) -> list[DriveRef]:
    """Give every drive a name of its own, sorted by name: names become output files.

    Drives that share a name (copies of a folder, say) take their folder's name instead, and a number where
    that is taken too. Use it over everything that goes into one output folder. Names that differ in case
    alone count as shared, as some file systems do.
    """
    ordered = sorted(refs, key=lambda ref: (ref.name, str(ref.path), ref.key))
    shared = Counter(_folded(ref.name) for ref in ordered)
    taken = {name for name, count in shared.items() if count == 1}
    apart: list[DriveRef] = []
    for ref in ordered:
        name = ref.name
        if shared[_folded(name)] > 1:
            base = plain_name("-".join(part for part in (ref.path.resolve().name, ref.key) if part))
            name, number = base, 1
            while _folded(name) in taken:
                number += 1
                name = f"{base}-{number}"
            taken.add(_folded(name))
        apart.append(replace(ref, name=name))
    return sorted(apart, key=lambda ref: ref.name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _find(path: Path, readers: Sequence[Reader]) -> tuple[list[DriveRef], list[InputError]]:
    """The drives in ``path`` and below, the nearest folders first, so that links cannot hide what lies near.

    And the folders that nobody may look into: what lies beside them can still be read.
    """
    found: list[DriveRef] = []
    problems: list[InputError] = []
    seen: set[tuple[int, int]] = set()
    for above in path.resolve().parents:  # a link up to one of them would bring in all that lies beside
        with suppress(OSError):
            seen.add(_identity(above.stat()))
    level = [path]
    for depth in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            try:
                identity = _identity(folder.stat())
                if identity in seen:
                    continue
                seen.add(identity)
                refs = next((refs for reader in readers if (refs := reader.find(folder))), [])
                found += refs
                if not refs and depth < _DEPTH:
                    below += _folders(folder)
            except OSError as error:
                what = f"cannot be looked into ({error.strerror})"
                problems.append(InputError(folder, what, "check its permissions"))
        level = below
    return found, problems


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _folders(path: Path) -> list[Path]:
    """The folders in a folder that are not hidden, by name."""
    with os.scandir(path) as entries:
        return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and _is_folder(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
