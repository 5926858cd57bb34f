"""A training's history as files."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.tracking.history import History, RunRecord, read_history, write_history

RECORD = RunRecord(
    run_id="abc", run_name=None, started_ms=1_000, ended_ms=5_000, params={"train.width": "64"}, tags={"a": "b"}
)
HISTORY = History(record=RECORD, epochs=[{"cost": 0.1 + 0.2}, {"cost": 1e-300, "late, metric": float("nan")}])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_history(tmp_path / "history", HISTORY)
    read = read_history(tmp_path / "history")
    assert read.record == RECORD
    assert read.epochs[0] == HISTORY.epochs[0]
    assert repr(read.epochs[1]) == repr(HISTORY.epochs[1])  # NaN is no absence
    table = (tmp_path / "history" / "history.csv").read_text()
    assert table.splitlines() == ['epoch,cost,"late, metric"', f"0,{0.1 + 0.2!r},", "1,1e-300,nan"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("run.json", None, "run.json: cannot be read"),
        ("run.json", "{", "run.json: Invalid JSON"),
        ("run.json", '{"run_id": 3}', "run.json: run_id: "),
        ("history.csv", None, "history.csv: cannot be read"),
        ("history.csv", "", "history.csv: cannot be read"),
        ("history.csv", "cost\n1\n", "first column is not 'epoch'"),
        ("history.csv", "epoch,cost\n0,1\n2,1\n", "history.csv: line 3: is not the row of the next epoch"),
        ("history.csv", "epoch,cost\n0,1,2\n", "history.csv: line 2: is not"),
        ("history.csv", "epoch,cost\n0,low\n", "history.csv: line 2: could not convert"),
    ],
)
def test_a_broken_history_is_named(tmp_path: Path, name: str, content: str | None, told: str) -> None:
    write_history(tmp_path, HISTORY)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as raised:
        read_history(tmp_path)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
