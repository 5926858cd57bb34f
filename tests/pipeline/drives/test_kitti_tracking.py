from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import Dropped
from tests.claimed_png import png_claiming
from tests.refused import assert_refused

# Easy matrices: the camera looks along the scanner's x, the scanner sits 0.8 m ahead, 0.3 m right and 0.8 m above the
# IMU, and the colour camera 0.1 m right of the grey one.
CALIBRATION = {
    "P2:": "700 0 600 -70 0 700 180 0 0 0 1 0",
    "R0_rect:": "1 0 0 0 1 0 0 0 1",
    "Tr_velo_to_cam:": "0 -1 0 0 0 0 -1 0 1 0 0 0",
    "Tr_imu_to_velo:": "1 0 0 -0.8 0 1 0 0.3 0 0 1 -0.8",
}
STEP_M = np.deg2rad(1e-4) * 6378137.0  # a ten-thousandth of a degree along the equator
QUARTER = float(np.pi / 2)
LABELS = [
    # frame track type truncated occluded alpha box(4) height width length x y z rotation_y
    f"0 3 Car 0 0 0 1 2 3 4 1.5 1.8 4.2 2 1.7 10 {-QUARTER}",  # as the ego looks, 10 m ahead and 2 m right
    "1 -1 DontCare -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10",
    "1 4 Pedestrian 0 0 0 1 2 3 4 1.8 0.6 0.7 -1 1.7 5 0",  # looks to the camera's right
]


def _write(
    root: Path,
    *,
    labels: list[str] = LABELS,
    yaw: float = QUARTER,
    calibration: dict[str, str] = CALIBRATION,
    ending: str = "png",
) -> Path:
    """Sequence 0007: two frames at the equator, the second a step further east."""
    oxts = [f"0.0 {1e-4 * frame + 8.0} {100.0 + frame} 0 0 {yaw} 0 0 0" for frame in range(2)]
    for folder, lines in {
        "label_02": labels,
        "calib": [f"{key} {values}" for key, values in calibration.items()],
        "oxts": oxts,
    }.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "0007.txt").write_text("\n".join(lines) + "\n")
    (root / "image_02" / "0007").mkdir(parents=True, exist_ok=True)
    for frame in range(2):
        cv2.imwrite(str(root / "image_02" / "0007" / f"{frame:06d}.{ending}"), np.zeros((36, 120, 3), np.uint8))
    return root


def _read(root: Path) -> Drive:
    (ref,) = find_drives(root)
    return read_drive(ref)


def _places(drive: Drive) -> dict[str, list[float]]:
    first = drive.tracks.groupby("track_id").first()
    return {name: row[["x_m", "y_m", "z_m", "heading_rad"]].tolist() for name, row in first.iterrows()}


def test_labels_come_into_the_world_where_hand_computation_puts_them(tmp_path: Path):
    drive = _read(_write(tmp_path))
    assert (drive.name, drive.format, drive.rate_hz, drive.dropped) == ("kitti-0007", "kitti_tracking", 10.0, ())
    # Car: centre half its height above (2, 1.7, 10) in the camera; (10, -2, -0.95) in the scanner, (10.8, -2.3, -0.15)
    # in the IMU, which looks north. Pedestrian: (5, 1, -0.8), (5.8, 0.7, 0), from a step east and 1 m up.
    places = _places(drive)
    np.testing.assert_allclose(places["3"], [2.3, 10.8, -0.15, QUARTER], atol=1e-9)
    np.testing.assert_allclose(places["4"], [STEP_M - 0.7, 5.8, 1.0, 0.0], atol=1e-6)
    car = drive.tracks[drive.tracks.track_id == "3"].iloc[0]
    assert car[["length_m", "width_m", "height_m"]].tolist() == [4.2, 1.8, 1.5]
    assert (car.source_row, car.timestamp_ns, car.category, car.raw_category) == (1, 0, Category.CAR, "Car")
    walker = drive.tracks[drive.tracks.track_id == "4"].iloc[0]
    assert (walker.source_row, walker.timestamp_ns) == (3, 100_000_000)


def test_the_recording_car_is_a_track_on_the_road(tmp_path: Path):
    ego = _read(_write(tmp_path)).tracks.query("is_ego")
    assert ego.track_id.tolist() == ["ego", "ego"]
    assert ego.timestamp_ns.tolist() == [0, 100_000_000]
    np.testing.assert_allclose(ego.heading_rad, QUARTER)
    np.testing.assert_allclose(ego.x_m, [0.32, 0.32 + STEP_M], atol=1e-6)
    np.testing.assert_allclose(ego.y_m, 1.35, atol=1e-9)
    np.testing.assert_allclose(ego.z_m - ego.height_m / 2, [-0.93, 0.07], atol=1e-9)  # the IMU rides 0.93 m above it


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_the_camera_stands_beside_the_grey_one(tmp_path: Path, ending: str):
    drive = _read(_write(tmp_path, ending=ending))
    camera = drive.cameras["image_02"]
    assert (camera.width_px, camera.height_px, camera.fx_px, camera.cy_px) == (120, 36, 700.0, 180.0)
    assert drive.frames.path.tolist() == [f"image_02/0007/{frame:06d}.{ending}" for frame in range(2)]
    # 0.1 m right of the scanner, which is at (0.8, -0.3, 0.8) in the IMU: (0.8, -0.4, 0.8), looking north.
    np.testing.assert_allclose(drive.frames.loc[0, ["x_m", "y_m", "z_m"]].to_numpy(float), [0.4, 0.8, 0.8], atol=1e-9)
    # Right is east, down is down, forward is north: a quarter turn about x.
    quaternion = drive.frames.loc[0, ["qw", "qx", "qy", "qz"]].to_numpy(float)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(quaternion * np.sign(quaternion[0]), [half, -half, 0.0, 0.0], atol=1e-9)


