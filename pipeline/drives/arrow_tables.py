"""Feather and Parquet files from strangers: named columns of checked types, nothing in them executed or trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.drives.arrow_sizes import unpacked_bytes
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

Kind = Literal["text", "integer", "number"]
_MOST_MB: Final = 100  # of a file; an hour at 10 Hz among a hundred agents
_MOST_UNPACKED_MB: Final = 1000
_MOST_ROWS: Final = 20_000_000
_MOST_MESSAGES: Final = 10_000
_LONGEST_TEXT: Final = 1000
_MAGIC: Final = b"ARROW1\0\0"


class _NotOneTableError(ValueError):
    """What a file is instead of a table within the limits."""


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
    try:
        table = _unpack(_read(path, todo=todo), columns, feather=path.suffix == ".feather")
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:  # Unicode errors are ValueErrors
        what = " ".join(str(error).split())[:160] or error.__class__.__name__
        word = "Feather" if path.suffix == ".feather" else "Parquet"
        raise InputError(path, f"cannot be read as {word} ({what})", todo) from error
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


def _read(path: Path, *, todo: str) -> pa.Buffer:
    """A file's content."""
    try:
        if not path.is_file():  # a pipe would never end
            raise InputError(path, "is missing" if not path.exists() else "is no file", todo)
        with path.open("rb") as file:
            content = file.read(_MOST_MB * 1_000_000 + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    if len(content) > _MOST_MB * 1_000_000:
        raise InputError(path, f"is over {_MOST_MB} MB", "cut the drive into shorter ones")
    return pa.py_buffer(content)


def _unpack(content: pa.Buffer, columns: Mapping[str, Kind], *, feather: bool) -> pa.Table:
    """The named columns, whole and valid."""
    table = _unpack_feather(content, columns) if feather else _unpack_parquet(content, columns)
    table.validate(full=True)  # Arrow's readers leave offsets into texts unchecked
    if table.num_rows > _MOST_ROWS:
        raise _NotOneTableError(f"over {_MOST_ROWS} rows")
    return table


def _unpack_feather(content: pa.Buffer, columns: Mapping[str, Kind]) -> pa.Table:
    if content[: len(_MAGIC)].to_pybytes() != _MAGIC:
        raise _NotOneTableError("no Feather file of version 2")
    # What follows is a stream of messages; the index of them at the end is not needed, so it cannot mislead.
    stream = content[len(_MAGIC) :]
    _check_sizes(stream)
    names = pa.ipc.open_stream(stream).schema.names
    wanted = [_only(names, name) for name in columns]
    options = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
    return pa.ipc.open_stream(stream, options=options).read_all()


def _check_sizes(stream: pa.Buffer) -> None:
    """Refuse a small file that would unpack to a huge table."""
    reader, total = pa.BufferReader(stream), 0
    for _ in range(_MOST_MESSAGES):
        try:
            total += unpacked_bytes(pa.ipc.read_message(reader))
        except EOFError:  # the end of the stream
            return
        if total > _MOST_UNPACKED_MB * 1_000_000:
            raise _NotOneTableError(f"over {_MOST_UNPACKED_MB} MB once unpacked")
    raise _NotOneTableError(f"over {_MOST_MESSAGES} parts")


def _unpack_parquet(content: pa.Buffer, columns: Mapping[str, Kind]) -> pa.Table:
    texts = [name for name, kind in columns.items() if kind == "text"]
    # Texts as a dictionary: a long one that is repeated in every row then costs no more than the file.
    with pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts) as file:
        about = file.metadata
        size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        if about.num_rows > _MOST_ROWS or size > _MOST_UNPACKED_MB * 1_000_000:
            raise _NotOneTableError(f"over {_MOST_ROWS} rows or {_MOST_UNPACKED_MB} MB once unpacked")
        for name in columns:
            _only(file.schema_arrow.names, name)
        return file.read(columns=list(columns), use_threads=False)


def _only(names: list[str], name: str) -> int:
    """Where a column stands among ``names``."""
    if (count := names.count(name)) != 1:
        there = " ".join(", ".join(names).split())[:200] or "none"
        raise _NotOneTableError(f"{count or 'no'} columns '{name}' among {there}")
    return names.index(name)


def _column(column: Any, kind: Kind, *, where: str, todo: str) -> tuple[np.ndarray, np.ndarray]:
    """A column's values, and where there is one that can be used."""
    if not (_is_text if kind == "text" else _is_number)(column.type):
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
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    combined = column.unify_dictionaries().combine_chunks()
    words = [word.strip() if word is not None else "" for word in combined.dictionary.to_pylist()] + [""]
    if max(map(len, words)) > _LONGEST_TEXT:
        raise InputError(where, f"has a text of over {_LONGEST_TEXT} letters", todo)
    values = np.array(words, dtype=object)[np.array(combined.indices.cast(pa.int64()).fill_null(-1))]
    return values, values != ""


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
