from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import shapely

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import Dropped, InputError
from tests.claimed_png import png_claiming
from tests.refused import assert_refused

KEY = "video_2011_09_26__2011_09_26_drive_0013_sync"
MAP = "maps/2011_09_26__2011_09_26_drive_0013_sync_map.png"
EGO = {"trajectory": [[94.5, 95.5, 96.5], [165.0, 165.0, 165.25]], "cls": "Car", "start": 0, "end": 2}
VAN = {"trajectory": [[110.0, 111.0], [160.0, 160.0]], "cls": "Van", "start": 1, "end": 2}
ONCE = {"trajectory": [120.0, 150.0], "cls": "Pedestrian", "start": 2, "end": 2}


def _write(folder: Path, content: Any = None, *, levels: np.ndarray | None = None) -> Path:
    content = {KEY: {"track_0": EGO, "track_1": VAN, "track_5": ONCE}} if content is None else content
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kitti_dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))
    levels = _levels() if levels is None else levels
    (folder / "maps").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / MAP), levels)
    return folder


def _levels() -> np.ndarray:
    """A road 3 pixels wide with a hole in it, among other ground."""
    levels = np.full((8, 10), 4, np.uint8)
    levels[2:5, 1:9] = 1
    levels[3, 6] = 0
    levels[5] = 2
    return levels


def _read(folder: Path) -> Drive:
    (ref,) = find_drives(folder)
    return read_drive(ref)


def test_tracks_have_their_frames_and_a_y_that_points_to_the_left_of_x(tmp_path: Path):
    drive = _read(_write(tmp_path))
    assert (drive.name, drive.format, drive.rate_hz) == (
        "kitti-forecasting-2011_09_26_drive_0013",
        "kitti_forecasting",
        10,
    )
    assert (drive.dropped, drive.notes) == ((), ())
    tracks = drive.tracks.groupby("track_id")
    ego, van, once = (tracks.get_group(name) for name in ("ego", "track_1", "track_5"))
    assert ego[["timestamp_ns", "x_m", "y_m"]].to_numpy().tolist() == [
        [0, 94.5, -165.0],
        [100_000_000, 95.5, -165.0],
        [200_000_000, 96.5, -165.25],  # to the right
    ]
    assert (ego.is_ego.all(), van.is_ego.any(), set(ego.raw_category)) == (True, False, {"Car"})
    assert (van.timestamp_ns.tolist(), van.source_row.tolist()) == ([100_000_000, 200_000_000], [1, 2])
    assert once[["timestamp_ns", "x_m", "y_m", "category"]].to_numpy().tolist() == [
        [200_000_000, 120.0, -150.0, Category.PEDESTRIAN]
    ]
    assert drive.tracks[["heading_rad", "length_m", "width_m", "height_m"]].isna().all(axis=None)


def test_the_road_lies_under_the_tracks_pixel_by_pixel(tmp_path: Path):
    drive = _read(_write(tmp_path))
    assert drive.map is not None
    # Columns 1 to 8 and rows 2 to 4 are x from 0.5 to 4.5 m and y down from -1 to -2.5 m; the hole is 0.5 m wide.
    road = shapely.box(0.5, -2.5, 4.5, -1.0) - shapely.box(3.0, -2.0, 3.5, -1.5)
    assert drive.map.drivable_area.equals(road)
    assert drive.map.drivable_area.area == (24 - 1) * 0.25


def test_without_the_recording_car_there_is_none_and_a_note(tmp_path: Path):
    for number, content in enumerate(({"track_1": VAN}, {"track_0": VAN, "track_1": EGO})):
        drive = _read(_write(tmp_path / str(number), {KEY: content}))
        assert set(drive.tracks.track_id) == set(content)
        assert not drive.tracks.is_ego.any()
        where = f"{tmp_path / str(number) / 'kitti_dataset.json'}: {KEY}"
        what = "'track_0' is not there all the time, so it is not the recording car: the drive has none"
        assert drive.notes == (f"{where}: {what}",)


BROKEN_TRACKS: dict[str, Any] = {
    "short": VAN | {"end": 5},
    "backwards": VAN | {"start": 2, "end": 1},
    "negative": VAN | {"start": -1, "end": 0},
    "late": VAN | {"start": 10**15, "end": 10**15 + 1},
    "fraction": VAN | {"start": 1.0},
    "flag": VAN | {"start": True},
    "words": VAN | {"trajectory": [["1", "2"], [1, 2]]},
    "ragged": VAN | {"trajectory": [[1, 2], [1]]},
    "deep": VAN | {"trajectory": [[[1], [2]], [[1], [2]]]},
    "three": VAN | {"trajectory": [[1, 2], [1, 2], [1, 2]]},
    "list": [1, 2, 3],
    "": VAN,
}


