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

    def local_ground(self, points_m: Float[np.ndarray, "*p 2"]) -> Float[np.ndarray, "*p 3"]:
        """Points on the ground in the camera's axes."""
        return points_m @ self.camera_from_world[:, :2].T - self.camera_from_world @ self.position_m

    def pixels(self, local_m: Float[np.ndarray, "*p 3"]) -> Float[np.ndarray, "*p 2"]:
        """Points in the camera's axes as (u, v) in pixels; meaningless nearer than ``NEAR_M``."""
        camera = self.camera
        pixels = np.empty((*local_m.shape[:-1], 2))
        nearness = 1.0 / np.maximum(local_m[..., 2], NEAR_M)
        np.multiply(local_m[..., 0], nearness * camera.fx_px, out=pixels[..., 0])
        np.multiply(local_m[..., 1], nearness * camera.fy_px, out=pixels[..., 1])
        pixels += (camera.cx_px, camera.cy_px)
        np.maximum(pixels, -_LIMIT_PX, out=pixels)
        return np.minimum(pixels, _LIMIT_PX, out=pixels)

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


def cut_near(local_m: Float[np.ndarray, "n p 3"]) -> Float[np.ndarray, "n q 3"]:
    """The parts of polygons beyond the near plane (Sutherland and Hodgman 1974, one plane).

    Args:
        local_m: Polygons that have a corner there.

    Returns:
        Polygons of twice as many corners, some of them repeated.
    """
    if not len(local_m):
        return np.zeros((0, 2 * local_m.shape[1], 3))
    following_m = np.roll(local_m, -1, axis=1)
    start_m, end_m = local_m[..., 2], following_m[..., 2]
    kept = start_m >= NEAR_M
    crossing = kept != (end_m >= NEAR_M)
    share = (NEAR_M - start_m) / np.where(crossing, end_m - start_m, 1.0)
    both_m = np.stack([local_m, local_m + (following_m - local_m) * share[..., None]], axis=2)
    there = np.stack([kept, crossing], axis=2).reshape(len(local_m), 2 * local_m.shape[1])
    # In place of each corner that is not there, the one before it; before the first one, the last.
    which = np.maximum.accumulate(np.where(there, np.arange(there.shape[1]), -1), axis=1)
    which = np.where(which < 0, which[:, -1:], which)
    return np.take_along_axis(both_m.reshape(*there.shape, 3), which[..., None], axis=1)


def fixed_point(pixels: Float[np.ndarray, "*p 2"]) -> np.ndarray:
    """Pixels as OpenCV's fixed-point numbers, where whole numbers are the pixels' middles."""
    return np.rint((pixels - 0.5) * (1 << SHIFT)).astype(np.int32)
