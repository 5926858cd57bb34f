"""Named columns of checked types, from Feather and Parquet files of strangers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.drives.arrow_file import is_number, is_text, read_columns, words_of
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

Kind = Literal["text", "integer", "number"]


def read_arrow(path: Path, *, columns: Mapping[str, Kind], todo: str) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """Read a table's named columns.

    Args:
        path: A ``.feather`` (version 2) or ``.parquet`` file; other columns in it and pandas' metadata are left alone.
        columns: What each column holds: ``text``, ``integer`` (up to 64 bits, or whole floats) or ``number``.
        todo: What the user can do about a file that cannot be used.

    Returns:
        ``source_row`` (1-based) and the columns as ``str``, ``int64`` and ``float64``, a number that is missing NaN;
        and the rows that were left out because a text is missing or empty, or an integer missing.

    Raises:
        InputError: The file cannot be read, is too large, lacks a column of that type, or no row is left.
    """
    texts = [name for name, kind in columns.items() if kind == "text"]
    table = read_columns(path, list(columns), texts=texts, todo=todo)
    found = pd.DataFrame({"source_row": np.arange(table.num_rows, dtype=np.int64) + 1})
    dropped: tuple[Dropped, ...] = ()
    whole = np.ones(table.num_rows, dtype=bool)
    for name, kind in columns.items():
        column, there = _column(table[name], kind, where=f"{path}: {name}", todo=todo)
        found[name] = column
        dropped += dropped_rows(path, found["source_row"][whole & ~there].tolist(), reason=f"no {name}")
        whole &= there
    if not whole.any():
        needed = ", ".join(name for name, kind in columns.items() if kind != "number")
        raise InputError(path, f"has no row with {needed}" if len(found) else "has no rows", todo)
    return found[whole].reset_index(drop=True), dropped


def _column(column: Any, kind: Kind, *, where: str, todo: str) -> tuple[np.ndarray, np.ndarray]:
    """A column's values, and where there is one that can be used."""
    if not (is_text if kind == "text" else is_number)(column.type):
        raise InputError(where, f"holds {str(column.type)[:60]}, not {kind}s", todo)
    if kind == "text":
        return _texts(column, where=where, todo=todo)
    there = np.array(column.is_valid())
    try:
        values = column.cast(pa.int64() if kind == "integer" else pa.float64())
    except pa.ArrowException as error:
        raise InputError(where, "has a number that is not whole, or is beyond 64 bits", todo) from error
    if kind == "integer":
        return np.array(values.fill_null(0)), there
    return np.array(values.fill_null(np.nan)), np.ones(len(there), dtype=bool)


def _texts(column: Any, *, where: str, todo: str) -> tuple[np.ndarray, np.ndarray]:
    words, index = words_of(column, where=where, todo=todo)
    values = np.array([word.strip() for word in words], dtype=object)[index]
    return values, values != ""
