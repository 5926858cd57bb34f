"""The whole command on a batch of good and bad drives: the good ones are scored, the bad ones named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from shapely import box

from pipeline import cli
from pipeline.drives.geojson import write_map
from pipeline.drives.map import DriveMap, union
from pipeline.errors import InputError
from pipeline.scoring import work
from pipeline.scoring.manoeuvres import MANOEUVRE_SCHEMA
from pipeline.scoring.score import score
from pipeline.scoring.table import SCHEMA
from pipeline.training.bundle import write_bundle
from tests.small_drives import CAMERA, write_small_drive
from tests.tiny_bundle import make_bundle


class Run(NamedTuple):
    code: int
    lines: list[str]
    out: Path

    @property
    def summary(self) -> dict:
        return json.loads((self.out / "summary.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_bundle(folder, make_bundle())
    return folder


def headway(*arguments: str | Path, out: Path) -> Run:
    """The command as a user runs it, in another process."""
    command = [sys.executable, "-m", "pipeline.cli", "score", *map(str, arguments), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert "Traceback" not in done.stderr, done.stderr
    return Run(code=done.returncode, lines=done.stderr.splitlines(), out=out)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """The same in this process, which is faster."""

    def call(*arguments: str | Path, out: Path) -> Run:
        monkeypatch.setattr(sys, "argv", ["headway", "score", *map(str, arguments), "--out", str(out)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Run(code=end.value.code, lines=capsys.readouterr().err.splitlines(), out=out)

    return call


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drives with every fault that users' drives have."""
    folder = tmp_path_factory.mktemp("raw")
    for number, name in enumerate(("good", "no-frames-folder", "cut-jpeg", "messy-csv", "empty-table", "nan-only")):
        write_small_drive(folder / name, seed=number, seconds=3.0)
    shutil.rmtree(folder / "no-frames-folder" / "frames")
    frame = sorted((folder / "cut-jpeg" / "frames" / CAMERA).iterdir())[4]
    frame.write_bytes(frame.read_bytes()[:300])
    messy = pd.read_csv(folder / "messy-csv" / "tracks.csv")
    messy.loc[[10, 20, 30], "x_m"] = np.nan
    messy.sample(frac=1.0, random_state=0).to_csv(folder / "messy-csv" / "tracks.csv", index=False)
    messy.iloc[:0].to_csv(folder / "empty-table" / "tracks.csv", index=False)
    messy.assign(y_m=np.nan).to_csv(folder / "nan-only" / "tracks.csv", index=False)
    (folder / "empty-folder").mkdir()
    (folder / "unknown-format").mkdir()
    (folder / "unknown-format" / "recording.bag").write_bytes(b"#ROSBAG V2.0")
    hostile = write_small_drive(folder / "hostile-name", seconds=3.0, with_frames=False)
    (hostile / "drive.json").write_text('{"name": "../../escaped", "rate_hz": 10.0}')
    return folder


