"""What nuScenes' cameras and lidar recorded, when and from where."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pipeline.drives.json_rows import Rows, floats, integers, texts
from pipeline.drives.nuscenes_samples import Samples
from pipeline.drives.nuscenes_version import XYZ, Version, joined, numbers, table, times_ns
from pipeline.drives.quaternions import unit_quaternions

LIDAR: Final = "LIDAR_TOP"
POSE: Final = (*XYZ, "qw", "qx", "qy", "qz")
INTRINSICS: Final = ("fx_px", "fy_px", "cx_px", "cy_px")

_SENSOR_COLUMNS: Final[dict[str, str]] = {
    "channel": "str",
    "is_camera": "bool",
    **dict.fromkeys((*POSE, *INTRINSICS), "float64"),
}
_SHOT_COLUMNS: Final[dict[str, str]] = {
    "source_row": "int64",
    "scene": "int32",
    "timestamp_ns": "int64",
    "sensor": "int32",
    "pose": "int32",
    "width_px": "int64",
    "height_px": "int64",
    "filename": "str",
}
_MOST_PIXELS: Final = 100_000  # of an image's side
_MOST_M: Final = 1e8  # coordinates on earth stay below it


def read_sensors(version: Version) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows of calibrated_sensor.

    Returns:
        channel (empty where unknown), is_camera, ``POSE`` (ego from sensor) and ``INTRINSICS``, the last two NaN where
        they cannot be used; and the number of each row by its token.
    """
    kind_of_token: dict[str, int] = {}
    channels, cameras = [], []
    for _, rows in version.keyed("sensor", kind_of_token):
        channels += texts(rows, "channel")
        cameras += [modality == "camera" for modality in texts(rows, "modality")]
    channels, cameras = [*channels, ""], [*cameras, False]  # what -1 refers to
    number_of_token: dict[str, int] = {}
    parts: list[pd.DataFrame] = []
    for source_row, rows in version.keyed("calibrated_sensor", number_of_token):
        kind = numbers(texts(rows, "sensor_token"), kind_of_token)
        if "sensor" in version.there:
            version.leave_out("calibrated_sensor", "refers to no row of sensor.json", source_row[kind < 0])
        matrix = floats(rows, "camera_intrinsic", shape=(3, 3))
        intrinsics = matrix[:, [0, 1, 0, 1], [0, 1, 2, 2]]
        bounded = (np.abs(intrinsics) < _MOST_PIXELS) & (intrinsics > [0.0, 0.0, -np.inf, -np.inf])
        columns = {
            "channel": [channels[number] for number in kind],
            "is_camera": [cameras[number] for number in kind],
            **dict(zip(POSE, _poses_of(rows).T, strict=True)),
            **dict(zip(INTRINSICS, np.where(bounded.all(axis=1, keepdims=True), intrinsics, np.nan).T, strict=True)),
        }
        parts.append(table(columns, _SENSOR_COLUMNS))
    return joined(parts, _SENSOR_COLUMNS), number_of_token


def read_shots(
    version: Version, samples: Samples, *, sensors: pd.DataFrame, sensor_of_token: dict[str, int]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows of sample_data of cameras, of the lidar ``LIDAR`` and of sensors unknown; not those of radars.

    Returns:
        source_row, scene, timestamp_ns, sensor and pose (numbers of rows; -1 for an unknown sensor), width_px,
        height_px (timestamp and sizes ``ABSENT`` where unreadable) and, of cameras, filename; and the number of each
        pose that is referred to by its token.
    """
    channel, is_camera = sensors["channel"].to_numpy(), sensors["is_camera"].to_numpy(np.bool_)
    wanted = np.append(is_camera | (channel == LIDAR) | (channel == ""), True)  # -1 too
    is_camera = np.append(is_camera, False)
    pose_of_token: dict[str, int] = {}
    parts: list[pd.DataFrame] = []
    for every_row, every in version.chunks("sample_data"):
        sensor = numbers(texts(every, "calibrated_sensor_token"), sensor_of_token)
        kept = np.flatnonzero(wanted[sensor])
        source_row, sensor, rows = every_row[kept], sensor[kept], [every[index] for index in kept]
        scene = samples.scene_of(rows, table="sample_data", source_row=source_row, version=version)[0]
        named = zip(texts(rows, "filename"), is_camera[sensor], strict=True)
        columns = {
            "source_row": source_row,
            "scene": scene,
            "timestamp_ns": times_ns(rows),
            "sensor": sensor,
            "pose": [pose_of_token.setdefault(token, len(pose_of_token)) for token in texts(rows, "ego_pose_token")],
            "width_px": integers(rows, "width", most=_MOST_PIXELS),
            "height_px": integers(rows, "height", most=_MOST_PIXELS),
            "filename": [name if camera else "" for name, camera in named],
        }
        parts.append(table(columns, _SHOT_COLUMNS)[scene >= 0])
    return joined(parts, _SHOT_COLUMNS), pose_of_token


def read_poses(version: Version, pose_of_token: dict[str, int]) -> Float[np.ndarray, "p 7"]:
    """World from ego, ``POSE``, of those rows of ego_pose that are referred to; NaN where there is no usable one."""
    poses = np.full((len(pose_of_token), 7), np.nan)
    seen = np.zeros(len(pose_of_token), dtype=np.bool_)
    for source_row, rows in version.chunks("ego_pose"):
        tokens = texts(rows, "token")
        number = numbers(tokens, pose_of_token)
        asked = np.flatnonzero((number >= 0) & (np.array(tokens) != ""))
        each, first = np.unique(number[asked], return_index=True)
        new: Bool[np.ndarray, " n"] = np.zeros(len(rows), dtype=np.bool_)
        new[asked[first[~seen[each]]]] = True
        seen[each] = True
        version.leave_out("ego_pose", "the token of an earlier row", source_row[asked[~new[asked]]])
        poses[number[new]] = _poses_of(rows)[new]
    return poses


def _poses_of(rows: Rows) -> Float[np.ndarray, "n 7"]:
    """Place and unit quaternion; NaN throughout where one of them cannot be used."""
    place = floats(rows, "translation", shape=(3,))
    pose = np.concatenate([place, unit_quaternions(floats(rows, "rotation", shape=(4,)))], axis=1)
    bounded = np.abs(pose) < _MOST_M  # NaN is not
    return np.where(bounded.all(axis=1, keepdims=True), pose, np.nan)