def test_malformed_tracks_are_dropped_by_name_and_the_rest_read(tmp_path: Path):
    drive = _read(_write(tmp_path, {KEY: {"track_0": EGO} | BROKEN_TRACKS}))
    assert set(drive.tracks.track_id) == {"ego"}
    where = f"{tmp_path / 'kitti_dataset.json'}: {KEY}"
    assert [entry.where for entry in drive.dropped] == [f"{where}: {name}" for name in BROKEN_TRACKS]
    assert {entry.reason for entry in drive.dropped} == {
        "no name, or no trajectory of two lists as long as its frames from start to end"
    }
    counts = {entry.where.removeprefix(f"{where}: "): entry.count for entry in drive.dropped}
    assert (counts["short"], counts["list"]) == (2, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is not JSON"),
        ("[]", r"is not a JSON object"),
        ("{}", r"has no drives"),
        (json.dumps({KEY: {"track_0": EGO}})[:-30], r"is not JSON \(parse error: premature EOF\)"),
        (f'{{"{KEY}": {{}}, "{KEY}": {{}}}}', rf"json: {KEY}: is there twice"),
        ('{"a": ' + "[" * 1_000_000, r"is nested more than 10 deep"),
        ('{"a": ' * 1000, r"is nested more than 10 deep"),
        ('{"a": NaN}', r"is not JSON"),
        ('{"a": 1e400}', r"is not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", r"is not JSON"),
    ],
)
def test_a_broken_file_is_one_drive_whose_reading_says_so(tmp_path: Path, content: str, message: str):
    _write(tmp_path, content or " ")
    assert_refused(tmp_path, message)


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ([], r"drive_0013_sync: is no object of tracks"),
        ({}, r"drive_0013_sync: has no usable track"),
        ({"ego": EGO}, r"has a track of the name 'ego'"),
    ],
)
def test_a_drive_without_tracks_leaves_the_others_alone(tmp_path: Path, tracks: Any, message: str):
    other = KEY.replace("13", "14")
    broken, good = find_drives(_write(tmp_path, {KEY: tracks, other: {"track_0": EGO}}))
    with pytest.raises(InputError, match=message):
        read_drive(broken)
    assert len(read_drive(good).tracks) == 3


def test_a_track_that_is_there_twice_is_refused(tmp_path: Path):
    track = json.dumps(VAN)
    (ref,) = find_drives(_write(tmp_path, f'{{"{KEY}": {{"a": {track}, "a": {track}}}}}'))
    with pytest.raises(InputError, match="json: a: is there twice"):
        read_drive(ref)


MAPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "bomb": (lambda path: path.write_bytes(png_claiming(60_000, 60_000, colours=0)), "more than 64 megapixels"),
    "large": (lambda path: path.write_bytes(png_claiming(5000, 5000, colours=0)), "more than 16 megapixels"),
    "no pixels": (lambda path: path.write_bytes(png_claiming(50, 50, colours=0)), "damaged image"),
    "colours": (lambda path: cv2.imwrite(str(path), np.ones((8, 8, 3), np.uint8)), "no 8-bit grey PNG"),
    "deep": (lambda path: cv2.imwrite(str(path), np.ones((8, 8), np.uint16)), "no 8-bit grey PNG"),
    "photograph": (lambda path: cv2.imwrite(str(path), _levels() * 60), "grey levels other than 0 to 4"),
    "noise": (
        lambda path: cv2.imwrite(str(path), (np.indices((800, 800)).sum(axis=0) % 2).astype(np.uint8)),
        "outlines without end",
    ),
    "text": (lambda path: path.write_text("road"), "not a JPEG or PNG image"),
    "folder": (lambda path: path.unlink() or path.mkdir(), "missing file"),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_that_cannot_be_used_costs_the_map_alone(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]):
    change, reason = MAPS[name]
    path = _write(tmp_path) / MAP
    change(path)
    drive = _read(tmp_path)
    assert drive.map is None
    assert drive.dropped == (Dropped(where=str(path), reason=f"map not used: {reason}"),)
    assert len(drive.tracks) == 6


def test_no_map_and_no_road_are_noted(tmp_path: Path):
    path = _write(tmp_path, levels=np.zeros((8, 8), np.uint8)) / MAP
    drive = _read(tmp_path)
    assert (drive.map, drive.notes) == (None, (f"{path}: has no pixel of road, so the drive has no map",))
    path.unlink()
    drive = _read(tmp_path)
    assert (drive.map, drive.notes) == (None, (f"{path}: is missing, so the drive has no map",))


def test_a_drives_name_leads_out_of_no_folder(tmp_path: Path):
    folder = _write(tmp_path / "release", {"../../outside": {"track_0": EGO}, "a\nb": {"track_0": EGO}})
    cv2.imwrite(str(tmp_path / "outside_map.png"), _levels())
    for ref in find_drives(folder):
        assert "/" not in ref.name
        drive = read_drive(ref)
        assert drive.map is None
        assert all("\n" not in note for note in drive.notes)
