"""Argoverse 2's readers against two real logs and a scenario: counts, the map under the wheels, the time it takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.spatial.transform import Rotation

from pipeline.config import IngestConfig
from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section

pytestmark = pytest.mark.real

FIRST, SECOND, SCENARIO = (
    "argoverse2-3bffdcff-c3a7-38b6-a0f2-64196d130958",
    "argoverse2-7fab2350-7eaf-3b7e-a39d-6937a4c1bede",
    "argoverse2-0a1e6f0a-1817-4a98-b02e-db8c9327d151",
)
# Tracks by the source's own words; the first log annotates the recording car too, the scenario calls it AV.
TRACKS = {
    FIRST: {
        "BOLLARD": 4,
        "BOX_TRUCK": 1,
        "CONSTRUCTION_CONE": 2,
        "LARGE_VEHICLE": 4,
        "PEDESTRIAN": 2,
        "REGULAR_VEHICLE": 98,
        "SIGN": 1,
        "TRUCK": 2,
        "TRUCK_CAB": 1,
        "ego": 1,
    },
    SECOND: {
        "BICYCLE": 8,
        "BOLLARD": 7,
        "BOX_TRUCK": 1,
        "CONSTRUCTION_CONE": 4,
        "MOTORCYCLE": 3,
        "PEDESTRIAN": 17,
        "REGULAR_VEHICLE": 71,
        "STROLLER": 1,
        "TRUCK_CAB": 1,
        "VEHICULAR_TRAILER": 1,
        "ego": 1,
    },
    SCENARIO: {"background": 2, "pedestrian": 12, "riderless_bicycle": 4, "static": 8, "vehicle": 32},
}
ROWS = {FIRST: 12_342, SECOND: 11_520, SCENARIO: 2_434}
MAPS = {FIRST: (211, 14), SECOND: (183, 11), SCENARIO: (71, 6)}  # lanes, crossings
ON_AREA = {FIRST: 0.792, SECOND: 0.854, SCENARIO: 0.831}


@cache
def _drives(folder: Path) -> dict[str, Drive]:
    return {ref.name: read_drive(ref) for ref in find_drives(folder)}


@pytest.fixture(params=[FIRST, SECOND, SCENARIO])
def drive(request: pytest.FixtureRequest, shared_data: Path) -> Drive:
    return _drives(shared_data / "argoverse2")[request.param]


def _vehicles(drive: Drive) -> pd.DataFrame:
    """The vehicles' rows with their speed over the last half second, their distance from the recording car, and
    whether they are on the map's drivable area."""
    tracks = drive.tracks.sort_values(["track_id", "timestamp_ns"])
    rows = tracks[tracks["category"].map(lambda number: Category(number).group is Group.VEHICLE)]
    by_track = rows.groupby("track_id")
    change = by_track[["x_m", "y_m", "timestamp_ns"]].diff(5)
    ego = tracks[tracks["is_ego"]].set_index("timestamp_ns")[["x_m", "y_m"]].loc[rows["timestamp_ns"]].to_numpy()
    assert drive.map is not None
    return rows.assign(
        speed_mps=np.hypot(change["x_m"], change["y_m"]) / (change["timestamp_ns"] / 1e9),
        far_m=np.hypot(rows["x_m"] - ego[:, 0], rows["y_m"] - ego[:, 1]),
        on_area=shapely.contains_xy(drive.map.drivable_area, rows["x_m"], rows["y_m"]),
    )


def test_every_track_is_there_with_the_source_s_word(drive: Drive):
    first = drive.tracks.drop_duplicates("track_id")
    assert first["raw_category"].value_counts().to_dict() == TRACKS[drive.name]
    assert len(drive.tracks) == ROWS[drive.name]
    assert (first["category"] == Category.OTHER).sum() == (1 if drive.name == SECOND else 0)  # the stroller
    assert drive.dropped == ()
    assert drive.map is not None
    assert (len(drive.map.lanes), len(drive.map.crossings)) == MAPS[drive.name]
    assert len(drive.map.centerlines) == len(drive.map.lanes)


def test_it_lasts_as_long_as_its_publisher_says_with_one_recording_car_all_along(drive: Drive):
    times_ns = np.unique(drive.tracks["timestamp_ns"])
    steps, seconds = (110, 10.9) if drive.name == SCENARIO else (156, 15.5)
    assert len(times_ns) == steps
    assert (times_ns[-1] - times_ns[0]) / 1e9 == pytest.approx(seconds, abs=0.001)
    ego = drive.tracks[drive.tracks["is_ego"]]
    assert ego["track_id"].unique().tolist() == ["ego"]
    assert sorted(ego["timestamp_ns"]) == times_ns.tolist()
    assert drive.rate_hz == 10.0


def test_logs_say_what_they_have_and_we_do_not_use(shared_data: Path):
    first, second, scenario = (_drives(shared_data / "argoverse2")[name] for name in (FIRST, SECOND, SCENARIO))
    (note,) = first.notes
    assert "156 rows of EGO_VEHICLE are not used" in note
    (note,) = second.notes
    assert note.endswith("egovehicle_SE3_sensor.feather without images in sensors/cameras: no camera")
    assert scenario.notes == ()


