"""Argoverse 2's sensor logs: frames and times by hand, what may be missing, and what is wrong with one in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from pipeline.drives.drive import Camera, Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError

T0 = 315966253660357000
SWEEPS = [T0, T0 + 100_000_000]
SHOT = T0 + 37_123_456  # of an image, between the sweeps
CAMERA = "ring_front_center"
AREA = [{"x": x, "y": y, "z": 9.0} for x, y in ((50, 150), (150, 150), (150, 250), (50, 250))]


def _pose(rotation: Rotation, x_m: float, y_m: float, z_m: float) -> dict[str, float]:
    quaternion = zip(("qw", "qx", "qy", "qz"), rotation.as_quat(scalar_first=True), strict=True)
    return {**dict(quaternion), "tx_m": float(x_m), "ty_m": float(y_m), "tz_m": float(z_m)}


def _yaw(degrees: float) -> Rotation:
    return Rotation.from_rotvec([0.0, 0.0, degrees], degrees=True)


def _box(time_ns: int, track: str, word: str, pose: dict[str, float]) -> dict[str, Any]:
    size = {"length_m": 4.5, "width_m": 1.9, "height_m": 1.6}
    return {"timestamp_ns": time_ns, "track_uuid": track, "category": word, **size, **pose, "num_interior_pts": 3}


def _write(log: Path) -> Path:
    """At (100, 200, 10) the car faces north, then (the shot) 5 degrees further left, then climbs 30 degrees."""
    log.mkdir(parents=True, exist_ok=True)
    climbing = _yaw(90) * Rotation.from_euler("Y", -30, degrees=True)
    places = {SWEEPS[0]: _yaw(90), SHOT: _yaw(95), SWEEPS[1]: climbing}
    poses = [{"timestamp_ns": time, **_pose(turn, 100, 200, 10)} for time, turn in places.items()]
    # The publisher's tables are sorted; nothing says that a user's are.
    pd.DataFrame(poses[::-1]).to_feather(log / "city_SE3_egovehicle.feather")
    boxes = [
        _box(SWEEPS[0], "a", "REGULAR_VEHICLE", _pose(_yaw(-90), 10, 2, 1)),
        _box(SWEEPS[0], "e", "EGO_VEHICLE", _pose(_yaw(0), 0, 0, 0)),
        _box(SWEEPS[1], "a", "BUS", _pose(_yaw(0), 10, 0, 0)),
        _box(SWEEPS[1], "e", "EGO_VEHICLE", _pose(_yaw(0), 0, 0, 0)),
    ]
    pd.DataFrame(boxes).to_feather(log / "annotations.feather")
    (log / "calibration").mkdir(exist_ok=True)
    lens = {"fx_px": 1776.0, "fy_px": 1775.0, "cx_px": 778.0, "cy_px": 1013.5, "k1": -0.2, "k2": -0.2, "k3": 0.3}
    size = {"height_px": np.uint16(2048), "width_px": np.uint16(1550)}
    pd.DataFrame([{"sensor_name": CAMERA, **lens, **size}]).to_feather(log / "calibration" / "intrinsics.feather")
    optical = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    place = [{"sensor_name": CAMERA, **_pose(optical, 1.5, 0.0, 1.4)}]
    pd.DataFrame(place).to_feather(log / "calibration" / "egovehicle_SE3_sensor.feather")
    _image(log, f"{SHOT}.jpg")
    (log / "map").mkdir(exist_ok=True)
    archive = {"lane_segments": {}, "pedestrian_crossings": {}, "drivable_areas": {"1": {"area_boundary": AREA}}}
    (log / "map" / "log_map_archive_log____PIT_city_1.json").write_text(json.dumps(archive))
    return log


def _image(log: Path, name: str, camera: str = CAMERA) -> None:
    folder = log / "sensors" / "cameras" / camera
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\xff\xd8")


def _change(path: Path, **columns: Any) -> None:
    pd.read_feather(path).assign(**columns).to_feather(path)


def _read(log: Path) -> Drive:
    (ref,) = find_drives(log)
    return read_drive(ref)


def test_boxes_and_the_recording_car_lie_where_they_are_by_hand(tmp_path: Path):
    drive = _read(_write(tmp_path / "the-log"))
    assert (drive.name, drive.format, drive.rate_hz) == ("argoverse2-the-log", "argoverse2_sensor", 10.0)
    tracks = drive.tracks.set_index(["track_id", "timestamp_ns"])
    xyz, ego_xyz = (tracks.loc[name, ["x_m", "y_m", "z_m"]].to_numpy() for name in ("a", "ego"))
    # Facing north, 10 m ahead is 10 m north and 2 m left is 2 m west; then 10 m ahead is up a slope of 30 degrees.
    np.testing.assert_allclose(xyz, [[98, 210, 11], [100, 200 + 10 * np.cos(np.pi / 6), 15]], atol=1e-9)
    np.testing.assert_allclose(tracks.loc["a", "heading_rad"], [0.0, np.pi / 2], atol=1e-9)
    assert tracks.loc["a", "category"].tolist() == [Category.CAR, Category.BUS]
    assert tracks.loc["a", "raw_category"].tolist() == ["REGULAR_VEHICLE", "BUS"]
    assert tracks.loc["a", ["length_m", "width_m", "height_m"]].to_numpy().tolist() == [[4.5, 1.9, 1.6]] * 2
    assert tracks["source_row"].tolist() == [1, 3, 3, 1]  # of the boxes, and of the poses as they lie in their file
    # The middle of the car is 1.3385 m ahead of its rear axle and 0.4065 m above it; it is at the sweeps alone.
    up = [1.3385 * np.sin(np.pi / 6) + 0.4065 * np.cos(np.pi / 6)]
    np.testing.assert_allclose(ego_xyz[0], [100, 201.3385, 10.4065], atol=1e-9)
    np.testing.assert_allclose(ego_xyz[1, 2:], 10 + np.array(up), atol=1e-9)
    assert tracks.loc["ego"].index.tolist() == SWEEPS
    assert tracks.loc["ego", "is_ego"].all()
    assert not tracks.loc["a", "is_ego"].any()
    assert drive.dropped == ()
    file = drive.path / "annotations.feather"
    said = f"{file}: 2 rows of EGO_VEHICLE are not used: city_SE3_egovehicle.feather tells where the recording car is"
    assert drive.notes == (said,)
    assert drive.map is not None
    assert drive.map.drivable_area.area == 10_000.0


def test_an_image_is_placed_by_the_pose_at_its_own_time(tmp_path: Path):
    drive = _read(_write(tmp_path / "log"))
    assert drive.cameras == {
        CAMERA: Camera(width_px=1550, height_px=2048, fx_px=1776.0, fy_px=1775.0, cx_px=778.0, cy_px=1013.5)
    }
    (frame,) = drive.frames.itertuples()
    assert (frame.timestamp_ns, frame.camera, frame.path) == (SHOT, CAMERA, f"sensors/cameras/{CAMERA}/{SHOT}.jpg")
    facing = np.deg2rad(95)
    place = [100 + 1.5 * np.cos(facing), 200 + 1.5 * np.sin(facing), 11.4]
    np.testing.assert_allclose([frame.x_m, frame.y_m, frame.z_m], place, atol=1e-9)
    ahead = Rotation.from_quat([frame.qw, frame.qx, frame.qy, frame.qz], scalar_first=True).apply([0.0, 0.0, 1.0])
    np.testing.assert_allclose(ahead, [np.cos(facing), np.sin(facing), 0.0], atol=1e-9)


def test_images_that_cannot_be_placed_are_counted_and_a_camera_without_any_is_none(tmp_path: Path):
    log = _write(tmp_path / "log")
    for name in (f"{SHOT + 1}.jpg", "front.jpg", f"{2**64}.jpg", "-.jpg"):
        _image(log, name)
    _image(log, f"{SHOT}.jpg", camera="ring_unknown")
    _image(log, "5.jpg", camera="stereo_front_left")
    _image(log, "notes.txt", camera="empty")
    for table in ("intrinsics", "egovehicle_SE3_sensor"):
        path = log / "calibration" / f"{table}.feather"
        first = pd.read_feather(path)
        pd.concat([first, first.assign(sensor_name="stereo_front_left"), first]).to_feather(path)
    drive = _read(log)
    assert list(drive.cameras) == [CAMERA]
    assert drive.frames["timestamp_ns"].tolist() == [SHOT]
    images, calibration = log / "sensors" / "cameras", log / "calibration"
    assert [(entry.where, entry.reason, entry.count) for entry in drive.dropped] == [
        (f"{calibration}/intrinsics.feather: row 3", "no usable intrinsics", 1),
        (f"{calibration}/egovehicle_SE3_sensor.feather: row 3", "no usable place on the vehicle", 1),
        (f"{images}/{CAMERA}", "image not named by its time", 3),
        (f"{images}/{CAMERA}", "no pose at the image's time", 1),
        (f"{images}/ring_unknown", "images without calibration", 1),
        (f"{images}/stereo_front_left", "no pose at the image's time", 1),
    ]


def test_images_calibration_and_map_may_be_missing(tmp_path: Path):
    log = _write(tmp_path / "log")
    shutil.rmtree(log / "sensors")
    shutil.rmtree(log / "map")
    drive = _read(log)
    assert (drive.cameras, len(drive.frames), drive.map, drive.dropped) == ({}, 0, None, ())
    tables = "calibration/intrinsics.feather and calibration/egovehicle_SE3_sensor.feather"
    assert drive.notes[1:] == (f"{log}: {tables} without images in sensors/cameras: no camera",)
    shutil.rmtree(log / "calibration")
    assert len(_read(log).notes) == 1


def test_a_bad_map_costs_the_map_alone(tmp_path: Path):
    log = _write(tmp_path / "log")
    (log / "map" / "log_map_archive_other.json").write_text("{")
    drive = _read(log)
    (dropped,) = drive.dropped
    assert drive.map is None
    assert (dropped.where, dropped.count) == (f"{log}/map", 2)
    assert dropped.reason == "map not used: 2 files are called log_map_archive_*.json; keep the log's own"
    (log / "map" / "log_map_archive_log____PIT_city_1.json").unlink()
    (dropped,) = _read(log).dropped
    assert dropped.where == f"{log}/map/log_map_archive_other.json: line 1"
    assert dropped.reason.startswith("map not used: is not JSON")


def test_rows_that_cannot_be_placed_are_left_out_and_named(tmp_path: Path):
    log = _write(tmp_path / "log")
    path = log / "annotations.feather"
    rows = pd.read_feather(path).iloc[[0, 0, 0, 0, 2]].reset_index(drop=True)
    rows["timestamp_ns"] = [SWEEPS[0], SWEEPS[0] + 1, SWEEPS[0], SWEEPS[0], SWEEPS[1]]
    rows.loc[2, "qw"] = np.nan
    rows.loc[3, "qz"] = 2.0
    rows.loc[4, "ty_m"] = np.inf
    rows.to_feather(path)
    poses = log / "city_SE3_egovehicle.feather"
    table = pd.read_feather(poses)
    pd.concat([table, table.iloc[:1], table.assign(tx_m=None)]).to_feather(poses)
    drive = _read(log)
    assert drive.tracks["track_id"].tolist() == ["a", "ego"]
    assert [(entry.where, entry.reason, entry.count) for entry in drive.dropped] == [
        (f"{poses}: row 5, 6, 7", "no pose with a unit quaternion", 3),
        (f"{poses}: row 4", "second pose at its time", 1),
        (f"{path}: row 2", "no pose at its time in city_SE3_egovehicle.feather", 1),
        (f"{path}: row 3, 4, 5", "no box pose with a unit quaternion", 3),
    ]


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "test set": (
        lambda log: (log / "annotations.feather").unlink(),
        r"/annotations.feather: is missing; leave out the logs of the test set, which are published without",
    ),
    "no poses": (
        lambda log: (log / "city_SE3_egovehicle.feather").unlink(),
        r"/city_SE3_egovehicle.feather: is missing; take it from the same Argoverse 2 download",
    ),
    "other poses": (
        lambda log: _change(log / "city_SE3_egovehicle.feather", timestamp_ns=[1, 2, 3]),
        r"/annotations.feather: has no box that can be placed in the city; check that it belongs to the poses",
    ),
    "zero poses": (
        lambda log: _change(log / "city_SE3_egovehicle.feather", qw=0.0, qx=0.0, qy=0.0, qz=0.0),
        r"/city_SE3_egovehicle.feather: no row is a pose with a unit quaternion",
    ),
    "no boxes": (
        lambda log: pd.read_feather(log / "annotations.feather").iloc[:0].to_feather(log / "annotations.feather"),
        r"/annotations.feather: has no rows",
    ),
    "no category": (
        lambda log: _change(log / "annotations.feather", category=3),
        r"/annotations.feather: category: holds int64, not texts",
    ),
    "times of floats": (
        lambda log: _change(log / "annotations.feather", timestamp_ns=0.5),
        r"/annotations.feather: timestamp_ns: has a number that is not whole, or is beyond 64 bits",
    ),
    "another ego": (
        lambda log: _change(log / "annotations.feather", track_uuid="ego"),
        r"/annotations.feather: row 1: track_uuid: is 'ego', which is the recording car's; rename the track",
    ),
    "images without calibration": (
        lambda log: shutil.rmtree(log / "calibration"),
        r"/calibration/intrinsics.feather: is missing",
    ),
    "a folder": (
        lambda log: ((log / "annotations.feather").unlink(), (log / "annotations.feather").mkdir()),
        r"/annotations.feather: is no file",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_useless_log_is_told_in_one_line(tmp_path: Path, mistake: str):
    change, message = MISTAKES[mistake]
    log = _write(tmp_path / "val" / "log")
    change(log)
    (ref,) = find_drives(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        read_drive(ref)
    assert str(caught.value).startswith(str(log))
    assert len(str(caught.value).splitlines()) == 1
