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
from tests.refused import assert_refused

DAY = "2011_09_26"
DRIVE = f"{DAY}/{DAY}_drive_0013_sync"
LABELS = f"{DRIVE}/tracklet_labels.xml"
# The scanner sits 0.8 m ahead, 0.3 m right and 0.8 m above the IMU, the grey camera in it, the left colour camera 0.1 m
# right of that, the right one 0.6 m.
CALIBRATION = {
    "calib_cam_to_cam.txt": """calib_time: 09-Jan-2012 13:57:47
S_02: 1.392000e+03 5.120000e+02
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 700 0 600 -70 0 700 180 0 0 0 1 0
P_rect_03: 700 0 600 -420 0 700 180 0 0 0 1 0
""",
    "calib_velo_to_cam.txt": "R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\ndelta_f: 0 0\n",
    "calib_imu_to_velo.txt": "R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n",
}
NOON_NS = 1_317_038_400_000_000_000  # 2011-09-26 12:00:00, were it UTC
STEP_M = np.deg2rad(1e-4) * 6378137.0  # a ten-thousandth of a degree along the equator
QUARTER = float(np.pi / 2)


def _pose(x: object, y: object, z: object, turn: object) -> str:
    return f"<item>\n<tx>{x}</tx><ty>{y}</ty><tz>{z}</tz><rx>0</rx><ry>0</ry><rz>{turn}</rz><state>2</state></item>"


def _tracklet(word: str, *poses: str, first: object = 0, height: object = 1.5) -> str:
    told = f"<objectType>{word}</objectType><h>{height}</h><w>1.8</w><l>4.2</l><first_frame>{first}</first_frame>"
    inside = "\n".join(poses)
    return f"<item>{told}\n<poses><count>{len(poses)}</count>\n{inside}\n</poses><finished>1</finished></item>"


def _labels(*tracklets: str, doctype: str = "<!DOCTYPE boost_serialization>") -> str:
    start = f'<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n{doctype}\n<boost_serialization><tracklets>\n'
    return start + "\n".join(tracklets) + "\n</tracklets></boost_serialization>\n"


VAN = _tracklet("Van", _pose(10, 2, -1.7, 0), _pose(11, 2, -1.7, QUARTER))
WALKER = _tracklet("Person (sitting)", _pose(5, -1, -1.7, -QUARTER), first=1, height=1.2)


def _write(root: Path, labels: str | None = None, *, cameras: tuple[str, ...] = ("image_02",)) -> Path:
    """Two frames at the equator, 0.1 s apart, the second a step further east and 1 m higher; the car looks north."""
    drive = root / DRIVE
    files = {f"{DAY}/{name}": text for name, text in CALIBRATION.items()}
    files |= {LABELS: labels or _labels(VAN, WALKER)}
    for sensor, late_ns in {"oxts": 0, "image_02": 3, "image_03": 4}.items():
        if sensor == "oxts" or sensor in cameras:
            times = [f"2011-09-26 12:00:0{frame // 10}.{frame % 10}0000000{late_ns}" for frame in range(2)]
            files[f"{DRIVE}/{sensor}/timestamps.txt"] = "\n".join(times) + "\n"
    for frame in range(2):
        pose = f"0.0 {1e-4 * frame + 8.0} {100.0 + frame} 0 0 {QUARTER} 0 0 0"
        files[f"{DRIVE}/oxts/data/{frame:010d}.txt"] = pose + "\n"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for camera in cameras:
        (drive / camera / "data").mkdir()
        for frame in range(2):
            cv2.imwrite(str(drive / camera / "data" / f"{frame:010d}.png"), np.zeros((36, 120, 3), np.uint8))
    return root


def _read(root: Path) -> Drive:
    (ref,) = find_drives(root)
    return read_drive(ref)


