"""Feather and Parquet files from strangers: nothing in them is executed, trusted, or unpacked beyond a limit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from pipeline.drives.arrow_sizes import unpacked_bytes
from pipeline.drives.plain_file import read_plain
from pipeline.errors import InputError

_MOST_MB: Final = 100  # of a file
_MOST_UNPACKED_MB: Final = 1000
_MOST_ROWS: Final = 5_000_000  # an hour at 10 Hz among a hundred agents has 3,600,000
_MOST_MESSAGES: Final = 10_000
_LONGEST_TEXT: Final = 1000
_MAGIC: Final = b"ARROW1\0\0"


class _NotOneTableError(ValueError):
    """What a file is instead of a table within the limits."""


def read_columns(path: Path, columns: Sequence[str], *, texts: Sequence[str], todo: str) -> pa.Table:
    """Read a table's named columns, of whatever types they are; the file's other columns and metadata are left alone.

    Args:
        path: A ``.feather`` (version 2) or ``.parquet`` file.
        columns: Their names.
        texts: Those that should hold texts.
        todo: What the user can do about a file that cannot be used.

    Raises:
        InputError: The file cannot be read, is too large, or has none or several columns of a name.
    """
    content = read_plain(path, most_mb=_MOST_MB, missing=todo, smaller="cut the drive into shorter ones")
    feather = path.suffix == ".feather"
    try:
        buffer = pa.py_buffer(content)
        table = _unpack_feather(buffer, columns) if feather else _unpack_parquet(buffer, columns, texts=texts)
        table.validate(full=True)  # Arrow's readers leave offsets into texts unchecked
        if table.num_rows > _MOST_ROWS:
            raise _NotOneTableError(f"over {_MOST_ROWS} rows")
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:  # Unicode errors are ValueErrors
        what = " ".join(str(error).split())[:160] or error.__class__.__name__
        raise InputError(path, f"cannot be read as {'Feather' if feather else 'Parquet'} ({what})", todo) from error
    return table.select(list(columns)).replace_schema_metadata(None)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts, all written out or each once."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column holds integers or floats."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def words_of(column: Any, *, where: str, todo: str) -> tuple[list[str], Int[np.ndarray, " r"]]:
    """A column of texts as its different texts, an empty one last, and which of them each row has; -1: it has none.

    Args:
        column: A chunked array of texts.
        where: The column, for the message.
        todo: Likewise.

    Raises:
        InputError: A text is too long.
    """
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    combined = column.unify_dictionaries().combine_chunks()
    words = [word or "" for word in combined.dictionary.to_pylist()] + [""]
    if max(map(len, words)) > _LONGEST_TEXT:
        raise InputError(where, f"has a text of over {_LONGEST_TEXT} letters", todo)
    return words, np.array(combined.indices.cast(pa.int64()).fill_null(-1))


def _unpack_feather(content: pa.Buffer, columns: Sequence[str]) -> pa.Table:
    if content[: len(_MAGIC)].to_pybytes() != _MAGIC:
        raise _NotOneTableError("no Feather file of version 2")
    # What follows is a stream of messages; the index of them at the end is not needed, so it cannot mislead.
    stream = content[len(_MAGIC) :]
    _check_sizes(stream)
    schema = pa.ipc.open_stream(stream).schema
    _check_columns(schema, columns)
    wanted = [schema.get_field_index(name) for name in columns]
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


def _unpack_parquet(content: pa.Buffer, columns: Sequence[str], *, texts: Sequence[str]) -> pa.Table:
    _check_columns(pq.read_schema(pa.BufferReader(content)), columns)
    # Texts as a dictionary: a long one that is repeated in every row then costs no more than the file.
    with pq.ParquetFile(pa.BufferReader(content), read_dictionary=list(texts)) as file:
        about = file.metadata
        size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        if about.num_rows > _MOST_ROWS or size > _MOST_UNPACKED_MB * 1_000_000:
            raise _NotOneTableError(f"over {_MOST_ROWS} rows or {_MOST_UNPACKED_MB} MB once unpacked")
        return file.read(columns=list(columns), use_threads=False)


def _check_columns(schema: pa.Schema, columns: Sequence[str]) -> None:
    """Each column is there once, one value to a row: a list may be as long as it likes."""
    for name in columns:
        if (count := schema.names.count(name)) != 1:
            there = " ".join(", ".join(schema.names).split())[:200] or "none"
            raise _NotOneTableError(f"{count or 'no'} columns '{name}' among {there}")
        if pa.types.is_nested(kind := schema.field(name).type):
            raise _NotOneTableError(f"column '{name}' holds {str(kind)[:60]}")
