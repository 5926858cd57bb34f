"""Broken drives of every format; ``make stress`` runs thousands, this some of them, and tries the bench itself."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from pipeline.drives.drive import Drive
from pipeline.drives.neutral import NeutralReader
from pipeline.drives.reader import DriveRef
from tests.stress.case import Bench
from tests.stress.command import drawn, told
from tests.stress.plan import Case, Damage
from tests.stress.watch import run_cases

COUNT: Final = int(os.environ.get("HEADWAY_STRESS_CASES", "100"))
_SEED: Final = 0
# One cell of one agent's row becomes "x".
ONE_CELL: Final = Case(format="neutral", damages=(Damage(kind="cell", seed=4, value="x"),))


def test_broken_drives_are_refused_by_name_or_read_as_they_should() -> None:
    cases = drawn(COUNT, seed=_SEED)
    done = list(run_cases(cases, num_workers=2))
    assert sorted(str(one.case) for one in done) == sorted(map(str, cases))
    assert {one.outcome for one in done} >= {"refused", "partial", "unchanged"}
    failed = [told(one) for one in done if one.outcome == "failed"]
    assert not failed, "\n".join(failed)


def test_a_case_that_takes_too_long_is_named_and_the_next_one_is_run() -> None:
    done = list(run_cases([ONE_CELL, ONE_CELL], num_workers=1, limit_s=0.01))
    # Telling the stacks of a process that runs may end it: then it died of that, and is named all the same.
    told = {"it hangs (exit code -9)", "the process died (exit code -11)"}
    assert [one.outcome for one in done] == ["failed"] * 2
    assert {one.told.splitlines()[0] for one in done} <= told


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def test_a_case_is_told_on_one_line_and_runs_again_from_it(bench: Bench) -> None:
    case = drawn(1, seed=5)[0]
    assert Case.parse(str(case)) == case
    assert "\n" not in case.command
    result = bench.run(ONE_CELL)
    assert result.outcome == "partial"
    assert len(result.hits) == 1
    assert "tracks.csv: line" in result.hits[0]
    assert result == bench.run(Case.parse(str(ONE_CELL)))


def _without_some(drive: Drive) -> Drive:
    return replace(drive, tracks=drive.tracks[drive.tracks["source_row"] != 259], dropped=(), notes=())


def _moved(drive: Drive) -> Drive:
    return replace(drive, tracks=drive.tracks.assign(x_m=drive.tracks["x_m"] + 1.0))


def _leaves_a_file(drive: Drive) -> Drive:
    (drive.path / "cache").write_text("")
    return drive


def _unpickles(drive: Drive) -> Drive:
    return pickle.loads(pickle.dumps(drive))


def _raises(drive: Drive) -> Drive:
    raise KeyError(drive.name)


def _takes_memory(drive: Drive) -> Drive:
    _ = bytearray(os.urandom(1)) * 2_000_000_000
    return drive


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        (_without_some, "rows lost without a word"),
        (_moved, "agents could be touched at most"),
        (_leaves_a_file, "wrote or started: open"),
        (_unpickles, "wrote or started: pickle.find_class"),
        (_raises, "KeyError"),
        (_takes_memory, "MB of memory"),
    ],
)
def test_the_bench_sees_what_a_reader_does_wrong(
    sabotage: Callable[[Drive], Drive], words: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = NeutralReader.read

    def wrong(reader: NeutralReader, ref: DriveRef) -> Drive:
        drive = read(reader, ref)
        return sabotage(drive) if ref.path != Path("raw/untouched") else drive

    bench.run(ONE_CELL)  # what comes of the whole drives is known from before
    monkeypatch.setattr(NeutralReader, "read", wrong)
    result = bench.run(ONE_CELL)
    assert result.outcome == "failed"
    assert words in result.told, result.told