def test_vehicles_that_drive_near_the_recording_car_are_on_the_drivable_area(drive: Drive):
    vehicles = _vehicles(drive)
    assert vehicles.loc[vehicles["is_ego"], "on_area"].all()
    driving = vehicles[~vehicles["is_ego"] & (vehicles["speed_mps"] > 4.0) & (vehicles["far_m"] < 45.0)]
    assert len(driving) == {FIRST: 470, SECOND: 569, SCENARIO: 46}[drive.name]
    assert driving["on_area"].all()
    # Of all rows fewer are: cars that stand in car parks and driveways beside it (annotated up to 5 m from it), some
    # that turn into those, and some far ahead where the log's map ends.
    assert vehicles["on_area"].mean() == pytest.approx(ON_AREA[drive.name], abs=0.001)


def test_centre_lines_lie_on_the_drivable_area_and_point_where_traffic_drives(drive: Drive):
    assert drive.map is not None
    middles = np.array(drive.map.centerlines, dtype=object)
    on_area = shapely.length(shapely.intersection(middles, drive.map.drivable_area))
    assert on_area.sum() > 0.9999 * shapely.length(middles).sum()
    vehicles = _vehicles(drive)
    driving = vehicles[vehicles["speed_mps"] > 3.0]
    points = shapely.points(driving[["x_m", "y_m"]])
    row, line = shapely.STRtree(middles).query(points, predicate="dwithin", distance=1.5)
    heading = driving["heading_rad"].to_numpy()[row]
    along = shapely.line_locate_point(middles[line], points[row])
    ends = [
        shapely.get_coordinates(shapely.line_interpolate_point(middles[line], np.maximum(along + offset, 0.0)))
        for offset in (-0.5, 0.5)
    ]
    direction = np.arctan2(*(ends[1] - ends[0])[:, ::-1].T)
    turn = pd.Series(np.abs(np.angle(np.exp(1j * (direction - heading))))).groupby(row).min()
    assert len(turn) > 0.69 * len(driving)
    assert (turn < np.deg2rad(20.0)).mean() > 0.94
    assert turn.median() < np.deg2rad(1.5)


def test_the_recording_car_stands_on_the_road_of_the_others(shared_data: Path):
    for name in (FIRST, SECOND):
        vehicles = _vehicles(_drives(shared_data / "argoverse2")[name])
        bottom = vehicles["z_m"] - vehicles["height_m"] / 2
        ego = bottom[vehicles["is_ego"]].set_axis(vehicles.loc[vehicles["is_ego"], "timestamp_ns"])
        near = ~vehicles["is_ego"] & (vehicles["far_m"] < 12.0)
        above = bottom[near].to_numpy() - ego.loc[vehicles.loc[near, "timestamp_ns"]].to_numpy()
        assert near.sum() > 200
        assert abs(np.median(above)) < 0.15  # on a hill


# How far to the left of straight ahead each camera looks.
LOOKS_DEG = {
    "ring_front_center": 0,
    "ring_front_left": 45,
    "ring_front_right": -45,
    "ring_side_left": 100,
    "ring_side_right": -100,
    "ring_rear_left": 153,
    "ring_rear_right": -153,
    "stereo_front_left": 0,
    "stereo_front_right": 0,
}


def test_nine_cameras_look_round_from_the_roof_and_are_read_in_time(shared_data: Path, tmp_path: Path):
    """The real poses and calibration, with empty files where the images belong: readers do not open them."""
    log = tmp_path / "log"
    given = shared_data / "argoverse2" / "sensor" / SECOND.removeprefix("argoverse2-")
    for file in given.rglob("*.*"):
        copy = log / file.relative_to(given)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    times_ns = pd.read_feather(log / "city_SE3_egovehicle.feather")["timestamp_ns"]
    for number, camera in enumerate(LOOKS_DEG):  # each at 300 of the 2,706 times
        folder = log / "sensors" / "cameras" / camera
        folder.mkdir(parents=True)
        for time_ns in times_ns[number :: len(LOOKS_DEG)]:
            (folder / f"{time_ns}.jpg").touch()
    (ref,) = find_drives(tmp_path)
    drive = read_drive(ref)
    clean = ingest_drive(drive, config=load_section("ingest", IngestConfig))
    assert len(clean.frames) == len(drive.frames) == 2706
    assert (drive.dropped, drive.notes) == ((), ())
    ego = drive.tracks[drive.tracks["is_ego"]].sort_values("timestamp_ns")
    for camera, frames in drive.frames.sort_values("timestamp_ns").groupby("camera"):
        axes = Rotation.from_quat(frames[["qw", "qx", "qy", "qz"]].to_numpy(copy=True), scalar_first=True)
        ahead = axes.apply([0.0, 0.0, 1.0])
        heading = np.interp(frames["timestamp_ns"], ego["timestamp_ns"], np.unwrap(ego["heading_rad"]))
        looks = np.rad2deg(np.angle(np.exp(1j * (np.arctan2(ahead[:, 1], ahead[:, 0]) - heading))))
        assert np.median(looks) == pytest.approx(LOOKS_DEG[str(camera)], abs=3.0), camera
        assert np.abs(np.rad2deg(np.arcsin(ahead[:, 2]))).max() < 7.0  # on a hill
        height = np.interp(frames["timestamp_ns"], ego["timestamp_ns"], ego["z_m"])
        assert np.median(frames["z_m"] - height) == pytest.approx(1.0, abs=0.25), camera
