"""Feather and Parquet from strangers: exact columns, or one line that says what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from pipeline.drives import arrow_file
from pipeline.drives.arrow_sizes import unpacked_bytes
from pipeline.drives.arrow_tables import Kind, read_arrow
from pipeline.errors import InputError

COLUMNS: dict[str, Kind] = {"id": "text", "t_ns": "integer", "x_m": "number"}
TIMES = [315966253660357001, 315966253660357003, 2**63 - 1]
ENDINGS = ["feather", "parquet"]


def _table(**changes: Any) -> pa.Table:
    columns = {"other": [[1], None, []], "id": ["a", " b ", "a"], "t_ns": TIMES, "x_m": [1.5, None, -2.0]}
    return pa.table(columns | changes)


def _write(path: Path, table: pa.Table, **how: Any) -> Path:
    if path.suffix == ".feather":
        feather.write_feather(table, str(path), **how)
    else:
        pq.write_table(table, path, **how)
    return path


def _line(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_arrow(path, columns=COLUMNS, todo="take another")
    line = str(caught.value)
    assert line.startswith(str(path))
    assert len(line.splitlines()) == 1
    return line.removeprefix(str(path))


@pytest.mark.parametrize("ending", ENDINGS)
def test_columns_come_as_they_were_written(tmp_path: Path, ending: str):
    found, dropped = read_arrow(_write(tmp_path / f"a.{ending}", _table()), columns=COLUMNS, todo="")
    assert found.dtypes.astype(str).to_dict() == {"source_row": "int64", "id": "str", "t_ns": "int64", "x_m": "float64"}
    assert found["source_row"].tolist() == [1, 2, 3]
    assert found["id"].tolist() == ["a", "b", "a"]
    assert found["t_ns"].tolist() == TIMES
    np.testing.assert_array_equal(found["x_m"], [1.5, np.nan, -2.0])
    assert dropped == ()


@pytest.mark.parametrize("ending", ENDINGS)
def test_other_types_that_hold_the_same_are_read_alike(tmp_path: Path, ending: str):
    same = _table(
        id=pa.chunked_array([["a"], ["b", "a"]]).dictionary_encode(),
        t_ns=pa.array(TIMES, pa.uint64()),
        x_m=pa.array([1.5, None, -2.0], pa.float32()),
    )
    expected, _ = read_arrow(_write(tmp_path / f"a.{ending}", _table()), columns=COLUMNS, todo="")
    found, _ = read_arrow(_write(tmp_path / f"b.{ending}", same), columns=COLUMNS, todo="")
    pd.testing.assert_frame_equal(found, expected)
    floats = _table(t_ns=[315966253660357056.0, 1.0, -3.0], id=pa.array(["a", "b", "a"], pa.large_string()))
    found, _ = read_arrow(_write(tmp_path / f"c.{ending}", floats), columns=COLUMNS, todo="")
    assert found["t_ns"].tolist() == [315966253660357056, 1, -3]


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_without_a_text_or_an_integer_are_left_out_and_named(tmp_path: Path, ending: str):
    table = _table(id=["a", None, " "], t_ns=[None, None, 3])
    path = _write(tmp_path / f"a.{ending}", pa.concat_tables([table, _table()]))
    found, dropped = read_arrow(path, columns=COLUMNS, todo="")
    assert found["source_row"].tolist() == [4, 5, 6]
    assert [(entry.where, entry.reason, entry.count) for entry in dropped] == [
        (f"{path}: row 2, 3", "no id", 2),
        (f"{path}: row 1", "no t_ns", 1),
    ]
    assert _line(_write(path, table)) == ": has no row with id, t_ns; take another"
    assert _line(_write(path, table.slice(0, 0))) == ": has no rows; take another"


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, ending: str):
    path = tmp_path / f"a.{ending}"
    kind = "Feather" if ending == "feather" else "Parquet"
    assert _line(path) == ": is missing; take another"
    path.mkdir()
    assert _line(path) == ": is no file; take another"
    path.rmdir()
    os.mkfifo(path)  # reading it would never end
    assert _line(path) == ": is no file; take another"
    path.unlink()
    pickled = b"\x80\x04\x95cos\nsystem\n"
    for content in (b"", b"ARROW1\0\0", b"PAR1", b"FEA1" * 100, pickled, b"ARROW1\0\0" + b"\xff" * 99):
        path.write_bytes(content)
        assert f"cannot be read as {kind} (" in _line(path)
    for wrong, said in {
        "t_ns": (["1", "2", "3"], ": t_ns: holds string, not integers; take another"),
        "x_m": ([True, False, None], ": x_m: holds bool, not numbers; take another"),
        "id": ([1, 2, 3], ": id: holds int64, not texts; take another"),
    }.items():
        assert _line(_write(path, _table(**{wrong: said[0]}))) == said[1]
    for times in ([1.5, 2.0, 3.0], [float("nan"), 1.0, 2.0], [1e300, 1.0, 2.0], pa.array([2**63, 1, 2], pa.uint64())):
        said = ": t_ns: has a number that is not whole, or is beyond 64 bits; take another"
        assert _line(_write(path, _table(t_ns=times))) == said
    said = f": cannot be read as {kind} (no columns 't_ns' among other, id, x_m); take another"
    assert _line(_write(path, _table().drop_columns("t_ns"))) == said
    twice = _table().append_column("id", [["a", "b", "c"]])
    assert "(2 columns 'id' among other, id, t_ns, x_m, id)" in _line(_write(path, twice))
    assert ": id: has a text of over 1000 letters;" in _line(_write(path, _table(id=["x" * 1001, "a", "a"])))
    broken = pa.array([b"\xe4\xff", b"b", b"c"]).view(pa.string())
    assert f": cannot be read as {kind} (" in _line(_write(path, _table(id=broken)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_damaged_file_is_refused_or_read_right(tmp_path: Path, ending: str):
    """Cut anywhere, or any byte turned: never another error, never a hang."""
    path = _write(tmp_path / f"a.{ending}", _table().drop_columns("other"))
    content = path.read_bytes()
    whole, _ = read_arrow(path, columns=COLUMNS, todo="")
    num_refused = 0
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        try:
            found, _ = read_arrow(path, columns=COLUMNS, todo="")
        except InputError:
            num_refused += 1
        else:  # the index at a Feather file's end is not needed
            pd.testing.assert_frame_equal(found, whole)
    assert num_refused > len(content) / 7 / 3
    for place in range(0, len(content), 4):
        turned = bytearray(content)
        turned[place] ^= 0xFF
        path.write_bytes(turned)
        try:
            found, _ = read_arrow(path, columns=COLUMNS, todo="")
        except InputError:
            continue
        assert list(found.columns) == list(whole.columns)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_a_feather_file_tells_how_large_it_is_before_it_is_unpacked(tmp_path: Path, compression: str):
    table = pa.table({"a": pa.array(["xyz"] * 100_000).dictionary_encode(), "b": np.zeros(100_000)})
    path = _write(tmp_path / "a.feather", table, compression=compression, chunksize=30_000)
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(path.read_bytes()[8:]))
    sizes = [unpacked_bytes(message) for message in reader]
    assert sizes[0] == 0  # the schema
    assert 1_200_000 <= sum(sizes) <= 1_200_500  # 100,000 codes of 4 bytes and numbers of 8, one word, padding


def test_a_small_file_that_unpacks_to_a_huge_table_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arrow_file, "_MOST_UNPACKED_MB", 1)
    rows = 200_000
    table = pa.table({"id": pa.array(["a"] * rows), "t_ns": np.zeros(rows, np.int64), "x_m": np.zeros(rows)})
    for ending, how in {"feather": {"compression": "zstd"}, "parquet": {"use_dictionary": False}}.items():
        path = _write(tmp_path / f"a.{ending}", table, **how)
        assert path.stat().st_size < 500_000
        assert " 1 MB once unpacked); take another" in _line(path)
    monkeypatch.setattr(arrow_file, "_MOST_MB", 0)
    assert _line(path) == ": is over 0 MB; cut the drive into shorter ones"


def test_a_long_text_in_every_row_of_a_small_file_costs_no_more_than_once(tmp_path: Path):
    rows = 100_000  # 100 GB as plain texts
    long = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 1_000_000])
    table = pa.table({"id": long, "t_ns": np.zeros(rows, np.int64), "x_m": np.zeros(rows)})
    for ending in ENDINGS:
        path = _write(tmp_path / f"a.{ending}", table, compression="zstd")
        assert _line(path) == ": id: has a text of over 1000 letters; take another"
