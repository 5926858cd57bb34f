"""The raw formats by name, and the drives that lie in a folder."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.drives.drive import Drive
from pipeline.drives.kitti_tracking import KittiTrackingReader
from pipeline.drives.neutral import NeutralReader
from pipeline.drives.reader import DriveRef, Reader, plain_name
from pipeline.errors import InputError

__all__ = ["AUTO", "READERS", "DriveRef", "find_drives", "read_drive", "tell_apart"]

AUTO: Final = "auto"
READERS: Final[dict[str, Reader]] = {reader.name: reader for reader in (NeutralReader(), KittiTrackingReader())}
_DEPTH: Final = 2  # drives lie in the folder itself or at most so many folders below it


def find_drives(path: Path, *, format: str = AUTO) -> list[DriveRef]:  # noqa: A002  # the word users know
    """Find the drives in a folder: the folder itself is one, or holds several, directly or one folder further down.

    Args:
        path: The folder.
        format: A name of ``READERS``, or ``auto`` for whichever recognises a folder by its files.

    Returns:
        At least one drive, sorted by name, no two of the same name.

    Raises:
        InputError: The format is unknown, the folder cannot be read, or no drive is in it.
    """
    if format not in (AUTO, *READERS):
        raise InputError(f"format '{format}'", "is not known", f"use one of {', '.join((AUTO, *READERS))}")
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise InputError(path, what, "give the folder of a drive, or one that holds drives")
    readers = list(READERS.values()) if format == AUTO else [READERS[format]]
    found = _find(path, readers, depth=_DEPTH)
    if not found:
        wanted = "; ".join(f"{reader.name}: {reader.looks_for}" for reader in readers)
        raise InputError(path, f"no drive was found in it (looked for {wanted})", "give another folder or format")
    return tell_apart(found)


def read_drive(ref: DriveRef) -> Drive:
    """Read a drive that ``find_drives`` found.

    Raises:
        InputError: It cannot be read; the message names file and row or key.
    """
    return READERS[ref.format].read(ref)


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


def _find(path: Path, readers: Sequence[Reader], *, depth: int) -> list[DriveRef]:
    """The drives in ``path``, or else in the folders below it."""
    for reader in readers:
        if refs := reader.find(path):
            return refs
    if depth == 0:
        return []
    try:
        below = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError as error:
        raise InputError(path, f"cannot be listed ({error.strerror})", "check its permissions") from error
    return [ref for child in below for ref in _find(child, readers, depth=depth - 1)]
