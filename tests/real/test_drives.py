"""The readers against the real recordings: counts, physics, and boxes that fall on the cars in the pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jaxtyping import Float

from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import Drive, project
from pipeline.drives.registry import find_drives, read_drive
from tests.formats.any_drive import turn_from_motion_rad
from tests.formats.scene import box_corners

pytestmark = pytest.mark.real


@cache
def _drives(path: Path) -> dict[str, Drive]:
    return {ref.name: read_drive(ref) for ref in find_drives(path)}


@pytest.fixture
def kitti(shared_data: Path) -> Drive:
    return _drives(shared_data / "kitti")["kitti-0000"]


@pytest.fixture
def nuscenes(shared_data: Path) -> Drive:
    return _drives(shared_data / "nuscenes")["nuscenes-scene-0523"]


@pytest.fixture
def pandaset(shared_data: Path) -> Drive:
    return _drives(shared_data / "drives" / "pandaset-002")["pandaset-002"]


def _bounds_px(drive: Drive, tracks: pd.DataFrame, frames: pd.DataFrame) -> Float[np.ndarray, "n 4"]:
    """Left, top, right and bottom of every row's projected box in the frame beside it, cut at the image's edges.

    NaN where a corner is less than half a metre ahead of the camera.
    """
    camera = drive.cameras[frames["camera"].iloc[0]]
    seen = project(
        box_corners(tracks),
        camera=camera,
        position_m=frames[["x_m", "y_m", "z_m"]].to_numpy()[:, None],
        quaternion_wxyz=frames[["qw", "qx", "qy", "qz"]].to_numpy()[:, None],
    )
    size = np.array([camera.width_px - 1, camera.height_px - 1])
    low, high = np.clip(seen[..., :2].min(1), 0, size), np.clip(seen[..., :2].max(1), 0, size)
    return np.where((seen[..., 2].min(1) > 0.5)[:, None], np.concatenate([low, high], axis=1), np.nan)


def _iou(a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    common = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(1)
    return common / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - common)


def test_the_shared_folders_hold_the_drives_that_their_readme_lists(shared_data: Path):
    assert list(_drives(shared_data / "kitti")) == list(_drives(shared_data / "kitti" / "training")) == ["kitti-0000"]
    drives = _drives(shared_data / "drives")
    assert len([name for name in drives if name.startswith("nuscenes-")]) == 8
    assert len(drives) == 9
    for name, drive in drives.items():
        assert drive.dropped == drive.notes == (), name
        assert drive.tracks.loc[drive.tracks.is_ego, "track_id"].nunique() == 1
        seconds = np.ptp(drive.tracks.timestamp_ns) / 1e9
        assert seconds == pytest.approx(8.0 if name == "pandaset-002" else 20.0, abs=1.0)
        assert drive.rate_hz == (10.0 if name == "pandaset-002" else 2.0)


def test_kitti_has_its_frames_and_labels(kitti: Drive):
    assert len(kitti.frames) == 154
    assert set(np.diff(kitti.frames.timestamp_ns)) == {100_000_000}
    camera = kitti.cameras["image_02"]
    assert (camera.width_px, camera.height_px) == (1242, 375)
    assert kitti.dropped == ()
    assert kitti.tracks[~kitti.tracks.is_ego].raw_category.value_counts().to_dict() == {
        "Van": 292,
        "Car": 243,
        "Cyclist": 154,
        "Pedestrian": 22,
    }
    assert kitti.tracks.is_ego.sum() == 154


def test_pandaset_has_its_agents_and_frames(pandaset: Drive):
    # 97 agents, the recording vehicle among them, and four cones.
    agents = pandaset.tracks.groupby("track_id").category.first()
    assert (agents != Category.STATIC).sum() == 97
    assert (agents == Category.STATIC).sum() == 4
    assert (agents == Category.OTHER).sum() == 0
    assert pandaset.frames.camera.value_counts().tolist() == [80, 80, 80]
    assert all((pandaset.path / path).is_file() for path in pandaset.frames.path)


def test_nuscenes_has_its_keyframes_annotations_and_images(nuscenes: Drive):
    agents, ego = nuscenes.tracks[~nuscenes.tracks.is_ego], nuscenes.tracks[nuscenes.tracks.is_ego]
    assert agents.timestamp_ns.nunique() == 40
    assert agents.track_id.nunique() == 155
    assert agents.raw_category.value_counts().to_dict() == {
        "vehicle.car": 757,
        "movable_object.barrier": 632,
        "vehicle.trailer": 440,
        "vehicle.truck": 287,
        "movable_object.trafficcone": 164,
        "movable_object.debris": 121,
        "human.pedestrian.adult": 70,
        "vehicle.construction": 40,
        "vehicle.emergency.police": 39,
        "vehicle.bicycle": 28,
        "vehicle.motorcycle": 19,
        "human.pedestrian.construction_worker": 14,
        "vehicle.bus.rigid": 14,
    }
    assert len(ego) == 391  # every scan of the lidar, keyframe or not
    assert ego.timestamp_ns.sort_values().diff().median() == pytest.approx(50e6, rel=0.02)
    assert set(nuscenes.frames.camera.value_counts()) == {40}
    assert {(camera.width_px, camera.height_px) for camera in nuscenes.cameras.values()} == {(1600, 900)}
    assert len(nuscenes.cameras) == 6
    assert nuscenes.dropped == ()
    (note,) = nuscenes.notes
    assert note.endswith("sample_data.json: 1148 of the scene's 1388 images are not there")  # those of sweeps


def test_nuscenes_recording_car_drives_as_its_heading_says_on_one_road_with_the_others(nuscenes: Drive):
    tracks = nuscenes.tracks.assign(bottom_m=nuscenes.tracks.z_m - nuscenes.tracks.height_m / 2)
    ego = tracks[tracks.is_ego].sort_values("timestamp_ns")
    xy = ego[["x_m", "y_m"]].to_numpy()
    motion = xy[20:] - xy[:-20]  # a second's
    turn = np.angle(np.exp(1j * (np.arctan2(motion[:, 1], motion[:, 0]) - ego.heading_rad.to_numpy()[10:-10])))
    assert np.hypot(*motion.T).min() > 2.0
    assert np.median(np.abs(turn)) < np.deg2rad(1.0)
    lead = tracks[tracks.track_id == "f9f53d95260f47ce8a988e21f75809b5"]
    assert np.abs(lead.bottom_m - np.interp(lead.timestamp_ns, ego.timestamp_ns, ego.bottom_m)).max() < 0.4


def test_vehicles_of_nuscenes_that_are_seen_for_long_stay_parked_or_drive(nuscenes: Drive):
    agents = nuscenes.tracks[nuscenes.tracks.category.isin([Category.CAR, Category.TRUCK, Category.TRAILER])]
    agents = agents[~agents.is_ego].groupby("track_id")
    span_m = np.hypot(agents.x_m.max() - agents.x_m.min(), agents.y_m.max() - agents.y_m.min())
    seen_long = agents.size() >= 20  # ten seconds
    # Two kinds, and nothing between them.
    assert (span_m[seen_long] < 2.0).sum() == 26
    assert (span_m[seen_long] > 50.0).sum() == 5
    assert seen_long.sum() == 31


def test_parked_cars_of_kitti_stay_where_they_are_while_the_recording_car_drives_by(kitti: Drive):
    ego = kitti.tracks[kitti.tracks.is_ego]
    assert np.hypot(ego.x_m - ego.x_m.iloc[0], ego.y_m - ego.y_m.iloc[0]).max() > 50.0
    parked = kitti.tracks[kitti.tracks.raw_category == "Car"].groupby("track_id")
    assert len(parked) == 9
    spread_m = [np.hypot(track.x_m - track.x_m.median(), track.y_m - track.y_m.median()).max() for _, track in parked]
    assert sum(spread < 0.5 for spread in spread_m) == 8
    assert max(spread_m) < 1.2  # one that is labelled in eight frames alone, cut off by the image's edge
    for _, track in parked:
        assert np.ptp(np.unwrap(track.heading_rad)) < np.deg2rad(6.0)


def test_kittis_recording_car_and_the_others_stand_on_one_road(kitti: Drive):
    tracks = kitti.tracks.assign(bottom_m=kitti.tracks.z_m - kitti.tracks.height_m / 2)
    ego = tracks[tracks.is_ego].set_index("timestamp_ns").bottom_m
    van = tracks[tracks.track_id == "0"].set_index("timestamp_ns").bottom_m  # drives ahead of it
    assert (van - ego).abs().median() < 0.2


def test_headings_agree_with_motion(shared_data: Path, kitti: Drive):
    drives = {"kitti-0000": kitti, **_drives(shared_data / "drives")}
    for name, drive in drives.items():
        turns = turn_from_motion_rad(drive, group=Group.VEHICLE, over_s=1.0)
        assert len(turns) > 30, name
        assert np.median(np.abs(turns)) < np.deg2rad(4.0), name


def test_projected_boxes_fall_on_kittis_own_boxes(kitti: Drive):
    label_file = (kitti.path / "label_02" / "0000.txt").read_text().splitlines()
    tracks = kitti.tracks[~kitti.tracks.is_ego]
    labels = [label_file[row - 1].split() for row in tracks.source_row]
    frames = kitti.frames.set_index("timestamp_ns").loc[tracks.timestamp_ns]
    iou = _iou(_bounds_px(kitti, tracks, frames), np.array([[float(word) for word in row[6:10]] for row in labels]))
    visible = np.array([row[3] == row[4] == "0" for row in labels]) & np.isfinite(iou)
    assert visible.sum() > 300
    assert np.median(iou[visible]) > 0.95
    assert np.percentile(iou[visible], 5) > 0.9


# What is seen in each picture, measured by eye: left, top, right and bottom of the visible vehicle, and its number
# plate (or, without one in sight, a point amid it).
PANDASET, NUSCENES = "drives/pandaset-002", "nuscenes"
SEEN = {
    (PANDASET, "front_camera", 1557539956950306816): {
        "5efc9139": ((384, 267, 552, 412), (469, 340)),  # white SUV ahead
        "ed323433": ((78, 255, 194, 327), (112, 306)),  # dark SUV that comes towards us
        "92b61b3d": ((629, 270, 860, 430), (787, 349)),  # parked SUV
        "410fda6c": ((331, 258, 363, 340), (346, 326)),  # scooter with its rider
    },
    (PANDASET, "front_camera", 1557539961449960960): {
        "5efc9139": ((421, 265, 526, 354), (474, 309)),  # white SUV ahead
        "0d238564": ((58, 290, 286, 435), (130, 354)),  # dark hatchback that overtakes on the left
        "7ed5e06e": ((607, 270, 818, 425), (750, 382)),  # parked pickup
    },
    (PANDASET, "front_left_camera", 1557539960439516928): {
        "0d238564": ((669, 283, 932, 432), (721, 341)),  # the same hatchback
        "49914840": ((386, 266, 505, 317), (445, 288)),  # parked delivery van
        "fa77ad4e": ((470, 283, 590, 330), (530, 305)),  # parked estate
    },
    (NUSCENES, "CAM_FRONT", 1535639717612404000): {
        "3eb2d19a363b416ca8b6e1075d4c8a51": ((209, 434, 542, 657), (312, 611)),  # police car that faces us
        "f9f53d95260f47ce8a988e21f75809b5": ((918, 475, 1061, 584), (974, 524)),  # dark saloon ahead
    },
    (NUSCENES, "CAM_FRONT", 1535639723662499000): {
        "f9f53d95260f47ce8a988e21f75809b5": ((637, 489, 775, 584), (727, 532)),  # the same
    },
    (NUSCENES, "CAM_FRONT", 1535639730662404000): {
        "f9f53d95260f47ce8a988e21f75809b5": ((1149, 476, 1230, 541), (1189, 506)),  # the same
    },
}


@pytest.mark.parametrize("frame", SEEN, ids=str)
def test_projected_boxes_fall_on_the_vehicles_that_the_eye_sees(shared_data: Path, frame: tuple[str, str, int]):
    folder, camera, timestamp_ns = frame
    (drive,) = _drives(shared_data / folder).values()
    frames, tracks = drive.frames, drive.tracks[~drive.tracks.is_ego]
    shot = frames[(frames.camera == camera) & (frames.timestamp_ns == timestamp_ns)]
    times = tracks.timestamp_ns.unique()
    nearest = times[np.abs(times - timestamp_ns).argmin()]  # the scanner's sweep, up to 50 ms away
    tracks = tracks[tracks.timestamp_ns == nearest].set_index("track_id").loc[list(SEEN[frame])]
    bounds = _bounds_px(drive, tracks, shot.iloc[[0] * len(tracks)])
    visible = np.array([box for box, _ in SEEN[frame].values()], dtype=float)
    for (left, top, right, bottom), (u, v) in zip(bounds, (point for _, point in SEEN[frame].values()), strict=True):
        assert left < u < right
        assert top < v < bottom
    # A box is a little larger than what is seen of the vehicle in it.
    assert _iou(bounds, visible).min() > 0.5
    assert _iou(bounds, visible).mean() > 0.65
