from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.drives.json_rows import ABSENT, floats, integers, read_rows, texts
from pipeline.errors import InputError


def _write(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_a_table_of_several_reads_comes_whole_and_numbered(tmp_path: Path, indent: int | None):
    rows = [{"token": f"{number:032x}", "name": "Zürich {[,", "values": [number, 0.5]} for number in range(60_000)]
    path = _write(tmp_path, json.dumps(rows, indent=indent, ensure_ascii=False))
    parts = list(read_rows(path))
    assert len(parts) > 1
    assert [row for _, part in parts for row in part] == rows
    assert [first for first, _ in parts] == [1 + rows.index(part[0]) for _, part in parts]


def test_memory_does_not_grow_with_the_table(tmp_path: Path):
    row = json.dumps({"token": "x" * 100_000}) + ","
    path = _write(tmp_path, "[" + row * 1_000 + "{}]")
    tracemalloc.start()
    count = sum(len(rows) for _, rows in read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1_001
    assert peak < 40e6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ('{"token": "a"}', "is no JSON list"),
        ("null", "is no JSON list"),
        (b"\x80\x04]", "is no UTF-8 text"),
        (b'[{"a": "\xff"}]', "is no UTF-8 text"),
        ('[{"a": 1}', "row 2: is cut off"),
        ('[{"a": 1}, {"a": ', r"row 2: is cut off or no JSON \(Expecting value\)"),
        ('[{"a": 1}, {"a": 1} x]', r"row 3: is cut off or no JSON"),
        ('[{"a": 1}] [2]', "goes on after the end"),
        ('[{"a": ' + "9" * 10_000 + "}]", r"row 1: is cut off or no JSON \(ValueError\)"),
        ('[{"a": ' + "[" * 500_000 + "]" * 500_000 + "}]", r"row 1: is cut off or no JSON \(RecursionError\)"),
        ('[{"a": "' + "x" * 12_000_000 + '"}]', "row 1: .* or too long"),
    ],
)
def test_what_is_no_table_is_refused_by_row(tmp_path: Path, content: str | bytes, message: str):
    path = _write(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_rows(path))
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 400


def test_a_missing_file_a_folder_and_a_pipe_are_told(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.json")
    for path, message in (
        (tmp_path / "none.json", "is missing"),
        (tmp_path, "is no file"),
        (tmp_path / "pipe.json", "is no file"),
    ):
        with pytest.raises(InputError, match=message):
            list(read_rows(path))


def test_values_of_other_kinds_are_absent():
    rows = [
        {"v": value} for value in ("text", 7, 7.0, True, None, 10**30, float("nan"), [1.0, 2], [1, "x"], [10**400, 1])
    ]
    assert texts([*rows, {"v": "a\nb"}, {"v": "\ud800"}, {}], "v") == ["text", *[""] * 12]
    assert integers(rows, "v", most=100).tolist() == [ABSENT, 7, *[ABSENT] * 8]
    read = floats(rows, "v", shape=(2,))
    assert read[7].tolist() == [1.0, 2.0]
    assert np.isnan(np.delete(read, 7, axis=0)).all()
    assert floats([], "v", shape=(3,)).shape == (0, 3)
