"""Damage to tables of columns: Parquet, and Arrow files that are called feather."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from tests.stress.damage.files import _Explosive
from tests.stress.damage.kinds import Hit, Means, kind

COLUMNS: Final = (".parquet", ".feather")
_BLOCKS, _BLOCK_ROWS = 8, 1_000_000  # all alike they take little room on the disk, and much in memory


def _read(path: Path) -> pa.Table | None:
    """The table; None where an earlier damage left none, or one too large to work with."""
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)
    except (pa.ArrowException, OSError):
        return None
    return table if table.num_rows < _BLOCK_ROWS else None


def _write(path: Path, table: pa.Table) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        pa_feather(table, path)


def pa_feather(table: pa.Table, path: Path) -> None:
    """Arrow's file format, whatever types are in the table."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _with(table: pa.Table, column: int, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(column, table.schema.names[column], values)


@kind(*COLUMNS)
def column_cell(path: Path, means: Means) -> Hit:
    """A value of the column's own type where another one was: none, not a number, too large, a strange word."""
    table = _read(path)
    if table is None or not table.num_rows or not table.num_columns:
        return Hit(told="nothing left to change")
    column, row = means.pick(table.num_columns), means.pick(table.num_rows)
    values = table.column(column).to_pylist()
    kind_of = table.schema.types[column]
    strange: list[Any] = [None]
    if pa.types.is_floating(kind_of):
        strange += [np.nan, np.inf, -np.inf, 1e308, -1.0, 0.0, 1e9]
    elif pa.types.is_integer(kind_of):
        strange += [-1, 0, 1, 2**31 - 1] + ([2**63 - 1, -(2**63)] if kind_of == pa.int64() else [])
    elif pa.types.is_string(kind_of) or pa.types.is_large_string(kind_of):
        strange += ["", "../../outside/secret.jpg", "a\nb\x1b[2J", "x" * 1000, "ego", "\0", "é\u202e"]
    values[row] = strange[means.pick(len(strange))]
    _write(path, _with(table, column, pa.array(values, kind_of)))
    touched = 1 if means.record_depth(path) is not None else None
    told = f"{table.schema.names[column]}, row {row + 1} is {values[row]!r}"[:160]
    return Hit(told=told, num_records=touched, num_rows=touched)


TYPES: Final[tuple[Callable[[pa.ChunkedArray], pa.Array], ...]] = (
    lambda column: pa.array([str(value) for value in column.to_pylist()]),
    lambda column: pa.array([str(value).encode() + b"\xff" for value in column.to_pylist()]),
    lambda column: pa.array([[value] for value in column.to_pylist()]),
    lambda column: pa.array([{"a": {"b": value}} for value in column.to_pylist()]),
    lambda column: pa.nulls(len(column)),
    lambda column: pa.array([True] * len(column)),
    lambda column: pa.array([2**64 - 1] * len(column), pa.uint64()),
    lambda column: pa.array([0.1] * len(column), pa.float16()),
    lambda column: pa.array([7] * len(column), pa.int8()),
    lambda column: pa.array(range(len(column)), pa.timestamp("s")),
    lambda column: pa.array(range(len(column)), pa.timestamp("ns", tz="Europe/Berlin")),
    lambda column: pa.array(range(len(column)), pa.duration("us")),
    lambda column: pa.array([10**30] * len(column), pa.decimal256(60, 2)),
    lambda column: pa.array([str(value) for value in column.to_pylist()]).dictionary_encode(),
    lambda column: pa.array([[("k", 1)]] * len(column), pa.map_(pa.string(), pa.int64())),
    lambda column: pa.array([f"{value}\0" for value in column.to_pylist()], pa.large_string()),
    lambda column: pa.array([0] * len(column), pa.date64()),
)


@kind(*COLUMNS)
def column_type(path: Path, means: Means) -> Hit:
    """A column of another type: text, bytes, lists, structures, nothing, times, ..."""
    table = _read(path)
    if table is None or not table.num_columns:
        return Hit(told="nothing left to change")
    column, number = means.pick(table.num_columns), means.pick(len(TYPES))
    changed = _with(table, column, TYPES[number](table.column(column)))
    _write(path, changed)
    return Hit(told=f"{table.schema.names[column]} is {changed.schema.types[column]}"[:160])


@kind(*COLUMNS)
def column_names(path: Path, means: Means) -> Hit:
    """A column is missing, there twice, or has another's name."""
    table = _read(path)
    if table is None or not table.num_columns:
        return Hit(told="nothing left to change")
    column, other, how = means.pick(table.num_columns), means.pick(table.num_columns), means.pick(4)
    names = list(table.schema.names)
    told = f"{names[column]} {('dropped', 'twice', 'renamed', f'swapped with {names[other]}')[how]}"
    if how == 0:
        table = table.remove_column(column)
    elif how == 1:
        table = table.append_column(names[column], table.column(other))
    elif how == 2:
        names[column] = ("", "a\nb", "x" * 5000, names[column].upper())[means.pick(4)]
        table = table.rename_columns(names)
    else:
        names[column], names[other] = names[other], names[column]
        table = table.rename_columns(names)
    _write(path, table)
    return Hit(told=told)


@kind(*COLUMNS)
def column_rows(path: Path, means: Means) -> Hit:
    """No row, every row many times, or rows in any order."""
    table = _read(path)
    if table is None:
        return Hit(told="nothing left to change")
    how = means.pick(4)
    count = table.num_rows
    every = [*range(count)]
    rows = ([], every * 40, means.rng.permutation(count).tolist(), [*every, *every[:1]])[how]
    _write(path, table.take(pa.array(rows, pa.int64())))
    return Hit(told=("no rows", "every row 40 times", "rows in any order", "the first row twice")[how], removed=True)


@kind(*COLUMNS)
def column_bomb(path: Path, means: Means) -> Hit:
    """Millions of rows, all alike, in a small file."""
    table = _read(path)
    if table is None or not table.num_rows:
        return Hit(told="nothing left to change")
    one = table.take([0]).replace_schema_metadata(None)
    block = pa.table({name: pa.repeat(one.column(name)[0], _BLOCK_ROWS) for name in one.schema.names})
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, block.schema, compression="zstd") as writer:
            for _ in range(_BLOCKS):
                writer.write_table(block)
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, block.schema, options=options) as writer:
            for _ in range(_BLOCKS):
                writer.write_table(block)
    return Hit(told=f"{_BLOCKS * _BLOCK_ROWS} rows in {path.stat().st_size >> 10} KiB", removed=True)


@kind(*COLUMNS)
def column_code(path: Path, means: Means) -> Hit:
    """Metadata that asks for code: an extension type by pickle, and pandas' description of an index."""
    table = _read(path)
    if table is None or not table.num_columns:
        return Hit(told="nothing left to change")
    payload = pickle.dumps(_Explosive(means.outside / "pickle-was-loaded"))
    column = means.pick(table.num_columns)
    field = table.schema.field(column).with_metadata(
        {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": payload}
    )
    about = b'{"index_columns": [{"kind": "range", "start": 0, "stop": 1e18, "step": 1}], "columns": [{"name": 1}]}'
    schema = table.schema.set(column, field).with_metadata({b"pandas": (about, b"{")[means.pick(2)]})
    _write(path, pa.Table.from_arrays(table.columns, schema=schema))
    return Hit(told=f"{table.schema.names[column]} claims to be a pickled type")