def test_tracklets_come_into_the_world_where_hand_computation_puts_them(tmp_path: Path):
    drive = _read(_write(tmp_path))
    assert (drive.name, drive.format, drive.rate_hz) == ("kitti-2011_09_26_drive_0013", "kitti_raw", 10.0)
    assert (drive.dropped, drive.notes) == ((), ())
    # The van's middle is half its height above (10, 2, -1.7): (10.8, 1.7, -0.15) in the IMU, which looks north.
    van = drive.tracks[drive.tracks.track_id == "0"]
    np.testing.assert_allclose(van[["x_m", "y_m", "z_m"]], [[-1.7, 10.8, -0.15], [STEP_M - 1.7, 11.8, 0.85]], atol=1e-6)
    np.testing.assert_allclose(van.heading_rad, [QUARTER, np.pi])
    assert van[["length_m", "width_m", "height_m"]].to_numpy().tolist() == [[4.2, 1.8, 1.5]] * 2
    assert set(van.category) == {Category.VAN}
    walker = drive.tracks[drive.tracks.track_id == "1"].squeeze()
    np.testing.assert_allclose(walker[["x_m", "y_m", "z_m"]].astype(float), [STEP_M + 1.3, 5.8, 0.7], atol=1e-6)
    assert (walker.category, walker.raw_category) == (Category.PEDESTRIAN, "Person (sitting)")
    line = (tmp_path / LABELS).read_text().splitlines()[walker.source_row - 1]
    assert line == "<item>"
    ego = drive.tracks[drive.tracks.is_ego]
    assert ego.track_id.tolist() == ["ego", "ego"]
    np.testing.assert_allclose(ego[["x_m", "y_m"]], [[0.32, 1.35], [STEP_M + 0.32, 1.35]], atol=1e-6)


def test_times_are_exact_and_of_the_local_clock_images_have_their_own(tmp_path: Path):
    drive = _read(_write(tmp_path))
    times = [NOON_NS, NOON_NS + 100_000_000]
    assert drive.tracks[drive.tracks.is_ego].timestamp_ns.tolist() == times
    assert drive.tracks[drive.tracks.track_id == "0"].timestamp_ns.tolist() == times
    assert drive.frames.timestamp_ns.tolist() == [time + 3 for time in times]


def test_both_colour_cameras_are_read(tmp_path: Path):
    drive = _read(_write(tmp_path, cameras=("image_02", "image_03")))
    assert list(drive.cameras) == ["image_02", "image_03"]
    assert (drive.cameras["image_03"].width_px, drive.cameras["image_03"].fx_px) == (120, 700.0)
    first = drive.frames.groupby("camera").first()
    assert first.path.tolist() == [f"{name}/data/0000000000.png" for name in ("image_02", "image_03")]
    # 0.1 m and 0.6 m right of the scanner, which is at (0.8, -0.3, 0.8) in the IMU, looking north.
    np.testing.assert_allclose(first[["x_m", "y_m", "z_m"]], [[0.4, 0.8, 0.8], [0.9, 0.8, 0.8]], atol=1e-9)


def test_what_cannot_be_used_is_dropped_by_line_or_file_and_the_rest_read(tmp_path: Path):
    unplaced = _tracklet("Car", *[_pose(1, 2, 3, 0)] * 3, first=1)
    malformed = _tracklet("Car", _pose("soon", 2, 3, 0), _pose("1e400", 2, 3, 0))
    tall = _tracklet("Car", _pose(1, 2, 3, 0), height="tall")
    root = _write(tmp_path, _labels(VAN, unplaced, malformed, tall))
    data = root / DRIVE / "oxts" / "data"
    (data / "0000000007.txt").write_text("49 8 100 0 0 0")
    drive = _read(root)
    assert drive.tracks.groupby("track_id").size().to_dict() == {"0": 2, "1": 1, "ego": 2}
    labels = root / LABELS
    line = dict(enumerate(labels.read_text().splitlines(), start=1))
    poses = [number for number, text in line.items() if text == "<item>"]
    assert drive.dropped == (
        Dropped(where=f"{data}: 0000000007.txt", reason="no time for its frame in oxts/timestamps.txt"),
        Dropped(
            where=f"{labels}: row {poses[7]}",
            reason="pose of a tracklet without a class, a size or a first frame",
        ),
        Dropped(where=f"{labels}: row {poses[5]}, {poses[6]}", reason="malformed pose", count=2),
        Dropped(where=f"{labels}: row {poses[3]}, {poses[4]}", reason="no pose for its frame in oxts/data", count=2),
    )


