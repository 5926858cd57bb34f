"""Tables as users write them, CSV or Parquet, with the row that each value came from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Bool, Int

from pipeline.drives.arrow_file import is_number, is_text, read_columns, words_of
from pipeline.drives.plain_file import read_plain
from pipeline.errors import Dropped, InputError

ENDINGS: Final = (".csv", ".parquet")
_EMPTY: Final = ["", "nan", "NaN", "NAN", "na", "NA", "N/A", "null", "NULL", "None"]
_INT64: Final = np.iinfo(np.int64)
_MOST_MB: Final = 500  # of a CSV file: some hours at 10 Hz among a hundred agents


def table_path(folder: Path, name: str) -> Path | None:
    """The file of the table ``name``; None where there is none.

    Raises:
        InputError: It is there both as CSV and as Parquet.
    """
    there = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    if len(there) > 1:
        raise InputError(there[0], f"{there[1].name} lies beside it", "keep one of the two")
    return there[0] if there else None


def read_table(
    path: Path, *, texts: Sequence[str], times: Sequence[str], numbers: Sequence[str]
) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """Read a table's named columns.

    Args:
        path: A ``.csv`` or ``.parquet`` file; other columns in it are left alone.
        texts: Columns read as text, as it stands; a missing value is empty.
        times: Columns of integers up to 64 bits, returned as text too: see ``integers``.
        numbers: Columns read as float64; what is no number is NaN.

    Returns:
        ``source_row`` (1-based: the line of a CSV file, its header being line 1; the row of a Parquet file), then
        ``texts``, ``times`` and ``numbers``. Lines that are wholly empty are left out. And the cells that should hold a
        number, and hold something else.

    Raises:
        InputError: The file cannot be read, or lacks a column.
    """
    wanted = [*texts, *times, *numbers]
    if path.suffix == ".csv":
        table = _read_csv(path, numbers=numbers)
    else:
        table = _read_parquet(path, texts=[*texts, *times], numbers=numbers)
    if missing := [name for name in wanted if name not in table.columns]:
        there = " ".join(", ".join(map(str, table.columns)).split())[:200] or "none"
        raise InputError(path, f"lacks the column '{missing[0]}'", f"add it; its columns are {there}")
    first = 2 if path.suffix == ".csv" else 1
    result = pd.DataFrame({"source_row": np.arange(len(table), dtype=np.int64) + first})
    for name in (*texts, *times):
        result[name] = _texts(table[name])
    dropped: tuple[Dropped, ...] = ()
    for name in numbers:
        result[name], wrong = _numbers(table[name])
        dropped += dropped_rows(path, result["source_row"][wrong].tolist(), reason=f"{name} is no number")
    empty = (result[[*texts, *times]] == "").all(axis=1) & result[list(numbers)].isna().all(axis=1)
    return result[~empty].reset_index(drop=True), dropped


def integers(column: pd.Series) -> tuple[pd.Series, Bool[np.ndarray, " n"]]:
    """Turn text into int64 without passing through a float, which cannot hold nanoseconds since 1970.

    Returns:
        The values (0 where unreadable), and where they could be read. ``12.0`` reads as 12.
    """
    of_row, once = pd.factorize(column)  # all that is measured at one time has the same
    text = pd.Series(once, dtype=column.dtype).str.strip().str.replace(r"\.0*$", "", regex=True)
    fits = text.str.fullmatch(r"[+-]?[0-9]{1,19}").to_numpy(dtype=bool)
    values = [int(word) if fit else 0 for word, fit in zip(text, fits, strict=True)]
    inside = np.array([_INT64.min <= value <= _INT64.max for value in values], dtype=bool)
    whole = np.array([value if fit else 0 for value, fit in zip(values, inside, strict=True)], dtype=np.int64)
    return pd.Series(whole[of_row], index=column.index), (fits & inside)[of_row]


def dropped_rows(path: Path, rows: Sequence[int], *, reason: str) -> tuple[Dropped, ...]:
    """One entry for all rows of a file that were left out for one reason; none for no row."""
    if not len(rows):
        return ()
    some = ", ".join(str(row) for row in rows[:10])
    more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
    return (Dropped(where=f"{path}: row {some}{more}", reason=reason, count=len(rows)),)


def passing_rows(
    path: Path, rows: Int[np.ndarray, " n"], checks: Iterable[tuple[str, Bool[np.ndarray, " n"]]]
) -> tuple[Bool[np.ndarray, " n"], tuple[Dropped, ...]]:
    """Which rows of a file pass every check, and the others, each under the first check that it fails.

    Args:
        path: The file.
        rows: Their numbers.
        checks: Reason why a row is left out, and whether each passes.
    """
    good = np.ones(len(rows), dtype=np.bool_)
    dropped: tuple[Dropped, ...] = ()
    for reason, passed in checks:
        dropped += dropped_rows(path, rows[good & ~passed].tolist(), reason=reason)
        good &= passed
    return good, dropped


def _read_csv(path: Path, *, numbers: Sequence[str]) -> pd.DataFrame:
    content = read_plain(path, most_mb=_MOST_MB, missing="write it", smaller="cut the drive into several")
    try:
        with warnings.catch_warnings():
            # A row longer than the header is a mistake, not an index: pandas only warns of it.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(BytesIO(content), nrows=0, encoding="utf-8-sig", index_col=False).columns
            table = pd.read_csv(
                BytesIO(content),
                encoding="utf-8-sig",
                index_col=False,
                dtype={name: "str" for name in header if name.strip() not in numbers},
                na_values={name: _EMPTY for name in header if name.strip() in numbers},
                keep_default_na=False,
                skip_blank_lines=False,  # so that rows can be counted
                low_memory=False,
            )
    except pd.errors.EmptyDataError as error:
        raise InputError(path, "is empty", "write its header and rows") from error
    except (ValueError, pd.errors.ParserWarning) as error:  # pandas' and Unicode errors are ValueErrors
        what = " ".join(str(error).split())[:160]
        raise InputError(path, f"cannot be read as UTF-8 CSV ({what})", "write it again") from error
    return table.rename(columns=lambda name: str(name).strip())


def _read_parquet(path: Path, *, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    todo = "write it again"
    table = read_columns(path, [*texts, *numbers], texts=texts, todo=todo)
    columns: dict[str, np.ndarray] = {}
    for name in table.schema.names:
        column, where = table[name], f"{path}: {name}"
        if is_text(column.type):
            words, index = words_of(column, where=where, todo=todo)
            columns[name] = np.array(words, dtype=object)[index]
        elif is_number(column.type) or pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
            columns[name] = column.to_pandas(integer_object_nulls=True).to_numpy()
        else:
            raise InputError(where, f"holds {str(column.type)[:60]}, no texts or numbers", todo)
    return pd.DataFrame(columns)


def _texts(column: pd.Series) -> pd.Series:
    """Values as text, missing ones empty."""
    text = column.astype("str")
    return text.where(column.notna(), "").astype("str")


def _numbers(column: pd.Series) -> tuple[pd.Series, Bool[np.ndarray, " n"]]:
    """Values as float64, NaN for what is no number; and where something else stands than a number or nothing."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64"), np.zeros(len(column), dtype=np.bool_)
    text = _texts(column).str.strip()
    values = pd.to_numeric(text, errors="coerce").astype("float64")
    return values, (values.isna() & ~text.isin(_EMPTY)).to_numpy(dtype=np.bool_)
