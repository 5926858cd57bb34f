"""KITTI forecasting as its release and its benchmark count it."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.kitti_forecasting import TEST as TEST_DRIVES
from pipeline.evaluation.kitti_forecasting import TRAIN as TRAIN_DRIVES
from pipeline.evaluation.kitti_forecasting import protocol_windows, read_drives, stands_still

pytestmark = pytest.mark.real

TEST = {"0001", "0002", "0015", "0018", "0029", "0032", "0052", "0070"}
NUM_STEPS = 60  # 20 observed, 40 future
# Of a place of the recording car in its drive's first frame, on the scanner's axes: KITTI's calib_imu_to_velo.txt.
IMU_IN_SCANNER_M = (-0.8086759, 0.3195559)


@cache
def _drives(path: Path) -> dict[str, Drive]:
    return {ref.name.removeprefix("kitti-forecasting-2011_09_26_drive_"): read_drive(ref) for ref in find_drives(path)}


@pytest.fixture
def drives(shared_data: Path) -> dict[str, Drive]:
    return _drives(shared_data / "kitti_forecasting")


def test_drives_tracks_and_classes_are_counted(drives: dict[str, Drive]):
    agents = pd.concat([drive.tracks.drop_duplicates("track_id") for drive in drives.values()])
    assert (len(drives), len(agents)) == (24, 640)
    assert agents["raw_category"].value_counts().to_dict() == {
        "Car": 446,
        "Pedestrian": 69,
        "Van": 54,
        "Cyclist": 25,
        "Truck": 14,
        "Person (sitting)": 14,
        "Misc": 10,
        "Tram": 8,
    }
    for name, drive in drives.items():
        assert drive.dropped == drive.notes == (), name
        assert drive.tracks["is_ego"].sum() == drive.tracks["timestamp_ns"].nunique(), name
        steps = drive.tracks.groupby("track_id")["timestamp_ns"].diff().dropna()
        assert set(steps) == {100_000_000.0}, name


def test_windows_are_as_many_as_the_benchmark_has(drives: dict[str, Drive]):
    windows = {"train": 0, "test": 0}
    for name, drive in drives.items():
        lengths = drive.tracks.groupby("track_id").size()
        windows["test" if name in TEST else "train"] += int(np.maximum(lengths - NUM_STEPS, 0).sum())
    assert windows == {"train": 8613, "test": 2907}


def test_the_recording_car_starts_where_the_imu_sits_left_of_the_scanner(drives: dict[str, Drive]):
    for name, drive in drives.items():
        first = drive.tracks[drive.tracks["is_ego"]].iloc[0]
        pixels = (first[["x_m", "y_m"]].to_numpy(float) - IMU_IN_SCANNER_M) / 0.5
        np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-6, err_msg=name)


def _oncoming_to_the_left_m(drive: Drive) -> np.ndarray:
    """How far to the left of the recording car others are that come towards it within 10 m of its line."""
    tracks = drive.tracks.sort_values("timestamp_ns")
    second = tracks.groupby("track_id")[["x_m", "y_m"]].diff(10)
    tracks = tracks.assign(dx_m=second["x_m"], dy_m=second["y_m"])  # NaN, and so out of every comparison, at first
    both = tracks[~tracks["is_ego"]].merge(tracks[tracks["is_ego"]], on="timestamp_ns", suffixes=("", "_ego"))
    ahead = both[["dx_m_ego", "dy_m_ego"]].to_numpy()
    moved, ego_moved = np.hypot(both["dx_m"], both["dy_m"]), np.hypot(*ahead.T)
    place = both[["x_m", "y_m"]].to_numpy() - both[["x_m_ego", "y_m_ego"]].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        left_m = (ahead[:, 0] * place[:, 1] - ahead[:, 1] * place[:, 0]) / ego_moved
        along = (ahead * both[["dx_m", "dy_m"]].to_numpy()).sum(axis=1) / (moved * ego_moved)
    near = (np.hypot(*place.T) < 25.0) & (np.abs(left_m) < 10.0)
    return left_m[(moved > 3.0) & (ego_moved > 3.0) & (along < -0.95) & near]


def test_oncoming_traffic_passes_on_the_left(drives: dict[str, Drive]):
    left_m = np.concatenate([_oncoming_to_the_left_m(drive) for drive in drives.values()])
    assert len(left_m) > 200
    assert (left_m > 0.0).mean() > 0.9


def test_the_recording_car_drives_on_the_road_of_its_map(drives: dict[str, Drive]):
    shares = {}
    for name, drive in drives.items():
        assert drive.map is not None
        assert drive.map.drivable_area.is_valid
        ego = drive.tracks[drive.tracks["is_ego"]]
        if np.hypot(np.ptp(ego["x_m"]), np.ptp(ego["y_m"])) > 100.0:
            shares[name] = shapely.contains_xy(drive.map.drivable_area, ego["x_m"], ego["y_m"]).mean()
    assert len(shares) == 16
    assert min(shares.values()) > 0.75  # a scanner does not see the ground below it, nor behind at the start
    assert np.median(list(shares.values())) > 0.95
    assert shares["0009"] == pytest.approx(440 / 447)
    area_m2 = sum(drive.map.drivable_area.area for drive in drives.values() if drive.map)
    assert area_m2 == 451_816 * 0.25


@pytest.mark.parametrize(("names", "expected"), [(TRAIN_DRIVES, (8613, 3912)), (TEST_DRIVES, (2907, 356))])
def test_the_protocol_scores_the_windows_of_the_published_loader(
    shared_data: Path, names: tuple[str, ...], expected: tuple[int, int]
) -> None:
    cleans = read_drives(shared_data / "kitti_forecasting", names=names)
    windows, scored = protocol_windows(cleans, variant="as_recorded")
    assert (scored.sum(), (scored & stands_still(windows.observed)).sum()) == expected