@pytest.fixture(scope="module")
def run(batch: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All of them in one run."""
    drives = sorted(path for path in batch.iterdir())
    return headway(
        "--model", model, "--device", "cpu", "--drives", *drives, out=tmp_path_factory.mktemp("out") / "forecasts"
    )


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def tables(*names: str) -> set[str]:
    """What stands where these drives were scored."""
    made = {file for name in names for file in (f"{name}.parquet", f"manoeuvres/{name}.parquet", f"drives/{name}.json")}
    return {*made, "summary.json", ".lock"}


REJECTED = ["empty-folder", "empty-table", "hostile-name", "nan-only", "unknown-format"]
SCORED = ["cut-jpeg", "good", "messy-csv", "no-frames-folder"]


def test_bad_drives_are_named_and_the_others_scored(run: Run, batch: Path) -> None:
    assert run.code == 1
    assert files(run.out) == tables(*SCORED)
    assert sorted(run.summary["drives"]) == SCORED
    assert run.summary["complete"]
    wheres = sorted(entry["where"] for entry in run.summary["rejected"])
    assert [name for name in REJECTED if any(name in where for where in wheres)] == REJECTED
    assert len(wheres) == len(REJECTED)


@pytest.mark.parametrize(
    ("drive", "words"),
    [
        ("empty-folder", "no drive was found"),
        ("empty-table", "has no rows"),
        ("unknown-format", "no drive was found"),
        ("nan-only", "no usable measurement"),
        ("hostile-name", "no plain name"),
        ("no-frames-folder", "missing file; it was left out, and 15 more like it"),
        ("cut-jpeg", "it was left out"),
        ("messy-csv", "nan position; it was left out, and 2 more like it"),
    ],
)
def test_one_clear_line_each(run: Run, drive: str, words: str) -> None:
    lines = [line for line in run.lines if drive in line and not line.startswith("headway: - ")]
    assert len(lines) == 1, lines
    assert lines[0].startswith("headway: ")
    assert words in lines[0], lines[0]


def test_the_end_says_what_was_scored_and_lists_what_was_rejected(run: Run) -> None:
    assert "4 drives scored" in run.lines[-len(REJECTED) - 1]
    listed = [line for line in run.lines[-len(REJECTED) :] if line.startswith("headway: - ")]
    assert [name for name in REJECTED if any(name in line for line in listed)] == REJECTED


def test_what_is_written_keeps_the_contract(run: Run) -> None:
    for name in SCORED:
        table = pq.read_table(run.out / f"{name}.parquet")
        assert table.schema.equals(SCHEMA)
        drive = run.summary["drives"][name]
        assert table.num_rows == drive["forecasts"] * 4  # three modes and the single forecast
        rows = table.to_pandas()
        assert set(rows["drive"]) == {name}
        assert rows[["agent_id", "t0_ns", "mode"]].duplicated().sum() == 0
        for column in ("x_m", "speed_mps", "accel_mps2"):
            assert np.isfinite(np.stack(rows[column])).all(), column
        assert (drive["file"], drive["manoeuvres_file"]) == (f"{name}.parquet", f"manoeuvres/{name}.parquet")
        manoeuvres = pq.read_table(run.out / drive["manoeuvres_file"])
        assert manoeuvres.schema.equals(MANOEUVRE_SCHEMA)
        assert manoeuvres.num_rows == drive["forecasts"]
        keys = ["drive", "agent_id", "category", "t0_ns", "health"]
        single = rows.loc[rows["mode"] == -1, keys].reset_index(drop=True)
        pd.testing.assert_frame_equal(manoeuvres.to_pandas()[keys], single)
    counts = run.summary["counts"]
    assert sum(counts["by_health"].values()) == counts["forecasts"]
    assert counts["by_health"]["ok"] > 0


def test_missing_frames_leave_the_forecasts_of_the_tracks(run: Run, model: Path, batch: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(batch / "no-frames-folder", tmp_path / "raw" / "no-frames-folder")
    (bare / "cameras.csv").unlink()
    (bare / "frames.csv").unlink()
    assert score(model, [bare], out=tmp_path / "out", device="cpu").exit_code == 0
    one, two = (pd.read_parquet(folder / "no-frames-folder.parquet") for folder in (run.out, tmp_path / "out"))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_metrics_come_where_the_future_was_recorded(run: Run) -> None:
    metrics = run.summary["metrics"]
    assert metrics["all"]["ade_m"]["count"] > metrics["movers"]["ade_m"]["count"] > 0
    assert "fde_m" not in metrics["all"]  # the drives last three seconds, the horizon is four
    assert "pace_brier" not in metrics["all"]
    assert metrics["all"]["accel_mae_mps2"]["value"] > 0.0


def test_a_good_drive_alone_ends_well(here: Callable[..., Run], model: Path, batch: Path, tmp_path: Path) -> None:
    done = here(batch / "good", "--model", model, out=tmp_path / "out")
    assert done.code == 0
    assert len(done.lines) == 1
    assert done.lines[0].startswith("headway: 1 drives scored")


def test_a_wrong_model_folder_is_told_before_any_drive_is_read(
    here: Callable[..., Run], batch: Path, tmp_path: Path
) -> None:
    done = here("--model", batch, "--drives", tmp_path / "nowhere", out=tmp_path / "out")
    assert (done.code, len(done.lines)) == (1, 1)
    assert f"{batch}: is no model" in done.lines[0]
    assert not done.out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--every", "0.25"], "--every: 0.25 s is no whole number of steps; give a multiple of 0.1 s"),
        (["--every", "0"], "--every: 0 s is no whole number of steps"),
        (["--every", "nan"], "--every: nan s is no whole number of steps"),
        (["--device", "tpu"], "device: 'tpu' is not known"),
        (["--format", "rosbag"], "format 'rosbag': is not known"),
    ],
)
def test_settings_that_cannot_be(
    here: Callable[..., Run], arguments: list[str], words: str, model: Path, batch: Path, tmp_path: Path
) -> None:
    done = here("--model", model, "--drives", batch / "good", *arguments, out=tmp_path / "out")
    assert (done.code, len(done.lines)) == (1, 1)
    assert words in done.lines[0]
    assert not done.out.exists()


def test_an_output_that_cannot_be_written(model: Path, batch: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written to"):
        score(model, [batch / "good"], out=tmp_path / "file", device="cpu")
    assert (tmp_path / "file").read_text() == "mine"


def test_drives_of_one_name_are_told_apart_and_none_scored_twice(
    model: Path, batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(batch / "good", tmp_path / "monday")
    summary = score(model, [batch / "good", copy, copy], out=tmp_path / "out", device="cpu")
    lines = capsys.readouterr().err.splitlines()
    assert summary.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == ["good.parquet", "monday.parquet"]
    assert sum("is given twice" in line for line in lines) == 1
    assert sum("another drive is called 'good' too" in line and "'monday'" in line for line in lines) == 1


def test_a_folder_of_drives_passes_over_nothing(model: Path, batch: Path, tmp_path: Path) -> None:
    for name in ("good", "empty-folder"):
        shutil.copytree(batch / name, tmp_path / "raw" / name)
    summary = score(model, [tmp_path / "raw"], out=tmp_path / "out", device="cpu")
    assert list(summary.drives) == ["good"]
    assert [error.where for error in summary.rejected] == [str(tmp_path / "raw" / "empty-folder")]
    assert summary.exit_code == 1


def test_a_suspicion_is_told_and_costs_nothing(model: Path, here: Callable[..., Run], tmp_path: Path) -> None:
    drive = write_small_drive(tmp_path / "swapped", seconds=3.0, with_frames=False)
    table = pd.read_csv(drive / "tracks.csv").rename(columns={"length_m": "width_m", "width_m": "length_m"})
    table.to_csv(drive / "tracks.csv", index=False)
    run = here("--model", model, "--device", "cpu", "--drives", drive, out=tmp_path / "out")
    assert run.code == 0
    line = "headway: swapped: sizes: 5 of 5 vehicles are broader than long; likely length and width swapped; write"
    assert run.lines[0].startswith(line)
    (suspicion,) = run.summary["suspicions"]
    assert (suspicion["drive"], suspicion["kind"]) == ("swapped", "sizes swapped")


def test_an_unforeseen_error_leaves_what_was_done(
    model: Path, batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = work.forecast_drive

    def fail(bundle, drive, **others):
        if drive.name == "messy-csv":
            raise RuntimeError("a fault of ours")
        return original(bundle, drive, **others)

    monkeypatch.setattr(work, "forecast_drive", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        score(
            model, [batch / name for name in ("cut-jpeg", "good", "messy-csv")], out=tmp_path, device="cpu", workers=1
        )
    assert files(tmp_path) == tables("cut-jpeg", "good")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["complete"], summary["exit_code"], list(summary["drives"])) == (False, 1, ["cut-jpeg", "good"])


def test_a_drive_that_is_rejected_leaves_no_table_of_an_earlier_run(model: Path, batch: Path, tmp_path: Path) -> None:
    drives = [shutil.copytree(batch / name, tmp_path / "raw" / name) for name in ("good", "messy-csv")]
    score(model, drives, out=tmp_path / "out", device="cpu")
    (drives[1] / "tracks.csv").write_text("")
    assert score(model, drives, out=tmp_path / "out", device="cpu").exit_code == 1
    assert files(tmp_path / "out") == tables("good")


def test_a_map_adds_the_off_road_rate_and_a_bad_one_costs_only_itself(
    model: Path, here: Callable[..., Run], tmp_path: Path
) -> None:
    drive = write_small_drive(tmp_path / "mapped", seconds=8.0, with_frames=False)
    everywhere = DriveMap(lanes=(box(-2000, -2000, 2000, 2000),), crossings=(), drivable_area=union([]))
    write_map(drive / "map.geojson", everywhere)
    run = here("--model", model, "--device", "cpu", "--drives", drive, out=tmp_path / "with")
    assert run.code == 0, run.lines
    cells = run.summary["metrics"]["movers"]
    assert cells["offroad_rate"]["value"] == 0.0
    assert 0 < cells["offroad_rate"]["count"] <= cells["ade_m"]["count"]

    (drive / "map.geojson").write_text("{")
    run = here("--model", model, "--device", "cpu", "--drives", drive, out=tmp_path / "without")
    assert run.code == 1
    (line,) = [line for line in run.lines if "map.geojson" in line]
    assert "map.geojson: line 1: map not used: is not JSON" in line
    assert list(run.summary["drives"]) == ["mapped"]
    assert "offroad_rate" not in run.summary["metrics"]["movers"]
    assert run.summary["metrics"]["movers"]["ade_m"] == cells["ade_m"]
