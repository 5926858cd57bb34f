"""The ego's cameras: where they are mounted, what they see, and their poses on a drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.drives.drive import Camera

FIELD_OF_VIEW_RAD: Final = np.deg2rad(70.0)  # horizontal


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """Where a camera sits on the ego, level.

    Attributes:
        forward_m: From the centre of the ego's box.
        left_m: Likewise.
        height_m: Over the ground.
        yaw_rad: Counter-clockwise from straight ahead.
    """

    forward_m: float
    left_m: float
    height_m: float
    yaw_rad: float


# Behind the windscreen; the ones at the sides overlap the front one by ten degrees.
CAMERAS: Final[dict[str, Mount]] = {
    "front": Mount(forward_m=0.6, left_m=0.0, height_m=1.5, yaw_rad=0.0),
    "front_left": Mount(forward_m=0.5, left_m=0.5, height_m=1.5, yaw_rad=np.deg2rad(60.0)),
    "front_right": Mount(forward_m=0.5, left_m=-0.5, height_m=1.5, yaw_rad=np.deg2rad(-60.0)),
}


def camera_of(*, width_px: int, height_px: int) -> Camera:
    """The pinhole camera behind every mount, with square pixels."""
    focal_px = width_px / 2.0 / np.tan(FIELD_OF_VIEW_RAD / 2.0)
    return Camera(
        width_px=width_px,
        height_px=height_px,
        fx_px=float(focal_px),
        fy_px=float(focal_px),
        cx_px=width_px / 2.0,
        cy_px=height_px / 2.0,
    )


def camera_pose(
    mount: Mount, *, x_m: float, y_m: float, heading_rad: float
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 4"]]:
    """The place of a camera in the world, and the unit quaternion (w, x, y, z) that turns its optical axes into it.

    Args:
        mount: One of ``CAMERAS``.
        x_m: Centre of the ego's box.
        y_m: Likewise.
        heading_rad: Of the ego.
    """
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    position = np.array(
        [
            x_m + cos * mount.forward_m - sin * mount.left_m,
            y_m + sin * mount.forward_m + cos * mount.left_m,
            mount.height_m,
        ]
    )
    half = (heading_rad + mount.yaw_rad) / 2.0
    # A turn about z after (1, -1, 1, -1) / 2, which looks along x: right is -y, down is -z.
    near, far = (np.cos(half) + np.sin(half)) / 2.0, (np.cos(half) - np.sin(half)) / 2.0
    return position, np.array([near, -near, far, -far])
