"""JSON of an object with one object per drive, read as a stream: of all the drives, one is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

import ijson
from ijson.common import ObjectBuilder

from pipeline.errors import InputError, one_line

_MOST_MB: Final = 500
_MOST_DEEP: Final = 10
_MOST_DRIVES: Final = 10_000
_BOM: Final = b"\xef\xbb\xbf"
_TODO: Final = "take the file from the release again"


def scan_drives(path: Path, *, wanted: str | None = None) -> tuple[list[str], Any]:
    """Read the whole file and build the value of one key.

    Returns:
        All keys of the outermost object, and what ``wanted`` stands for, whatever that may be; None without ``wanted``.

    Raises:
        InputError: It is no JSON throughout, too large, too deep, no object, has no or too many drives, or a drive or
            one of the wanted drive's tracks twice, or lacks the wanted one.
    """
    try:
        if path.stat().st_size > _MOST_MB * 1_000_000:
            raise InputError(path, f"is over {_MOST_MB} MB", "cut it into several, in folders of their own")
        with path.open("rb") as file:
            if file.read(len(_BOM)) != _BOM:
                file.seek(0)
            keys, value = _scan(file, path=path, wanted=wanted)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    except ijson.JSONError as error:
        what = error.args[0] if error.args else ""
        what = what.decode(errors="replace") if isinstance(what, bytes) else str(what)
        raise InputError(path, f"is not JSON ({one_line(what.splitlines()[0] if what else '')})", _TODO) from error
    if not keys:
        raise InputError(path, "has no drives", _TODO)
    if wanted is not None and wanted not in keys:
        raise InputError(path, f"has no drive {one_line(wanted)[:100]!r}", _TODO)
    return keys, value


def _scan(file: BinaryIO, *, path: Path, wanted: str | None) -> tuple[list[str], Any]:
    keys: list[str] = []
    seen: set[tuple[int, str]] = set()
    builder = ObjectBuilder()
    depth, here = 0, False  # in the wanted drive
    for event, value in ijson.basic_parse(file, use_float=True):
        if depth == 0 and event != "start_map":
            raise InputError(path, "is not a JSON object", _TODO)
        if event == "map_key" and (depth == 1 or (depth == 2 and here)):
            if (depth, value) in seen:
                raise InputError(f"{path}: {one_line(value)[:100]}", "is there twice", _TODO)
            seen.add((depth, value))
        if event == "map_key" and depth == 1:
            keys.append(value)
            here = value == wanted
            if len(keys) > _MOST_DRIVES:
                raise InputError(path, f"has over {_MOST_DRIVES} drives", _TODO)
            continue
        if event in ("end_map", "end_array"):
            depth -= 1
        if here and depth > 0:
            builder.event(event, value)
        if event in ("start_map", "start_array"):
            depth += 1
            if depth > _MOST_DEEP:
                raise InputError(path, f"is nested more than {_MOST_DEEP} deep", _TODO)
    return keys, builder.value if wanted in keys else None
