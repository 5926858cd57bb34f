"""Argoverse 2's motion-forecasting scenarios: times and tracks by hand, and what is wrong with one in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.config import IngestConfig
from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section

START = 315986559459579008  # as the published scenarios have it: a float, so a multiple of 64
TIMES = {"start_timestamp": float(START), "end_timestamp": float(START + 10_900_000_000), "num_timestamps": 110}


def _write(folder: Path, name: str = "one", **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        "observed": [True, False, True, True],
        "track_id": ["139", "139", "AV", "7"],
        "object_type": ["cyclist", "cyclist", "vehicle", "riderless_bicycle"],
        "timestep": [0, 109, 49, 0],
        "position_x": [-436.5, -430.0, 10.0, 11.0],
        "position_y": [1311.25, 1312.0, 20.0, 21.0],
        "heading": [1.5, -1.5, 0.0, 3.0],
        **TIMES,
    }
    path = folder / f"scenario_{name}.parquet"
    pd.DataFrame(table | changes).to_parquet(path)
    return path


def _read(folder: Path) -> Drive:
    (ref,) = find_drives(folder)
    return read_drive(ref)


def test_a_scenario_is_read_whole_with_the_car_av_as_its_recording_car(tmp_path: Path):
    drive = _read(_write(tmp_path / "scenario").parent)
    assert (drive.name, drive.format, drive.rate_hz) == ("argoverse2-one", "argoverse2_forecasting", 10.0)
    tracks = drive.tracks
    assert tracks["timestamp_ns"].tolist() == [START, START + 10_900_000_000, START + 4_900_000_000, START]
    assert tracks["track_id"].tolist() == ["139", "139", "ego", "7"]
    assert tracks["is_ego"].tolist() == [False, False, True, False]
    assert tracks["category"].tolist() == [Category.BICYCLE, Category.BICYCLE, Category.VEHICLE, Category.STATIC]
    assert tracks["raw_category"].tolist() == ["cyclist", "cyclist", "vehicle", "riderless_bicycle"]
    assert tracks[["x_m", "y_m", "z_m"]].to_numpy().tolist()[0] == [-436.5, 1311.25, 0.0]
    assert tracks["heading_rad"].tolist() == [1.5, -1.5, 0.0, 3.0]
    assert tracks[["length_m", "width_m", "height_m"]].isna().all(axis=None)
    assert tracks["source_row"].tolist() == [1, 2, 3, 4]
    assert (drive.cameras, drive.map, drive.dropped, drive.notes) == ({}, None, (), ())
    # Sizes that are not told are no problem of the rows.
    assert ingest_drive(drive, config=load_section("ingest", IngestConfig)).dropped == ()


def test_steps_lie_evenly_between_the_first_and_last_time(tmp_path: Path):
    """To the nanosecond, also where times are integers that no float holds, and at other rates."""
    times = {"start_timestamp": START + 1, "end_timestamp": START + 2_000_000_000, "num_timestamps": 4}
    drive = _read(_write(tmp_path, timestep=[0, 1, 2, 3], **times).parent)
    steps = [1, 1 + 666_666_666, 1 + 1_333_333_333, 2_000_000_000]  # a third of 1,999,999,999 ns each
    assert (drive.tracks["timestamp_ns"] - START).tolist() == steps
    assert drive.rate_hz == pytest.approx(1.5, rel=1e-8)


def test_every_scenario_below_a_folder_is_a_drive_of_its_own(tmp_path: Path):
    for name in ("b", "a"):
        _write(tmp_path / "val" / name, name)
    _write(tmp_path / "val" / "a", "c")
    (tmp_path / "val" / "a" / "scenario_d.parquet").mkdir()
    (tmp_path / "val" / "a" / "log_map_archive_c.json").write_text('{"drivable_areas": 3}')
    refs = find_drives(tmp_path)
    assert [(ref.name, ref.path.name, ref.key) for ref in refs] == [
        ("argoverse2-a", "a", "a"),
        ("argoverse2-b", "b", "b"),
        ("argoverse2-c", "a", "c"),
    ]
    drives = [read_drive(ref) for ref in refs]
    assert [len(drive.dropped) for drive in drives] == [0, 0, 1]
    (dropped,) = drives[2].dropped
    assert dropped.where.endswith("log_map_archive_c.json: drivable_areas")
    assert dropped.reason.startswith("map not used: is no object of elements by their ids")


def test_what_is_left_out_or_missing_is_said(tmp_path: Path):
    changes = {"timestep": [0, 110, -1, 5], "track_id": ["139", "139", "a", "7"], "object_type": ["ufo"] * 4}
    path = _write(tmp_path, **changes)
    drive = _read(tmp_path)
    assert drive.tracks["source_row"].tolist() == [1, 4]
    (dropped,) = drive.dropped
    assert (dropped.where, dropped.reason) == (f"{path}: row 2, 3", "timestep outside the scenario")
    assert drive.notes == (
        f"{path}: category 'ufo' is not known: 2 rows are taken as OTHER",
        f"{path}: no track is called AV: the recording car is not among them",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestep": [-1] * 4}, "timestep: no row lies in the scenario"),
        ({"timestep": ["1"] * 4}, "timestep: holds large_string, not integers"),
        ({"track_id": ["ego", "1", "2", "3"]}, "row 1: track_id: is 'ego', which is the recording car's; rename the"),
        ({"track_id": [None] * 4}, "track_id: holds null, not texts"),
        ({"num_timestamps": [110, 110, 110, 50]}, "num_timestamps: is not the same in every row"),
        ({"num_timestamps": 1}, "num_timestamps: 1 is no number of time steps"),
        ({"num_timestamps": 2**62}, f"num_timestamps: {2**62} is no number of time steps"),
        ({"start_timestamp": 0.5}, "start_timestamp: has a number that is not whole, or is beyond 64 bits"),
        ({"start_timestamp": 1e30}, "start_timestamp: has a number that is not whole, or is beyond 64 bits"),
        ({"end_timestamp": START - 1}, f"end_timestamp: {START - 1} is no time after start_timestamp {START}, in"),
        ({"start_timestamp": -(2**63)}, f"end_timestamp: {START + 10_900_000_000} is no time after start_timestamp -9"),
    ],
)
def test_a_useless_scenario_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str):
    path = _write(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        _read(tmp_path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert len(str(caught.value).splitlines()) == 1