def test_a_frame_without_pose_or_time_costs_that_frame_alone(tmp_path: Path):
    for name, broken in (
        ("data/0000000001.txt", "49 8"),
        ("timestamps.txt", "2011-09-26 12:00:00.0\n2011-02-31 12:00:00"),
    ):
        root = _write(tmp_path / name[:4])
        (root / DRIVE / "oxts" / name).write_text(broken)
        drive = _read(root)
        assert drive.tracks.groupby("track_id").size().to_dict() == {"0": 1, "ego": 1}
        assert len(drive.frames) == 1
        assert sorted(entry.reason for entry in drive.dropped)[:2] == ["no pose for its frame in oxts/data"] * 2


def test_missing_images_and_times_of_images_are_told(tmp_path: Path):
    root = _write(tmp_path)
    folder = root / DRIVE / "image_02"
    (folder / "data" / "0000000001.png").unlink()
    (folder / "timestamps.txt").unlink()
    drive = _read(root)
    assert drive.frames.timestamp_ns.tolist() == [NOON_NS]
    assert drive.notes == (
        f"{folder / 'timestamps.txt'}: is missing; images have the times of their frames' OXTS measurements",
        f"{folder / 'data'}: 1 of 2 frames have no image in it",
    )
    assert drive.dropped == ()


def _put(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text(text)


def _gone(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
OUTSIDE = '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no labels": (_gone(LABELS), r"tracklet_labels\.xml: is missing; download the drive's tracklets"),
    "empty labels": (_put(LABELS, ""), r"tracklet_labels\.xml: line 1: is not XML \(no element found\)"),
    "cut labels": (_put(LABELS, _labels(VAN)[:-60]), r"tracklet_labels\.xml: line \d+: is not XML"),
    "other xml": (_put(LABELS, "<html/>"), r"tracklet_labels\.xml: has no tracklets"),
    "laughs": (
        _put(LABELS, _labels("&l9;", doctype=f'<!DOCTYPE b [<!ENTITY l0 "ha">{LAUGHS}]>')),
        r"tracklet_labels\.xml: is refused: it is hostile \(EntitiesForbidden\)",
    ),
    "outside": (_put(LABELS, _labels("&x;", doctype=OUTSIDE)), r"is refused: it is hostile \(EntitiesForbidden\)"),
    "deep": (_put(LABELS, "<a>" * 500_000), r"tracklet_labels\.xml: is not XML \(nested or repeated without end\)"),
    "encoding": (_put(LABELS, '<?xml version="1.0" encoding="klingon"?><a/>'), r"tracklet_labels\.xml: .*is not XML"),
    "late labels": (_put(LABELS, _labels(_tracklet("Car", _pose(1, 2, 3, 0), first=10**8))), "no label that can be pl"),
    "no calibration": (_gone(f"{DAY}/calib_imu_to_velo.txt"), r"calib_imu_to_velo\.txt: is missing"),
    "no rotation": (
        _put(f"{DAY}/calib_velo_to_cam.txt", "R: 1 0 0 0 1 0 0 0 -1\nT: 0 0 0"),
        r"calib_velo_to_cam\.txt: R: is no usable 3 x 3 matrix",
    ),
    "no translation": (
        _put(f"{DAY}/calib_velo_to_cam.txt", "R: 1 0 0 0 1 0 0 0 1\n"),
        r"calib_velo_to_cam\.txt: lacks T",
    ),
    "no projection": (_put(f"{DAY}/calib_cam_to_cam.txt", "R_rect_00: 1 0 0 0 1 0 0 0 1"), r"lacks P_rect_02"),
    "no times": (_gone(f"{DRIVE}/oxts/timestamps.txt"), r"oxts/timestamps\.txt: is missing"),
    "other times": (
        _put(f"{DRIVE}/oxts/timestamps.txt", "9999-01-01 00:00:00\n"),
        r"timestamps\.txt: has no line like",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_useless_file_is_told_in_one_line(tmp_path: Path, mistake: str):
    change, message = MISTAKES[mistake]
    root = _write(tmp_path)
    change(root)
    assert_refused(root, message)
