"""KITTI's text files: lines of words, most of them numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from pipeline.drives.plain_file import read_plain
from pipeline.errors import InputError

TODO: Final = "take it from the same KITTI download"
_MOST_MB: Final = 64  # the longest, a sequence's labels, has 2
_MOST: Final = 1e9  # beyond any metre, degree or pixel


def read_lines(path: Path) -> list[list[str]]:
    """The words of every line of a text file; empty lines at its end are left out.

    Raises:
        InputError: It is missing, no plain file, too large, or no UTF-8 text.
    """
    try:
        text = read_plain(path, most_mb=_MOST_MB, missing=TODO, smaller=TODO).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, "is no text", TODO) from error
    lines = [line.split() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def floats(words: list[str]) -> list[float] | None:
    """The words as numbers; None if one of them is none, or is larger than anything measured."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if all(math.isfinite(value) and abs(value) < _MOST for value in values) else None
