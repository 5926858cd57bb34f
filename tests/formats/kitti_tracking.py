"""The made-up scene as the KITTI tracking benchmark writes it: boxes in rectified camera coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from tests.formats.kitti_sensors import (
    CAM_FROM_VELO,
    IMU_FROM_RECT,
    PROJECTION,
    RECT_FROM_CAM,
    VELO_FROM_IMU,
    agents_in,
    matrix_line,
    oxts_lines,
    world_from_imu,
    write_images,
    write_lines,
)
from tests.formats.scene import MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "headings", "sizes", "frames", "height"})
SEQUENCE: Final = "0007"


def write_kitti_tracking(folder: Path, scene: MadeUpScene) -> None:
    """Sequence ``SEQUENCE`` as the training set has it."""
    poses = world_from_imu(scene)
    write_lines(folder / "oxts" / f"{SEQUENCE}.txt", oxts_lines(poses))
    rigid = {"R_rect": RECT_FROM_CAM[:3, :3], "Tr_velo_cam": CAM_FROM_VELO[:3], "Tr_imu_velo": VELO_FROM_IMU[:3]}
    calibration = {f"P{number}:": PROJECTION for number in range(4)} | rigid
    write_lines(folder / "calib" / f"{SEQUENCE}.txt", [matrix_line(*item) for item in calibration.items()])
    write_lines(folder / "label_02" / f"{SEQUENCE}.txt", _labels(scene, np.linalg.inv(poses @ IMU_FROM_RECT)))
    write_images(folder / "image_02" / SEQUENCE, scene, digits=6)


def _labels(scene: MadeUpScene, rect_from_world: np.ndarray) -> list[str]:
    """Sorted by frame: track, type, truncated, occluded, alpha, box in the image, size, place, rotation_y."""
    agents = agents_in(scene, rect_from_world, up=np.array([0.0, -1.0, 0.0]))
    number = {name: str(index) for index, name in enumerate(agents["track_id"].unique())}
    lines = ["0 -1 DontCare -1 -1 -10 219.31 188.49 245.50 218.56 -1000 -1000 -1000 -10 -1 -1 -1"]
    for row in agents.itertuples():
        turn = np.arctan2(-row.fz, row.fx)
        size = f"{row.height_m:.6f} {row.width_m:.6f} {row.length_m:.6f}"
        place = f"{row.x:.6f} {row.y:.6f} {row.z:.6f} {turn:.6f}"
        lines.append(f"{row.step} {number[row.track_id]} {row.word} 0 0 -1.5 1 2 3 4 {size} {place}")
    return lines
