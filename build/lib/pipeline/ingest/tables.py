"""Tables on disk: Parquet with checked columns and a JSON head, which read back exactly what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputError
from pipeline.files import digest, whole_file

TODO: Final = "run ingest again"
_KEY: Final = b"headway"
_SEAL: Final = b"headway_digest"  # of the head: Parquet has checksums for its columns alone
_ARROW: Final = {
    "str": pa.string(),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "object": pa.binary(),
}


def write_table(path: Path, frame: pd.DataFrame, *, columns: Mapping[str, str], metadata: Any) -> None:
    """Write a table.

    Args:
        path: The file.
        frame: Has at least the columns.
        columns: pandas type by name; ``object`` holds bytes. Nothing is missing in any; NaN is a number.
        metadata: JSON, kept beside the columns.
    """
    # Through numpy: from_pandas would turn NaN (not recorded) into null.
    arrays = [pa.array(frame[column].to_numpy(), type=_ARROW[kind]) for column, kind in columns.items()]
    table = pa.Table.from_arrays(arrays, schema=_schema(columns))
    text = json.dumps(metadata, allow_nan=False, sort_keys=True)
    with whole_file(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({_KEY: text.encode(), _SEAL: digest(text).encode()}),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )


def read_table(path: Path, *, columns: Mapping[str, str]) -> tuple[pd.DataFrame, Any]:
    """A table and its metadata, the columns and their types as expected, nothing missing.

    Raises:
        InputError: It is not what ``write_table`` writes.
    """
    expected = _schema(columns)
    try:
        # A plain file handle: a name is never taken for the address of a store elsewhere.
        with path.open("rb") as file:
            table = pq.read_table(file, page_checksum_verification=True)
        same = table.schema.names == expected.names and table.schema.types == expected.types
        if not same or any(column.null_count for column in table.columns):
            raise InputError(path, "does not have the columns of this version", TODO)
        head = table.schema.metadata or {}
        text = head.get(_KEY, b"")
        if head.get(_SEAL) != digest(text).encode():
            raise InputError(path, "is damaged", TODO)
        return table.to_pandas(ignore_metadata=True).astype(dict(columns)), json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError, pa.ArrowException) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", TODO) from error


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    return pa.schema([pa.field(name, _ARROW[kind], nullable=False) for name, kind in columns.items()])
