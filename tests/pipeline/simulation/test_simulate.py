"""A simulated drive is a raw drive like any other; the same index and seed give the same bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.config import SimulateConfig
from pipeline.drives.drive import Drive, project
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from pipeline.params import load_section
from pipeline.simulation import simulate
from pipeline.simulation.recording import Recording, World
from pipeline.simulation.simulate import record_drive, simulate_all, simulate_drive
from tests.pipeline.simulation.made_up_recording import made_up_recording

ROOT = Path(__file__).parents[3]
SMALL = {"num_drives": 1, "duration_s": 4.0, "width_px": 160, "height_px": 90, "cameras": ["front", "front_left"]}


def _config(**changes: object) -> SimulateConfig:
    section = load_section("simulate", SimulateConfig, path=ROOT / "params.yaml").model_dump()
    return SimulateConfig(**(section | SMALL | changes))


def _read(folder: Path) -> Drive:
    (ref,) = find_drives(folder)
    return read_drive(ref)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``drives`` and ``truth`` of the made-up recording."""
    folder = tmp_path_factory.mktemp("made-up")
    recording = made_up_recording(num_steps=20)
    name = record_drive(recording, index=5, config=_config(), folder=folder / "drives", truth=folder / "truth")
    assert name == "roundabout-s0-005"
    return folder


def test_the_drive_reads_back_without_a_complaint(made_up: Path):
    drive = _read(made_up / "drives")
    assert (drive.name, drive.rate_hz) == ("roundabout-s0-005", 10.0)
    assert (drive.dropped, drive.notes) == ((), ())
    assert set(drive.cameras) == {"front", "front_left"}
    assert drive.map is not None
    assert drive.frames.groupby("camera").timestamp_ns.apply(list).map(tuple).nunique() == 1
    front = drive.frames[drive.frames.camera == "front"]
    assert np.diff(front.timestamp_ns).tolist() == [200_000_000] * 9
    np.testing.assert_allclose(front.x_m - 0.6, front.timestamp_ns * 1e-8, atol=1e-9)  # the true pose: 10 m/s
    for path in drive.frames.path:
        assert cv2.imread(str(drive.path / path)).shape == (90, 160, 3)
    about = json.loads((drive.path / "drive.json").read_text())
    assert about["source"] == "headway simulate"


def test_sensed_boxes_ahead_lie_in_the_frame(made_up: Path):
    drive = _read(made_up / "drives")
    front = drive.frames[drive.frames.camera == "front"]
    car = drive.tracks[(drive.tracks.x_m - 14.0 - drive.tracks.timestamp_ns * 9e-9).abs() < 0.5]
    car = car[~car.is_ego & (car.raw_category == "car")].merge(front, on="timestamp_ns", suffixes=("", "_camera"))
    assert len(car) > 8
    seen = project(
        car[["x_m", "y_m", "z_m"]].to_numpy(),
        camera=drive.cameras["front"],
        position_m=car[["x_m_camera", "y_m_camera", "z_m_camera"]].to_numpy(),
        quaternion_wxyz=car[["qw", "qx", "qy", "qz"]].to_numpy(),
    )
    u, v, depth = seen.T
    assert (np.abs(u - 80) < 4).all()  # straight ahead
    assert ((v > 45) & (v < 60)).all()  # below the horizon
    np.testing.assert_allclose(depth, 13.4 - car.timestamp_ns * 1e-9, atol=0.6)


def test_the_truth_lies_beside_and_tells_whose_each_row_is(made_up: Path):
    inside = {
        path.relative_to(made_up / "drives" / "roundabout-s0-005").parts[0] for path in made_up.glob("drives/*/*")
    }
    tables = {"cameras.csv", "drive.json", "frames.csv", "map.geojson", "tracks.csv"}
    assert inside == {"frames", *tables}
    assert "truck" not in (made_up / "drives" / "roundabout-s0-005" / "tracks.csv").read_text().replace(",truck,", "")
    truth = made_up / "truth" / "roundabout-s0-005"
    recording = made_up_recording(num_steps=20)
    pd.testing.assert_frame_equal(pd.read_parquet(truth / "agents.parquet"), recording.agents)
    pd.testing.assert_frame_equal(pd.read_parquet(truth / "signals.parquet"), recording.signals)
    assert pd.read_parquet(truth / "stop_lines.parquet").columns.tolist() == ["lane_id", "signal_id", "x_m", "y_m"]
    rows = pd.read_parquet(truth / "tracks.parquet")
    tracks = _read(made_up / "drives").tracks
    assert rows.track_id.tolist() == tracks.track_id.tolist()
    true = recording.agents.set_index(["timestamp_ns", "agent_id"]).loc[
        list(zip(rows.timestamp_ns, rows.agent_id, strict=True))
    ]
    assert np.hypot(true.x_m.to_numpy() - tracks.x_m, true.y_m.to_numpy() - tracks.y_m).max() < 0.8
    about = json.loads((truth / "about.json").read_text())
    assert (about["world"], about["index"], about["seed"], about["ego_id"]) == ("crossing", 5, 0, "ego")


def test_a_drive_that_cannot_be_made_leaves_nothing_and_the_next_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fake(world: World, **_: object) -> Recording:
        if world == "grid":
            raise InputError("SUMO's netconvert", "failed with status 1", "ask for another seed")
        return made_up_recording(num_steps=20)

    def begun(*_: object, **__: object) -> None:
        raise InputError("frames", "cannot be drawn", "draw them elsewhere")

    monkeypatch.setattr(simulate, "simulate_traffic", fake)
    drives, truth = tmp_path / "drives", tmp_path / "truth"
    config = _config(num_drives=2)
    done = list(simulate_all(config, folder=drives, truth=truth, num_processes=1))
    problem = "grid-s0-000: SUMO's netconvert: failed with status 1; ask for another seed"
    assert done == [("grid-s0-000", problem), ("crossing-s0-001", None)]
    assert [path.name for path in (*drives.iterdir(), *truth.iterdir())] == ["crossing-s0-001"] * 2
    monkeypatch.setattr(simulate, "_write_truth", begun)  # after the drive is written
    again = tmp_path / "again"
    problems = [problem for _, problem in simulate_all(config, folder=again, truth=truth, num_processes=1)]
    assert problems[1] == "crossing-s0-001: frames: cannot be drawn; draw them elsewhere"
    assert not list(again.iterdir())


def test_one_index_gives_the_same_bytes_in_any_process_and_number(tmp_path: Path):
    """By SUMO, whole: one drive here as the only one, one in a process of its own as one of fifty."""
    program = (
        "import sys; from pathlib import Path; from pipeline.config import SimulateConfig\n"
        "from pipeline.simulation.simulate import simulate_drive\n"
        "if __name__ == '__main__':\n"
        "    config = SimulateConfig.model_validate_json(sys.argv[1])\n"
        "    simulate_drive(0, config=config, folder=Path(sys.argv[2], 'drives'), truth=Path(sys.argv[2], 'truth'))\n"
    )
    one, other = tmp_path / "one", tmp_path / "other"
    many = _config(num_drives=50).model_dump_json()
    with subprocess.Popen([sys.executable, "-c", program, many, str(other)], cwd=ROOT) as apart:
        name = simulate_drive(0, config=_config(), folder=one / "drives", truth=one / "truth")
    assert apart.returncode == 0
    assert name == "grid-s0-000"
    hashes = _hashes(one)
    assert len(hashes) == 2 * 20 + 5 + 5
    assert _hashes(other) == hashes
    drive = _read(one / "drives")
    assert (drive.dropped, drive.notes) == ((), ())
    assert drive.tracks.is_ego.sum() == 40
