"""JSON tables of any size, one object per row: read a few megabytes at a time, whatever is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from jaxtyping import Float, Int

from pipeline.errors import InputError

ABSENT: Final = np.iinfo(np.int64).min  # an integer that is missing or none
_CHUNK: Final = 2**22  # letters read at a time
_MOST_ROW: Final = 2**20  # letters of one row; rows of real tables have a few hundred
_BETWEEN: Final = re.compile(r"\s*,?\s*")
_TODO: Final = "take it from the same download"

Rows = list[Mapping[str, Any]]
_NO_OBJECT: Final[Mapping[str, Any]] = {}


def read_rows(path: Path) -> Iterator[tuple[int, Rows]]:
    """Read a file that holds one JSON list of objects, some rows at a time.

    Memory is bounded by the longest row that is allowed, not by the file. Not ijson: brackets 100,000 deep, a file of
    200 kB, take all the memory that there is with it, and one number too large ends the table.

    Args:
        path: UTF-8, with or without a byte order mark.

    Yields:
        The number of the first of some rows (1-based), and the rows; one that is no object is empty.

    Raises:
        InputError: The file is missing, cannot be read, is no list, or has a row that is cut off, no JSON or too long.
            The rows before it have been yielded.
    """
    try:
        if not path.is_file():  # a pipe or a device would never end
            raise InputError(path, "is no file" if path.exists() else "is missing", _TODO)
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows_of(file, path)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is no UTF-8 text", _TODO) from error


def _rows_of(file: TextIO, path: Path) -> Iterator[tuple[int, Rows]]:
    decoder, first = json.JSONDecoder(), 1
    window = file.read(_CHUNK).lstrip()
    if not window.startswith("["):
        raise InputError(path, "is no JSON list" if window else "is empty", _TODO)
    window = window[1:]
    while True:
        rows: Rows = []
        place, what = 0, "is cut off"
        while (start := _end_of(window, place)) < len(window) and window[start] != "]":
            try:
                row, place = decoder.raw_decode(window, start)
            except (ValueError, RecursionError) as error:  # cut off here, no JSON, a number of thousands of digits
                what = f"is cut off or no JSON ({getattr(error, 'msg', error.__class__.__name__)})"
                break
            rows.append(row if isinstance(row, dict) else _NO_OBJECT)
        if rows:
            yield first, rows
            first += len(rows)
        if window[start : start + 1] == "]":
            if window[start + 1 :].strip() or file.read(_CHUNK).strip():
                raise InputError(path, "goes on after the end of its list", _TODO)
            return
        window = window[start:]
        more = file.read(_CHUNK) if len(window) <= _MOST_ROW else ""
        if not more:
            raise InputError(
                f"{path}: row {first}", what if len(window) <= _MOST_ROW else f"{what}, or too long", _TODO
            )
        window += more


def _end_of(window: str, place: int) -> int:
    """Where the next row starts, or the list ends."""
    found = _BETWEEN.match(window, place)
    assert found is not None  # it matches nothing, too
    return found.end()


def texts(rows: Rows, key: str) -> list[str]:
    """A key's values; empty where there is no text, or one that could not be shown or written."""
    values = (row.get(key) for row in rows)
    return [value if isinstance(value, str) and value.isprintable() else "" for value in values]


def integers(rows: Rows, key: str, *, most: int) -> Int[np.ndarray, " n"]:
    """A key's values; ``ABSENT`` where there is no integer from ``-most`` to ``most``."""
    values = (row.get(key) for row in rows)
    # type(), for a bool is an int too
    inside = [value if type(value) is int and -most <= value <= most else ABSENT for value in values]
    return np.array(inside, dtype=np.int64)


def floats(rows: Rows, key: str, *, shape: tuple[int, ...]) -> Float[np.ndarray, "n *s"]:
    """A key's lists of numbers; NaN throughout where there is none of that shape."""
    values = [row.get(key) for row in rows]
    if not values:
        return np.empty((0, *shape))
    try:
        numbers = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape != (len(rows), *shape):
        numbers = np.stack([_float(value, shape) for value in values])
    return numbers


def _float(value: object, shape: tuple[int, ...]) -> Float[np.ndarray, " *s"]:
    try:
        numbers = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        numbers = np.empty(0)
    return numbers if numbers.shape == shape else np.full(shape, np.nan)
