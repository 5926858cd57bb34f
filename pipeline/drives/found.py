"""The drives in all the folders that a user gives; a folder that holds none is named, and the others go on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.drives.registry import AUTO, DriveRef, check_format, find_drives, tell_apart
from pipeline.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What lies in folders.

    Attributes:
        refs: Every drive once, sorted by name, no two of one name.
        problems: The folders that hold none, one by one.
        notes: Which drives were given twice or go by another name, one line each.
    """

    refs: tuple[DriveRef, ...]
    problems: tuple[InputError, ...] = ()
    notes: tuple[str, ...] = ()


def find_all(paths: Sequence[Path], *, format: str = AUTO) -> Found:  # noqa: A002  # as in find_drives
    """Find the drives in several folders.

    Args:
        paths: Each the folder of a drive, or of several.
        format: As in ``find_drives``.

    Raises:
        InputError: The format is unknown.
    """
    check_format(format)
    refs: dict[tuple[Path, str], DriveRef] = {}
    problems: list[InputError] = []
    notes: list[str] = []
    for path in paths:
        try:
            found = find_drives(path, format=format)
            missed, again = _without_drives(path, found)
        except InputError as error:
            problems.append(error)
            continue
        problems += missed
        notes += [f"{link}: leads to a folder that is looked into anyway" for link in again]
        for ref in found:
            where = (ref.path.resolve(), ref.key)
            if where in refs:
                notes.append(f"{ref.path}: is given twice; it is read once")
            refs.setdefault(where, ref)
    apart = tell_apart(refs.values())
    given = {where: ref.name for where, ref in refs.items()}
    notes += [
        f"{ref.path}: another drive is called '{name}' too; this one is '{ref.name}' here"
        for ref in apart
        if (name := given[ref.path.resolve(), ref.key]) != ref.name
    ]
    return Found(refs=tuple(apart), problems=tuple(problems), notes=tuple(notes))


def _without_drives(path: Path, found: Iterable[DriveRef]) -> tuple[list[InputError], list[Path]]:
    """Folders beside folders of drives that hold none: one that is empty or broken must not be passed over.

    Returns:
        Why each is none, and the links among them to folders that are looked into all the same, or hold ``path``.

    Raises:
        InputError: A folder cannot be listed.
    """
    places = {ref.path for ref in found}
    above = {folder for place in places for folder in place.parents if folder.is_relative_to(path)} - places
    seen = above | places
    known = {folder.resolve() for folder in seen} | {*path.resolve().parents}
    missed: list[InputError] = []
    again: list[Path] = []
    try:
        for folder in sorted(above):
            for child in sorted(child for child in folder.iterdir() if not child.name.startswith(".")):
                if child in seen or not _is_meant(child):
                    continue
                if Path(os.path.realpath(child)) in known:  # resolve() fails on a link to itself
                    again.append(child)
                else:
                    missed.append(_why_none(child))
    except OSError as error:
        where = error.filename or path
        raise InputError(where, f"cannot be listed ({error.strerror})", "check its permissions") from error
    return missed, again


def _is_meant(child: Path) -> bool:
    """Whether users mean a drive by it: a folder, or a link that leads nowhere any more; files lie there as well."""
    return child.is_dir() or (child.is_symlink() and not child.exists())


def _why_none(folder: Path) -> InputError:
    todo = "mend it, or take it out of the folder"
    if not folder.exists():
        return InputError(folder, "is a link that leads nowhere", todo)
    try:
        with os.scandir(folder):
            return InputError(folder, "no drive was found in it", todo)
    except OSError as error:
        return InputError(folder, f"cannot be looked into ({error.strerror})", "check its permissions")
