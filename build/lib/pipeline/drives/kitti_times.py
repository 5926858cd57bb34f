"""The times of a raw KITTI drive: ``timestamps.txt``, a line per frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from pipeline.drives.kitti_text import TODO, read_lines
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

# Of those years that int64 nanoseconds since 1970 can hold.
_TIME: Final = re.compile(r"((?:19[7-9]|2[01]\d)\d-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", re.ASCII)


class Times(NamedTuple):
    """By frame number."""

    ns: Int[np.ndarray, " f"]  # 0 where it cannot be read
    known: Bool[np.ndarray, " f"]


def read_times(path: Path) -> tuple[Times, tuple[Dropped, ...]]:
    """Read lines like ``2011-09-26 13:02:25.594360375``.

    They are the local clock's. No time zone is told, so they become nanoseconds since 1970-01-01 00:00 on that clock
    (in Karlsruhe, where and when KITTI was recorded, two hours more than since 1970 in UTC); differences are exact.

    Raises:
        InputError: The file is missing, or no line of it is a time.
    """
    lines = read_lines(path)
    ns = [_nanoseconds(" ".join(words)) for words in lines]
    known = np.array([value is not None for value in ns], dtype=bool)
    if not known.any():
        raise InputError(path, "has no line like 2011-09-26 13:02:25.594360375", TODO)
    dropped = dropped_rows(path, (np.flatnonzero(~known) + 1).tolist(), reason="unreadable time")
    return Times(np.array([value or 0 for value in ns], dtype=np.int64), known), dropped


def _nanoseconds(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        seconds = np.datetime64(found[1], "s").astype(np.int64)
    except ValueError:  # the 31st of February
        return None
    return int(seconds) * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))
