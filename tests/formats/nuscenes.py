"""The made-up scene as nuScenes writes it: keyframes at 2 Hz, images at 10 Hz, in the tables' own frames and units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from tests.formats.scene import CAMERA, CAMERA_IN_EGO_M, EGO_FROM_OPTICAL, MadeUpScene
from tests.formats.scene import RATE_HZ as SCENE_HZ

HOLDS: Final = frozenset({"ego", "categories", "headings", "sizes", "frames", "height"})
RATE_HZ: Final = 2.0
VERSION: Final = "v1.0-mini"
_EVERY: Final = round(SCENE_HZ / RATE_HZ)
_WORDS: Final = {
    Category.CAR: "vehicle.car",
    Category.TRUCK: "vehicle.truck",
    Category.BICYCLE: "vehicle.bicycle",
    Category.PEDESTRIAN: "human.pedestrian.adult",
}
# Poses are of the middle of the rear axle, on the ground; the recording car is a Renault Zoe, 1.562 m high.
_CENTRE_IN_EGO_M: Final = np.array([1.385, 0.0, 0.781])


def write_nuscenes(folder: Path, scene: MadeUpScene) -> None:
    ego = scene.tracks[scene.tracks["is_ego"]]
    turns = [_quaternion(heading) for heading in ego["heading_rad"]]
    centres = ego[["x_m", "y_m", "z_m"]].to_numpy()
    axles = [
        (centre - Rotation.from_quat(turn, scalar_first=True).apply(_CENTRE_IN_EGO_M)).tolist()
        for centre, turn in zip(centres, turns, strict=True)
    ]
    keyframes = range(0, len(scene.times_ns), _EVERY)
    samples = [
        {"token": f"sample{step}", "timestamp": int(scene.times_ns[step]) // 1000, "scene_token": "scene"}
        for step in keyframes
    ]
    poses, shots = [], []
    for step, time_ns in enumerate(scene.times_ns.tolist()):
        key = step in keyframes
        next_keyframe = min(-(-step // _EVERY) * _EVERY, keyframes[-1])
        for channel, ending in (("CAM_FRONT", "jpg"), *((("LIDAR_TOP", "pcd.bin"),) if key else ())):
            token, time_us = f"{channel}{step}", time_ns // 1000
            name = f"{'samples' if key else 'sweeps'}/{channel}/n000__{channel}__{time_us}.{ending}"
            poses.append({"token": token, "timestamp": time_us, "rotation": turns[step], "translation": axles[step]})
            shot = {"token": token, "sample_token": f"sample{next_keyframe}", "ego_pose_token": token}
            shot |= {"calibrated_sensor_token": f"calibrated{channel}", "timestamp": time_us, "is_key_frame": key}
            size = (CAMERA.width_px, CAMERA.height_px) if channel == "CAM_FRONT" else (0, 0)
            shots.append(shot | {"fileformat": ending, "width": size[0], "height": size[1], "filename": name})
            if channel == "CAM_FRONT":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / name), scene.image(step))
    tables: dict[str, list[dict[str, Any]]] = {
        "scene": [{"token": "scene", "log_token": "log", "nbr_samples": len(samples), "name": "scene-0001"}],
        "sample": samples,
        "sample_data": shots,
        "ego_pose": poses,
        "sensor": [
            {"token": "camera", "channel": "CAM_FRONT", "modality": "camera"},
            {"token": "lidar", "channel": "LIDAR_TOP", "modality": "lidar"},
        ],
        "calibrated_sensor": _calibrated_sensors(),
        **_annotations(scene),
    }
    for name, rows in tables.items():
        write_table(folder, name, rows)


def write_table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """As the publisher does: a list, each value on a line of its own."""
    (folder / VERSION).mkdir(parents=True, exist_ok=True)
    (folder / VERSION / f"{name}.json").write_text(json.dumps(rows, indent=0))


def _quaternion(heading_rad: float) -> list[float]:
    return Rotation.from_rotvec([0.0, 0.0, heading_rad]).as_quat(scalar_first=True).tolist()


def _calibrated_sensors() -> list[dict[str, Any]]:
    intrinsics = [[CAMERA.fx_px, 0.0, CAMERA.cx_px], [0.0, CAMERA.fy_px, CAMERA.cy_px], [0.0, 0.0, 1.0]]
    camera = {"token": "calibratedCAM_FRONT", "sensor_token": "camera", "camera_intrinsic": intrinsics}
    camera["translation"] = (CAMERA_IN_EGO_M + _CENTRE_IN_EGO_M).tolist()
    camera["rotation"] = EGO_FROM_OPTICAL.as_quat(scalar_first=True).tolist()
    lidar = {"token": "calibratedLIDAR_TOP", "sensor_token": "lidar", "camera_intrinsic": []}
    return [camera, lidar | {"translation": [0.9, 0.0, 1.8], "rotation": _quaternion(-np.pi / 2)}]


def _annotations(scene: MadeUpScene) -> dict[str, list[dict[str, Any]]]:
    """The boxes at the keyframes: global frame; width, length, height."""
    agents = scene.tracks[~scene.tracks["is_ego"]]
    first = agents.drop_duplicates("track_id")
    instances = [
        {"token": row.track_id, "category_token": _WORDS[Category(row.category)]} for row in first.itertuples()
    ]
    step_of = {time_ns: step for step, time_ns in enumerate(scene.times_ns.tolist()) if step % _EVERY == 0}
    boxes = [
        {
            "token": f"{row.track_id}@{step_of[row.timestamp_ns]}",
            "sample_token": f"sample{step_of[row.timestamp_ns]}",
            "instance_token": row.track_id,
            "attribute_tokens": [],
            "translation": [row.x_m, row.y_m, row.z_m],
            "size": [row.width_m, row.length_m, row.height_m],
            "rotation": _quaternion(row.heading_rad),
            "num_lidar_pts": 9,
        }
        for row in agents.itertuples()
        if row.timestamp_ns in step_of
    ]
    categories = [{"token": word, "name": word, "description": ""} for word in _WORDS.values()]
    return {"instance": instances, "sample_annotation": boxes, "category": categories}
