"""The calibration file of a KITTI sequence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.drives.drive import Camera
from pipeline.errors import InputError

# The tracking benchmark's own files and copies made from the object benchmark spell the keys differently.
_KEYS: Final = {
    "P2": ("P2",),
    "R0_rect": ("R0_rect", "R_rect"),
    "Tr_velo_to_cam": ("Tr_velo_to_cam", "Tr_velo_cam"),
    "Tr_imu_to_velo": ("Tr_imu_to_velo", "Tr_imu_velo"),
}
_SHAPES: Final = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4), "Tr_imu_to_velo": (3, 4)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Where the left colour camera sits.

    Attributes:
        projection: Pixels from rectified camera coordinates (``P2``): intrinsics times (identity, offset).
        imu_from_rect: From rectified camera coordinates to the IMU's.
    """

    projection: Float[np.ndarray, "3 4"]
    imu_from_rect: Float[np.ndarray, "4 4"]

    @property
    def camera_in_rect_m(self) -> Float[np.ndarray, " 3"]:
        """The colour camera's place in rectified coordinates, whose origin is the left grey camera."""
        return -np.linalg.solve(self.projection[:, :3], self.projection[:, 3])

    def camera(self, width_px: int, height_px: int) -> Camera:
        """The pinhole camera, for images of a size."""
        (fx, _, cx), (_, fy, cy), _ = self.projection[:, :3].tolist()
        return Camera(width_px=width_px, height_px=height_px, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)


def read_calibration(path: Path) -> Calibration:
    """Read ``calib/NNNN.txt``.

    Raises:
        InputError: The file or a key is missing, or a matrix cannot be used.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "take it from the same KITTI download") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "cannot be read as text", "take it from the same KITTI download") from error
    content = {words[0].rstrip(":"): words[1:] for line in lines if (words := line.split())}
    matrix: dict[str, Float[np.ndarray, "4 4"]] = {}
    for key, spellings in _KEYS.items():
        words = next((content[spelling] for spelling in spellings if spelling in content), None)
        if words is None:
            raise InputError(path, f"lacks {' or '.join(spellings)}", "take it from the same KITTI download")
        matrix[key] = _matrix(words, key=key, path=path)
    rect_from_imu = matrix["R0_rect"] @ matrix["Tr_velo_to_cam"] @ matrix["Tr_imu_to_velo"]
    return Calibration(projection=matrix["P2"][:3], imu_from_rect=np.linalg.inv(rect_from_imu))


def _matrix(words: list[str], *, key: str, path: Path) -> Float[np.ndarray, "4 4"]:
    """A matrix's numbers, filled up to 4 x 4."""
    rows, columns = _SHAPES[key]
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        values = np.empty(0)
    full = np.eye(4)
    if len(values) == rows * columns:
        full[:rows, :columns] = values.reshape(rows, columns)
    if len(values) != rows * columns or abs(np.linalg.det(full[:3, :3])) < 0.5 or not np.isfinite(full).all():
        todo = "take the file from the same KITTI download"
        raise InputError(f"{path}: {key}", f"is no usable {rows} x {columns} matrix", todo)
    return full
