"""One camera at one place: from world metres to image pixels, cut at the near plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.drives.drive import Camera

NEAR_M: Final = 0.3  # nothing nearer along the optical axis is drawn
SHIFT: Final = 4  # OpenCV draws in sixteenths of a pixel
_LIMIT_PX: Final = 6000.0  # further outside the image, points are clamped, so that OpenCV's fixed point holds them


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A camera's intrinsics and its place in the world.

    Attributes:
        camera: Intrinsics; pixel (i, j) covers i <= u < i + 1 and j <= v < j + 1.
        position_m: In the world.
        camera_from_world: A rotation, to optical axes: x right, y down, z forward.
    """

    camera: Camera
    position_m: Float[np.ndarray, "3"]
    camera_from_world: Float[np.ndarray, "3 3"]

    def local(self, points_m: Float[np.ndarray, "*p 3"]) -> Float[np.ndarray, "*p 3"]:
        """World points in the camera's axes."""
        return (points_m - self.position_m) @ self.camera_from_world.T

    def pixels(self, local_m: Float[np.ndarray, "*p 3"]) -> Float[np.ndarray, "*p 2"]:
        """Points in the camera's axes as (u, v) in pixels; meaningless nearer than ``NEAR_M``."""
        camera = self.camera
        focal = np.array([camera.fx_px, camera.fy_px])
        centre = np.array([camera.cx_px, camera.cy_px])
        depth_m = np.maximum(local_m[..., 2:], NEAR_M)
        return np.clip(local_m[..., :2] / depth_m * focal + centre, -_LIMIT_PX, _LIMIT_PX)

    def horizon_px(self) -> float:
        """The row of the horizon at the middle column; outside the image where the camera looks far up or down."""
        up = self.camera_from_world[:, 2]
        slope = np.clip(up[2] / max(-up[1], 1e-6), -10.0, 10.0)
        return self.camera.cy_px + self.camera.fy_px * float(slope)

    def image_from_ground(self) -> Float[np.ndarray, "3 3"]:
        """The homography from (x, y, 1) on the ground to (u, v, 1) times depth."""
        camera = self.camera
        intrinsics = np.array([[camera.fx_px, 0.0, camera.cx_px], [0.0, camera.fy_px, camera.cy_px], [0.0, 0.0, 1.0]])
        columns = self.camera_from_world[:, :2]
        origin = -self.camera_from_world @ self.position_m
        return intrinsics @ np.column_stack([columns, origin])


def view_of(camera: Camera, *, position_m: Float[np.ndarray, "3"], quaternion_wxyz: Float[np.ndarray, "4"]) -> View:
    """The view of a camera posed as in the neutral layout (world from camera)."""
    w, x, y, z = quaternion_wxyz / np.linalg.norm(quaternion_wxyz)
    world_from_camera = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return View(
        camera=camera,
        position_m=np.asarray(position_m, dtype=np.float64),
        camera_from_world=np.ascontiguousarray(world_from_camera.T),
    )


def cut_near(local_m: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "q 3"]:
    """The part of a polygon beyond the near plane (Sutherland and Hodgman 1974, one plane)."""
    following_m = np.roll(local_m, -1, axis=0)
    kept: list[np.ndarray] = []
    for start, end in zip(local_m, following_m, strict=True):
        if start[2] >= NEAR_M:
            kept.append(start)
        if (start[2] >= NEAR_M) != (end[2] >= NEAR_M):
            kept.append(start + (end - start) * ((NEAR_M - start[2]) / (end[2] - start[2])))
    return np.array(kept).reshape(-1, 3)


def fixed_point(pixels: Float[np.ndarray, "*p 2"]) -> np.ndarray:
    """Pixels as OpenCV's fixed-point numbers, where whole numbers are the pixels' middles."""
    return np.rint((pixels - 0.5) * (1 << SHIFT)).astype(np.int32)