def test_turning_the_recording_car_turns_the_world_about_it(tmp_path: Path):
    labels, turn = LABELS[:1], 0.7
    before, after = (
        _places(_read(_write(tmp_path / name, labels=labels, yaw=yaw))) for name, yaw in (("a", 0.3), ("b", 0.3 + turn))
    )
    cos, sin = np.cos(turn), np.sin(turn)
    for name in ("3", "ego"):
        x, y, z, heading = before[name]
        np.testing.assert_allclose(after[name], [cos * x - sin * y, sin * x + cos * y, z, heading + turn], atol=1e-9)


def test_the_tracking_benchmarks_own_spelling_is_read(tmp_path: Path):
    own = {"P2:": "P2:", "R0_rect:": "R_rect", "Tr_velo_to_cam:": "Tr_velo_cam", "Tr_imu_to_velo:": "Tr_imu_velo"}
    renamed = {own[key]: values for key, values in CALIBRATION.items()}
    there = _read(_write(tmp_path / "a", calibration=renamed))
    np.testing.assert_array_equal(there.tracks.x_m, _read(_write(tmp_path / "b")).tracks.x_m)


def test_what_cannot_be_used_is_dropped_by_row_and_the_rest_read(tmp_path: Path):
    extra = ["1 5 Car 0 0", "x 5 Car 0 0 0 1 2 3 4 1.5 1.8 4.2 2 1.7 10 0", LABELS[0].replace("0 3", "2 3", 1)]
    extra += [LABELS[0].replace("4.2", word) for word in ("nan", "1e400", "1e300")]
    root = _write(tmp_path, labels=LABELS + extra)
    oxts = root / "oxts" / "0007.txt"
    oxts.write_text(oxts.read_text().splitlines()[0] + "\nsoon\n")
    drive = _read(root)
    assert sorted(drive.tracks.track_id) == ["3", "ego"]
    assert drive.frames.path.tolist() == ["image_02/0007/000000.png"]
    assert drive.dropped == (
        Dropped(where=f"{oxts}: row 2", reason="unreadable OXTS row"),
        Dropped(where=f"{root / 'label_02/0007.txt'}: row 4, 5, 7, 8, 9", reason="malformed label", count=5),
        Dropped(
            where=f"{root / 'label_02/0007.txt'}: row 3, 6", reason="no pose for its frame in oxts/0007.txt", count=2
        ),
        Dropped(where=f"{root / 'image_02/0007/000001.png'} and on", reason="no pose for its frame in oxts/0007.txt"),
    )


def test_without_images_there_is_no_camera_and_a_broken_one_hides_no_other(tmp_path: Path):
    root = _write(tmp_path)
    folder = root / "image_02" / "0007"
    first, second = sorted(folder.iterdir())
    first.write_bytes(b"")
    assert _read(root).cameras["image_02"].width_px == 120
    second.write_bytes(png_claiming(60_000, 60_000))  # 3.6 gigapixels, were it decoded
    drive = _read(root)
    assert drive.cameras == {}
    assert drive.dropped == (Dropped(where=str(folder), reason="no image can be read", count=2),)
    first.unlink()
    assert _read(root).notes == (f"{folder}: 1 of 2 frames have no image in it",)
    second.unlink()
    drive = _read(root)
    assert (drive.cameras, len(drive.frames), drive.dropped) == ({}, 0, ())
    assert drive.notes == (f"{folder}: 2 of 2 frames have no image in it",)
    folder.rmdir()
    folder.parent.rmdir()
    assert _read(root).notes == ()


def test_every_sequence_is_found_from_the_folder_and_its_parent(tmp_path: Path):
    root = _write(tmp_path / "training")
    (root / "label_02" / "0009.txt").write_text("")
    for path in (root, tmp_path):
        assert [(ref.name, ref.key) for ref in find_drives(path)] == [("kitti-0007", "0007"), ("kitti-0009", "0009")]


def _put(folder: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / folder / "0007.txt").write_text(text)


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no calib": (lambda root: (root / "calib" / "0007.txt").unlink(), r"calib/0007\.txt: is missing"),
    "short calib": (_put("calib", "P2: 1 2 3"), r"calib/0007\.txt: P2: is no usable 3 x 4 matrix"),
    "no matrix": (_put("calib", f"P2: {CALIBRATION['P2:']}"), r"calib/0007\.txt: lacks R0_rect or R_rect"),
    "flat matrix": (
        _put("calib", f"P2: {CALIBRATION['P2:']}\nR0_rect: 0 0 0 0 0 0 0 0 0"),
        r"calib/0007\.txt: R0_rect: is no usable 3 x 3 matrix",
    ),
    "no oxts": (lambda root: (root / "oxts" / "0007.txt").unlink(), r"oxts/0007\.txt: is missing"),
    "empty oxts": (_put("oxts", ""), r"oxts/0007\.txt: no row has a position"),
    "oxts nan": (_put("oxts", "nan nan nan nan nan nan"), r"oxts/0007\.txt: no row has a position"),
    "empty labels": (_put("label_02", ""), r"label_02/0007\.txt: has no label that can be placed"),
    "binary labels": (lambda root: (root / "label_02" / "0007.txt").write_bytes(b"\xff\xfe"), r"0007\.txt: is no text"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_useless_file_is_told_in_one_line(tmp_path: Path, mistake: str):
    change, message = MISTAKES[mistake]
    root = _write(tmp_path)
    change(root)
    assert_refused(root, message)
