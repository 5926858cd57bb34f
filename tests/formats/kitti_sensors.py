"""KITTI's recording car for the made-up scene: where its sensors sit, and what OXTS measures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from tests.formats.scene import CAMERA, CAMERA_IN_EGO_M, EGO_FROM_OPTICAL, MadeUpScene

WORDS: Final = {
    Category.CAR: "Car",
    Category.TRUCK: "Truck",
    Category.BICYCLE: "Cyclist",
    Category.PEDESTRIAN: "Pedestrian",
}
START: Final = (49.0150, 8.4340, 116.4)  # in Karlsruhe: degrees north and east, metres up
EARTH_RADIUS_M: Final = 6378137.0
CENTRE_IN_IMU_M: Final = np.array([1.35, -0.32, -0.19])  # of the car's box

Matrices = Float[np.ndarray, "*n 4 4"]


def pose(turn: Rotation, place_m: Float[np.ndarray, "*n 3"]) -> Matrices:
    """Rigid motions as matrices."""
    matrix = np.zeros((*place_m.shape[:-1], 4, 4))
    matrix[..., :3, :3], matrix[..., :3, 3], matrix[..., 3, 3] = turn.as_matrix(), place_m, 1.0
    return matrix


# Every sensor is askew in a way of its own, so that a transform that is left out or turned round shows. The colour
# camera looks straight ahead, as the scene's does; it sits beside the left grey one, whose axes the rectified are.
VELO_FROM_IMU: Final = pose(Rotation.from_euler("ZYX", [0.02, -0.01, 0.015]), np.array([-0.81, 0.32, -0.80]))
RECT_FROM_CAM: Final = pose(Rotation.from_euler("ZYX", [-0.008, 0.012, 0.004]), np.zeros(3))
COLOUR_IN_RECT_M: Final = np.array([0.06, -0.0003, 0.0027])
IMU_FROM_RECT: Final = pose(EGO_FROM_OPTICAL, CENTRE_IN_IMU_M + CAMERA_IN_EGO_M) @ pose(
    Rotation.identity(), -COLOUR_IN_RECT_M
)
CAM_FROM_VELO: Final = np.linalg.inv(VELO_FROM_IMU @ IMU_FROM_RECT @ RECT_FROM_CAM)
_INTRINSICS: Final = np.array([[CAMERA.fx_px, 0, CAMERA.cx_px], [0, CAMERA.fy_px, CAMERA.cy_px], [0, 0, 1.0]])
PROJECTION: Final = np.concatenate([_INTRINSICS, -(_INTRINSICS @ COLOUR_IN_RECT_M)[:, None]], axis=1)


def world_from_imu(scene: MadeUpScene) -> Matrices:
    """At every step."""
    ego = scene.tracks[scene.tracks["is_ego"]]
    turn = Rotation.from_rotvec(np.outer(ego["heading_rad"].to_numpy(), [0.0, 0.0, 1.0]))
    return pose(turn, ego[["x_m", "y_m", "z_m"]].to_numpy() - turn.apply(CENTRE_IN_IMU_M))


def oxts_lines(poses: Matrices) -> list[str]:
    """What OXTS measures, the first at ``START``: the raw devkit's Mercator projection turned round.

    Latitude, longitude, altitude, roll, pitch and yaw, then 24 values that say how fast, how exact and in which state.
    """
    x, y, z = (poses[:, :3, 3] - poses[0, :3, 3]).T
    scale_m = EARTH_RADIUS_M * np.cos(np.deg2rad(START[0]))
    mercator = np.log(np.tan(np.pi / 4 + np.deg2rad(START[0]) / 2)) + y / scale_m
    latitude = np.rad2deg(2 * np.arctan(np.exp(mercator)) - np.pi / 2)
    longitude = START[1] + np.rad2deg(x / scale_m)
    yaw, pitch, roll = Rotation.from_matrix(poses[:, :3, :3]).as_euler("ZYX").T
    rows = np.stack([latitude, longitude, START[2] + z, roll, pitch, yaw], axis=-1)
    return [" ".join([*(f"{value:.13f}" for value in row), *["0.1"] * 19, "4 11 6 6 6"]) for row in rows]


def agents_in(scene: MadeUpScene, sensor_from_world: Matrices, up: Float[np.ndarray, " 3"]) -> pd.DataFrame:
    """The agents' rows with ``step``, the middle of the box's bottom (x, y, z) and the heading's direction (fx to fz).

    Args:
        scene: Whose.
        sensor_from_world: At every step.
        up: Along the boxes' height, in the sensor's coordinates.
    """
    agents = scene.tracks[~scene.tracks["is_ego"]].reset_index(drop=True)
    step = np.searchsorted(scene.times_ns, agents["timestamp_ns"])
    heading = agents["heading_rad"].to_numpy()
    ahead = np.stack([np.cos(heading), np.sin(heading), np.zeros_like(heading)], axis=-1)
    matrix = sensor_from_world[step]
    centre = np.einsum("nij,nj->ni", matrix[:, :3, :3], agents[["x_m", "y_m", "z_m"]].to_numpy()) + matrix[:, :3, 3]
    bottom = centre - up * agents[["height_m"]].to_numpy() / 2
    forward = np.einsum("nij,nj->ni", matrix[:, :3, :3], ahead)
    columns = dict(zip(("x", "y", "z"), bottom.T, strict=True)) | dict(zip(("fx", "fy", "fz"), forward.T, strict=True))
    return agents.assign(step=step, word=agents["category"].map(lambda number: WORDS[Category(number)]), **columns)


def matrix_line(key: str, values: Float[np.ndarray, "*s"]) -> str:
    """As calibration files have matrices, row by row."""
    return f"{key} {' '.join(f'{value:.12e}' for value in np.ravel(values))}"


def write_lines(file: Path, lines: list[str]) -> None:
    """With the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def write_images(folder: Path, scene: MadeUpScene, *, digits: int) -> None:
    """One PNG per step, named by its number."""
    folder.mkdir(parents=True)
    for step in range(len(scene.times_ns)):
        cv2.imwrite(str(folder / f"{step:0{digits}d}.png"), scene.image(step))
