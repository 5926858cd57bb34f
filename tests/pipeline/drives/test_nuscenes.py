from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.drives import nuscenes_tables
from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from tests.formats.kit import scene_until
from tests.formats.nuscenes import VERSION, write_nuscenes, write_table
from tests.formats.scene import START_NS, made_up_scene
from tests.refused import assert_refused

Row = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first second of the made-up scene: three keyframes, eleven images."""
    folder = tmp_path_factory.mktemp("written")
    write_nuscenes(folder, scene_until(made_up_scene(), START_NS + 1_000_000_000))
    return folder


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "nuscenes"))


def _rows(root: Path, table: str) -> list[Row]:
    return json.loads((root / VERSION / f"{table}.json").read_text())


def _change(root: Path, table: str, change: Callable[[list[Row]], list[Row]]) -> None:
    write_table(root, table, change(_rows(root, table)))


def _set(root: Path, table: str, row: int, **values: object) -> None:
    """Change values of a row, counted from 1."""
    _change(root, table, lambda rows: [{**old, **values} if n == row else old for n, old in enumerate(rows, 1)])


def _read(root: Path) -> Drive:
    (ref,) = find_drives(root)
    return read_drive(ref)


def test_boxes_poses_and_cameras_are_where_hand_computation_puts_them(root: Path):
    half = float(np.sqrt(0.5))
    north = [half, 0.0, 0.0, half]
    _change(root, "ego_pose", lambda rows: [{**row, "translation": [100, 200, 3], "rotation": north} for row in rows])
    _set(root, "sample_annotation", 1, translation=[1.0, 2.0, 3.0], size=[1.8, 4.2, 1.5], rotation=north)
    _set(root, "calibrated_sensor", 1, translation=[1.5, 0.2, 1.6])
    drive = _read(root)
    assert (drive.name, drive.format, drive.rate_hz) == ("nuscenes-scene-0001", "nuscenes", 2.0)
    box = drive.tracks[~drive.tracks.is_ego].iloc[0]
    assert box[["x_m", "y_m", "z_m", "length_m", "width_m", "height_m"]].tolist() == [1.0, 2.0, 3.0, 4.2, 1.8, 1.5]
    assert box.heading_rad == pytest.approx(np.pi / 2)
    assert (box.source_row, box.timestamp_ns) == (1, START_NS)
    ego = drive.tracks[drive.tracks.is_ego].iloc[0]
    # 1.385 m north of the rear axle, half its height above the ground; 4.084 m long, not wide.
    np.testing.assert_allclose(ego[["x_m", "y_m", "z_m", "heading_rad"]].to_list(), [100, 201.385, 3.781, np.pi / 2])
    assert ego[["length_m", "width_m", "height_m"]].tolist() == [4.084, 1.730, 1.562]
    assert (ego.track_id, ego.category) == ("ego", Category.CAR)
    frame = drive.frames.iloc[0]
    np.testing.assert_allclose(frame[["x_m", "y_m", "z_m"]].to_list(), [99.8, 201.5, 4.6])
    # Right is east, down is down, forward is north: a quarter turn about x.
    quaternion = np.array(frame[["qw", "qx", "qy", "qz"]].to_list())
    np.testing.assert_allclose(quaternion * np.sign(quaternion[0]), [half, -half, 0.0, 0.0], atol=1e-12)


def test_the_recording_car_is_measured_at_every_scan_and_without_a_lidar_at_every_image(root: Path):
    scans = [row for row in _rows(root, "sample_data") if "LIDAR" in row["filename"]]
    between = [row | {"timestamp": row["timestamp"] + 50_000, "is_key_frame": False} for row in scans]
    _change(root, "sample_data", lambda rows: rows + between)
    ego = _read(root).tracks.query("is_ego")
    assert sorted((ego.timestamp_ns - START_NS) // 1_000_000) == [0, 50, 500, 550, 1000, 1050]
    _change(root, "sample_data", lambda rows: [row for row in rows if "LIDAR" not in row["filename"]])
    ego = _read(root).tracks.query("is_ego")
    assert sorted((ego.timestamp_ns - START_NS) // 1_000_000) == list(range(0, 1001, 100))


# Tables taken away: what is left (agents' rows, ego's rows, frames), and what the notes say.
SUBSETS: dict[str, tuple[list[str], tuple[int, int, int], str]] = {
    "tracks alone": (["sample_data", "ego_pose", "calibrated_sensor", "sensor"], (15, 0, 0), "no recording car"),
    "no poses": (["ego_pose"], (15, 0, 0), "no recording car and no camera"),
    "no sensors": (["sensor"], (15, 11, 0), "no camera"),
    "no calibration": (["calibrated_sensor"], (15, 11, 0), "no camera"),
    "no kinds": (["category"], (15, 3, 11), "the kind of no agent is known"),
    "no instances": (["instance", "category"], (15, 3, 11), "the kind of no agent is known"),
    "no annotations": (["sample_annotation", "instance", "category"], (0, 3, 11), "no agent but the recording car"),
}


@pytest.mark.parametrize("subset", SUBSETS)
def test_a_subset_of_the_tables_is_read_as_far_as_it_goes(root: Path, subset: str):
    absent, counts, note = SUBSETS[subset]
    for table in absent:
        (root / VERSION / f"{table}.json").unlink()
    drive = _read(root)
    ego = drive.tracks.is_ego
    assert ((~ego).sum(), ego.sum(), len(drive.frames)) == counts
    assert drive.dropped == ()
    assert any(text.startswith(f"{root / VERSION / absent[0]}.json: is not there: ") for text in drive.notes)
    assert any(note in text for text in drive.notes)


def test_images_that_are_not_there_are_counted_once(root: Path):
    shutil.rmtree(root / "sweeps")
    drive = _read(root)
    assert len(drive.frames) == 3
    assert drive.notes == (f"{root / VERSION / 'sample_data.json'}: 8 of the scene's 11 images are not there",)
    shutil.rmtree(root / "samples")
    drive = _read(root)
    assert (len(drive.frames), drive.cameras, drive.dropped) == (0, {}, ())


def _second_scene(root: Path) -> None:
    """The same again, 500 m further, as scene-0002."""
    tables = {path.stem: _rows(root, path.stem) for path in (root / VERSION).glob("*.json")}
    for table in ("scene", "sample", "sample_data", "ego_pose", "sample_annotation", "instance"):
        more = [
            {
                key: f"{value}'" if key.endswith("token") and key[:3] not in ("cal", "cat") else value
                for key, value in row.items()
            }
            for row in tables[table]
        ]
        if table == "scene":
            more[0]["name"] = "scene-0002"
        if table in ("ego_pose", "sample_annotation"):
            more = [row | {"translation": [row["translation"][0] + 500.0, *row["translation"][1:]]} for row in more]
        write_table(root, table, [*tables[table], *more])


def test_every_scene_of_every_version_is_a_drive_of_its_own(root: Path):
    one = _read(root)
    _second_scene(root)
    shutil.copytree(root / VERSION, root / "v1.0-other")
    refs = find_drives(root)
    assert sorted(ref.key for ref in refs) == [
        *("v1.0-mini/scene-0001", "v1.0-mini/scene-0002", "v1.0-other/scene-0001", "v1.0-other/scene-0002")
    ]
    assert len({ref.name for ref in refs}) == 4
    first, second, *_ = (read_drive(ref) for ref in sorted(refs, key=lambda ref: ref.key))
    np.testing.assert_array_equal(first.tracks.x_m, one.tracks.x_m)
    np.testing.assert_allclose(second.tracks.x_m, one.tracks.x_m + 500.0)
    np.testing.assert_allclose(second.frames.x_m, one.frames.x_m + 500.0)


def test_the_tables_are_parsed_once_for_all_scenes_until_a_file_changes(root: Path):
    _second_scene(root)
    before = nuscenes_tables._read.cache_info().misses
    refs = find_drives(root)
    drives = [read_drive(ref) for ref in refs]
    assert nuscenes_tables._read.cache_info().misses == before + 1
    _set(root, "sample_annotation", 1, translation=[7.0, 7.0, 7.0])
    assert read_drive(refs[0]).tracks.x_m[0] == 7.0 != drives[0].tracks.x_m[0]
    (root / VERSION / "ego_pose.json").write_text('[{"token": ')
    before = nuscenes_tables._read.cache_info().misses
    for ref in refs:
        with pytest.raises(InputError, match=r"ego_pose\.json: row 1: is cut off"):
            read_drive(ref)
    assert nuscenes_tables._read.cache_info().misses == before + 1


def _add(table: str, row: object) -> Callable[[Path], None]:
    return lambda root: _change(root, table, lambda rows: [*rows, row])


def _put(table: str, row: int, **values: object) -> Callable[[Path], None]:
    return lambda root: _set(root, table, row, **values)


LENS = [[200.0, 0.0, 160.0], [0.0, 200.0, 90.0], [0.0, 0.0, 1.0]]
# What is done to a table of 15 boxes, 3 scans (rows 2, 8 and 14 of sample_data) and 11 images; the rows of which file
# are then left out and why; and how many boxes, scans and images are left.
LEFT_OUT: dict[str, tuple[Callable[[Path], None], str, str, tuple[int, int, int]]] = {
    "a number for a row": (
        _add("sample_annotation", 3),
        *("sample_annotation.json: row 16", "refers to no usable row of sample.json", (15, 3, 11)),
    ),
    "unknown keyframe": (
        _put("sample_annotation", 2, sample_token="gone"),
        *("sample_annotation.json: row 2", "refers to no usable row of sample.json", (14, 3, 11)),
    ),
    "no instance": (
        _put("sample_annotation", 2, instance_token=None),
        *("sample_annotation.json: row 2", "no usable instance_token", (14, 3, 11)),
    ),
    "the recording car's own id": (
        _put("sample_annotation", 2, instance_token="ego"),
        *("sample_annotation.json: row 2", "no usable instance_token", (14, 3, 11)),
    ),
    "no place": (
        _put("sample_annotation", 2, translation=[1.0, "x", 3.0]),
        *("sample_annotation.json: row 2", "unreadable translation", (14, 3, 11)),
    ),
    "no direction": (
        _put("sample_annotation", 2, rotation=[0.0, 0.0, 0.0, 0.0]),
        "sample_annotation.json: row 2",
        "rotation is no unit quaternion, the heading is taken as unknown",
        (15, 3, 11),
    ),
    "keyframe twice": (
        _add("sample", {"token": "sample0", "timestamp": 5, "scene_token": "scene"}),
        *("sample.json: row 4", "the token of an earlier row", (15, 3, 11)),
    ),
    "keyframe of no scene": (
        _add("sample", {"token": "more", "timestamp": 5, "scene_token": "gone"}),
        *("sample.json: row 4", "refers to no row of scene.json", (15, 3, 11)),
    ),
    "keyframe without a time": (
        _add("sample", {"token": "more", "timestamp": 10**30, "scene_token": "scene"}),
        *("sample.json: row 4", "unreadable timestamp", (15, 3, 11)),
    ),
    "scene without a name": (_add("scene", {"token": "more"}), "scene.json: row 2", "no name", (15, 3, 11)),
    "no token": (_add("instance", {"category_token": "vehicle.car"}), "instance.json: row 6", "no token", (15, 3, 11)),
    "scan of no pose": (
        _put("sample_data", 2, ego_pose_token="gone"),
        *("sample_data.json: row 2", "refers to no usable row of ego_pose.json", (15, 2, 11)),
    ),
    "image of a turned-to-nothing pose": (
        _put("ego_pose", 3, rotation=[9.0, 0.0, 0.0, 0.0]),
        *("sample_data.json: row 3", "refers to no usable row of ego_pose.json", (15, 3, 10)),
    ),
    "image without a time": (
        _put("sample_data", 3, timestamp="soon"),
        *("sample_data.json: row 3", "unreadable timestamp", (15, 3, 10)),
    ),
    "image of no sensor": (
        _put("sample_data", 3, calibrated_sensor_token="gone"),
        *("sample_data.json: row 3", "refers to no row of calibrated_sensor.json", (15, 3, 10)),
    ),
    "pose twice": (
        _add("ego_pose", {"token": "LIDAR_TOP0", "rotation": [1, 0, 0, 0], "translation": [0, 0, 0]}),
        *("ego_pose.json: row 15", "the token of an earlier row", (15, 3, 11)),
    ),
    "image without a size": (
        _put("sample_data", 3, width=-320),
        *("sample_data.json: row 3", "no width and height", (15, 3, 10)),
    ),
    "image of another size": (
        _put("sample_data", 3, width=640),
        *("sample_data.json: row 3", "unlike the camera's first image in size or intrinsics", (15, 3, 10)),
    ),
    "second calibration": (
        lambda root: (
            _add(
                "calibrated_sensor",
                {
                    **_rows(root, "calibrated_sensor")[0],
                    "token": "new",
                    "camera_intrinsic": [[201.0, 0, 160], *LENS[1:]],
                },
            )(root),
            _set(root, "sample_data", 3, calibrated_sensor_token="new"),
        )[0],
        *("sample_data.json: row 3", "unlike the camera's first image in size or intrinsics", (15, 3, 10)),
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_cannot_be_used_is_named_by_table_and_row_and_the_rest_read(root: Path, case: str):
    change, where, reason, left = LEFT_OUT[case]
    before = _read(root)
    change(root)
    drive = _read(root)
    assert [(entry.where, entry.reason) for entry in drive.dropped] == [(str(root / VERSION / where), reason)]
    assert ((~drive.tracks.is_ego).sum(), drive.tracks.is_ego.sum(), len(drive.frames)) == left
    assert drive.cameras == before.cameras
    assert drive.tracks.query("is_ego").track_id.unique().tolist() == ["ego"]


def test_an_agent_whose_kind_is_not_told_is_kept_and_noted(root: Path):
    _change(root, "instance", lambda rows: rows[1:])
    drive = _read(root)
    assert drive.tracks.query("track_id == 'lead'").category.unique().tolist() == [Category.OTHER]
    assert drive.notes == (
        f"{root / VERSION / 'sample_annotation.json'}: category '' is not known: 3 rows are taken as OTHER",
    )


def _write_over(table: str, content: bytes) -> Callable[[Path], None]:
    return lambda root: (root / VERSION / f"{table}.json").write_bytes(content) and None


MISTAKES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no scenes": (lambda root: (root / VERSION / "scene.json").unlink(), r"scene\.json: is missing"),
    "no keyframes": (lambda root: (root / VERSION / "sample.json").unlink(), r"sample\.json: is missing"),
    "scenes cut off": (_write_over("scene", b'[{"token": "scene", "na'), r"scene\.json: row 1: is cut off"),
    "no scene": (_write_over("scene", b"[]"), r"scene\.json: has no scene with a name"),
    "pickle": (_write_over("sample_annotation", b"\x80\x04\x95"), r"sample_annotation\.json: is no UTF-8 text"),
    "an object": (_write_over("sample_data", b'{"a": 1}'), r"sample_data\.json: is no JSON list"),
    "deep": (_write_over("category", b"[" * 10**6), r"category\.json: row 1: is cut off or no JSON"),
    "empty tables": (
        lambda root: (_write_over("sample_annotation", b"[]")(root), _write_over("ego_pose", b"[]")(root))[0],
        r"has neither annotations nor poses of scene 'scene-0001' \(refers to no usable row of ego_pose\.json\)",
    ),
    "up and away": (
        _put("sample_data", 3, filename="samples/../../secret.jpg"),
        r"sample_data\.json: row 3: filename 'samples/../../secret\.jpg' is absolute or leaves",
    ),
    "absolute": (
        _put("sample_data", 3, filename="/secret.jpg"),
        r"sample_data\.json: row 3: filename '/secret\.jpg' is",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_useless_file_is_told_in_one_line(root: Path, mistake: str):
    change, message = MISTAKES[mistake]
    change(root)
    assert_refused(root, message)
