"""A folder of nuScenes tables, read a few rows at a time, with what has to be left out of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.drives.json_rows import ABSENT, Rows, integers, read_rows, texts
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped

NEEDED: Final = ("scene", "sample")
XYZ: Final = ("x_m", "y_m", "z_m")
_MOST_MICROSECONDS: Final = 9 * 10**15  # as nanoseconds they fit 64 bits


class Version:
    """A version folder such as ``v1.0-trainval``, while it is read.

    Args:
        folder: The folder.
        there: The tables that are in it: names without ``.json``.
    """

    def __init__(self, folder: Path, *, there: frozenset[str]) -> None:
        self.folder, self.there = folder, there
        self._left_out: defaultdict[tuple[str, str], list[int]] = defaultdict(list)

    def chunks(self, table: str) -> Iterator[tuple[Int[np.ndarray, " n"], Rows]]:
        """Row numbers (1-based) and rows of a table, some at a time; none of one that is not there and need not be.

        Raises:
            InputError: It cannot be read as a whole, or is missing and needed.
        """
        if table in self.there or table in NEEDED:
            for first, rows in read_rows(self.folder / f"{table}.json"):
                yield np.arange(first, first + len(rows)), rows

    def keyed(self, table: str, number_of_token: dict[str, int]) -> Iterator[tuple[Int[np.ndarray, " n"], Rows]]:
        """The same for a table that others refer to: without rows that have no token, or that of an earlier row.

        ``number_of_token`` gets the rows' tokens, and numbers them from 0 in the order in which they come.
        """
        for source_row, rows in self.chunks(table):
            tokens = texts(rows, "token")
            new = np.zeros(len(rows), dtype=np.bool_)
            for index, token in enumerate(tokens):
                new[index] = token != "" and token not in number_of_token
                if new[index]:
                    number_of_token[token] = len(number_of_token)
            named = np.array([token != "" for token in tokens])
            self.leave_out(table, "no token", source_row[~named])
            self.leave_out(table, "the token of an earlier row", source_row[named & ~new])
            yield source_row[new], [rows[index] for index in np.flatnonzero(new)]

    def leave_out(self, table: str, reason: str, source_row: Int[np.ndarray, " n"]) -> None:
        """Report rows that cannot be told to be of one scene."""
        if len(source_row):
            self._left_out[table, reason].extend(source_row.tolist())

    def dropped(self) -> tuple[Dropped, ...]:
        """What was left out so far."""
        return tuple(
            entry
            for (table, reason), rows in self._left_out.items()
            for entry in dropped_rows(self.folder / f"{table}.json", rows, reason=reason)
        )


def numbers(tokens: list[str], number_of_token: Mapping[str, int]) -> Int[np.ndarray, " n"]:
    """The numbers of tokens; -1 for one that is not known."""
    return np.array([number_of_token.get(token, -1) for token in tokens], dtype=np.int64)


def times_ns(rows: Rows) -> Int[np.ndarray, " n"]:
    """Timestamps, in the file in microseconds, as nanoseconds; ``ABSENT`` where unreadable."""
    microseconds = integers(rows, "timestamp", most=_MOST_MICROSECONDS)
    return np.where(microseconds == ABSENT, ABSENT, microseconds * 1000)


def table(columns: Mapping[str, object], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A table of some of the columns, in the order and of the types given."""
    return pd.DataFrame(columns)[list(dtypes)].astype(dtypes)


def joined(parts: list[pd.DataFrame], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The parts of a table as one; with its columns even if there is none."""
    return pd.concat(parts or [table({name: [] for name in dtypes}, dtypes)], ignore_index=True)
