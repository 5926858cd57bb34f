"""From cells of a map back to the ground that they show."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.drives.drive import Camera


def ground_points(
    shape: tuple[int, int],
    *,
    camera: Camera,
    pose: Float[np.ndarray, " 7"],
    floor_m: float,
    input_px: tuple[int, int],
    stride_px: int,
) -> tuple[Float[np.ndarray, "y x 2"], Float[np.ndarray, "y x"]]:
    """Where the ray through each cell's centre meets level ground.

    Args:
        shape: Height and width of the map.
        camera: Of the frame.
        pose: Of the camera in the world: place and quaternion (w, x, y, z; optical axes).
        floor_m: Height of the ground.
        input_px: Width and height that the frame is resized to.
        stride_px: Resized pixels from one cell to the next; see ``scene.sample.map_cells``.

    Returns:
        World places, and how far from the camera; zero and infinite where the ray does not meet the ground.
    """
    scale = np.asarray([camera.width_px, camera.height_px]) / np.asarray(input_px)
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    pixel = (np.stack([columns, rows], axis=-1) * stride_px + 0.5) * scale
    ray = np.stack(
        [
            (pixel[..., 0] - camera.cx_px) / camera.fx_px,
            (pixel[..., 1] - camera.cy_px) / camera.fy_px,
            np.ones(shape),
        ],
        axis=-1,
    )
    w, axis = pose[3], pose[4:]
    cross = np.cross(axis, ray)
    ray = ray + 2.0 * w * cross + 2.0 * np.cross(axis, cross)  # turned by the unit quaternion
    falls = ray[..., 2] < -1e-6
    way = np.where(falls, (floor_m - pose[2]) / np.where(falls, ray[..., 2], -1.0), np.inf)
    meets = falls & (way > 0.0)
    offset_m = np.where(meets[..., None], np.where(meets, way, 0.0)[..., None] * ray, 0.0)
    distance_m = np.where(meets, np.linalg.norm(offset_m, axis=-1), np.inf)
    return np.where(meets[..., None], pose[:2] + offset_m[..., :2], 0.0), distance_m
