"""headway check: a good drive is described, whatever is wrong has its place, and the exit code says how bad it is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from pipeline import cli
from pipeline.checking.check import check
from pipeline.config import IngestConfig
from pipeline.drives.registry import find_drives
from pipeline.files import whole_folder
from pipeline.ingest.source import ingest_one
from pipeline.parallel import in_processes
from pipeline.params import load_section
from tests.formats.neutral import write_neutral
from tests.formats.scene import made_up_scene
from tests.small_drives import CAMERA, write_small_drive

PARAMS = Path(__file__).parents[3] / "params.yaml"
CONFIG = load_section("ingest", IngestConfig, path=PARAMS)


class Run(NamedTuple):
    code: int
    out: str
    err: str


Headway = Callable[..., Run]


@pytest.fixture
def headway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Headway:
    def call(*arguments: str | Path) -> Run:
        monkeypatch.setattr(sys, "argv", ["headway", "check", *map(str, arguments), "--params", str(PARAMS)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Run(end.value.code or 0, *capsys.readouterr())

    return call


def spoil(drive: Path) -> Path:
    """Two rows without a place, and two frames: one cut off, one missing."""
    table = pd.read_csv(drive / "tracks.csv")
    table.loc[[5, 9], "x_m"] = float("nan")
    table.to_csv(drive / "tracks.csv", index=False)
    first, second, *_ = sorted((drive / "frames" / CAMERA).iterdir())
    first.write_bytes(first.read_bytes()[:500])
    second.unlink()
    return drive


def test_a_drive_without_fault_is_described(headway: Headway, tmp_path: Path) -> None:
    write_neutral(tmp_path / "made-up", made_up_scene())
    done = headway(tmp_path / "made-up")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "made-up  neutral, 4.0 s at 10 Hz, 272 measurements",
        "  agents   vehicle 5 (vehicle 1, car 3, truck 1); two_wheeler 1 (bicycle 1); pedestrian 1; the ego among them",
        "  cameras  front 320 x 180: 41 frames",
        "  map      1 lane, 1 crossing, 1 centerline, drivable area 5,000 m2",
        "1 drive: 1 can be used; 0 errors, 0 warnings, 0 notes",
    ]


def test_json_says_all_of_it(headway: Headway, tmp_path: Path) -> None:
    write_neutral(tmp_path / "made-up", made_up_scene())
    done = headway(tmp_path, tmp_path / "nowhere", "--json")
    document = json.loads(done.out)
    assert done.err == ""
    (drive,) = document.pop("drives")
    (nowhere,) = document.pop("problems")
    assert document == {
        "exit_code": 2,
        "num_drives": 1,
        "num_usable": 1,
        "num_problems": {"error": 1, "warning": 0, "note": 0},
    }
    assert nowhere == {
        "severity": "error",
        "kind": "unusable",
        "where": [str(tmp_path / "nowhere")],
        "what": "does not exist",
        "todo": "give the folder of a drive, or one that holds drives",
        "count": 1,
    }
    assert drive == {
        "name": "made-up",
        "format": "neutral",
        "path": str(tmp_path / "made-up"),
        "usable": True,
        "content": {
            "duration_s": 4.0,
            "rate_hz": 10.0,
            "num_measurements": 272,
            "num_agents": 7,
            "agents": {
                "vehicle": {"vehicle": 1, "car": 3, "truck": 1},
                "two_wheeler": {"bicycle": 1},
                "pedestrian": {"pedestrian": 1},
            },
            "has_ego": True,
            "cameras": {"front": {"width_px": 320, "height_px": 180, "num_frames": 41}},
            "map": {"lanes": 1, "crossings": 1, "centerlines": 1, "drivable_area_m2": 5000.0},
        },
        "problems": [],
    }


def test_what_was_left_out_is_a_warning_with_its_places(headway: Headway, tmp_path: Path) -> None:
    drive = spoil(write_small_drive(tmp_path / "bad", seconds=2.0))
    done = headway(drive)
    frames = sorted(pd.read_csv(drive / "frames.csv")["path"])
    assert done.code == 1
    assert done.out.splitlines()[3:] == [
        "  warning  bad: tracks row 7 (track leader): nan position (and 1 more like it)",
        f"  warning  {drive / frames[0]}: truncated image",
        f"  warning  {drive / frames[1]}: missing file",
        "1 drive: 1 can be used; 0 errors, 3 warnings, 0 notes",
    ]
    (account,) = check([drive], config=CONFIG).drives
    rows, *_ = account.problems
    assert rows.where == ("bad: tracks row 7 (track leader)", "bad: tracks row 11 (track walker)")
    assert (rows.kind, rows.count) == ("left out", 2)


def test_a_suspicion_is_a_warning_and_ingest_says_the_same(
    headway: Headway, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_neutral(tmp_path / "made-up", made_up_scene())
    table = pd.read_csv(tmp_path / "made-up" / "tracks.csv")
    table[["x_m", "y_m", "z_m", "length_m", "width_m", "height_m"]] *= 100.0
    table.to_csv(tmp_path / "made-up" / "tracks.csv", index=False)
    done = headway(tmp_path / "made-up")
    (line,) = [line for line in done.out.splitlines() if line.startswith("  warning")]
    assert done.code == 1
    said = "likely sizes and positions in centimetres; write metres: divide by 100"
    assert line.endswith(said)
    monkeypatch.setattr(
        sys, "argv", ["headway", "ingest", str(tmp_path), "--out", str(tmp_path / "clean"), "--params", str(PARAMS)]
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert capsys.readouterr().err.splitlines() == [f"headway: {line.removeprefix('  warning  ')}"]
    report = json.loads((tmp_path / "clean" / "made-up.report.json").read_text())
    assert [entry["kind"] for entry in report["suspicions"]] == ["length unit"]


def test_a_broken_drive_leaves_the_others_described(headway: Headway, tmp_path: Path) -> None:
    write_small_drive(tmp_path / "good", seconds=2.0)
    broken = write_small_drive(tmp_path / "broken", seconds=2.0)
    (broken / "tracks.csv").write_text("timestamp_ns,track_id\n1,a\n")
    useless = write_small_drive(tmp_path / "useless", seconds=2.0, with_frames=False)
    table = pd.read_csv(useless / "tracks.csv")
    table.assign(y_m=float("nan")).to_csv(useless / "tracks.csv", index=False)
    (tmp_path / "empty").mkdir()
    done = headway(tmp_path)
    assert done.code == 2
    starts = [line[:28] for line in done.out.splitlines()]
    assert starts[0] == "broken  neutral"
    assert starts[1].startswith("  error    ")
    assert "tracks.csv: lacks the column 'category'" in done.out.splitlines()[1]
    assert starts[2] == "good  neutral, 2.0 s at 10 H"
    assert f"error    {tmp_path / 'empty'}: no drive was found in it; mend it, or take it out" in done.out
    # Why the drive is useless, and the rows that made it so.
    assert f"error    {useless}: has no usable measurement (nan position)" in done.out
    assert "warning  useless: tracks row 2 (track bicycle): nan position (and 209 more like it)" in done.out
    assert done.out.splitlines()[-1] == "3 drives: 1 can be used, 2 cannot; 3 errors, 1 warning, 0 notes"


@pytest.mark.parametrize("arguments", [["nowhere"], ["empty"], ["raw", "--format", "rosbag"]])
def test_nothing_to_check_is_one_line(arguments: list[str], headway: Headway, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = headway(*arguments)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.startswith("headway: ")


def test_control_characters_in_names_reach_no_terminal(headway: Headway, tmp_path: Path) -> None:
    nasty = tmp_path / "a\n\x1b[2J"
    drive = spoil(write_small_drive(nasty / "one", seconds=1.0))
    (nasty / os.fsdecode(b"\xff\x1b")).mkdir()
    for arguments in ((nasty,), (nasty, "--json")):
        done = headway(*arguments)
        assert done.code == 2
        assert not {letter for letter in done.out if not letter.isprintable()} - {"\n"}
    assert json.loads(done.out)["drives"][0]["path"] == str(drive).replace("\n\x1b", " ?")


def test_whatever_ingest_drops_is_named(tmp_path: Path) -> None:
    drive = spoil(write_small_drive(tmp_path / "bad", seconds=2.0))
    (account,) = check([drive], config=CONFIG).drives
    (ref,) = find_drives(drive)
    with whole_folder(tmp_path / "clean") as folder:
        ingest_one(ref, config=CONFIG, folder=folder)
    report = json.loads((tmp_path / "clean" / "bad.report.json").read_text())
    named = {problem.what: problem.count for problem in account.problems}
    assert report["dropped_by_reason"].items() <= named.items()


def test_several_processes_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        spoil(write_small_drive(tmp_path / f"drive{number}", seed=number, seconds=1.0))
    alone = check([tmp_path], config=CONFIG)
    monkeypatch.setattr("pipeline.checking.check.in_processes", partial(in_processes, alone_s=0.0, num_processes=2))
    assert check([tmp_path], config=CONFIG) == alone
