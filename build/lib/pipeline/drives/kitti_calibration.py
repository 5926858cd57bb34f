"""Where the sensors of KITTI's recording car sit: the calibration files of the tracking benchmark and of raw drives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.drives.drive import Camera
from pipeline.drives.kitti_text import TODO, floats, read_lines
from pipeline.errors import InputError

CAMERAS: Final = {"image_02": "2", "image_03": "3"}  # the left and the right colour camera
# The tracking benchmark's own files and copies made from the object benchmark spell the keys differently.
_RECT: Final = ("R0_rect", "R_rect")
_VELO_TO_CAM: Final = ("Tr_velo_to_cam", "Tr_velo_cam")
_IMU_TO_VELO: Final = ("Tr_imu_to_velo", "Tr_imu_velo")

Matrix = Float[np.ndarray, "4 4"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Where the laser scanner and the colour cameras sit.

    Attributes:
        imu_from_velo: From the scanner's coordinates to the IMU's.
        imu_from_rect: From rectified camera coordinates to the IMU's.
        projections: Pixels from rectified camera coordinates (``P2``, ``P3``) by camera: intrinsics times (identity,
            offset), filled up to 4 x 4. The left camera's is always there.
    """

    imu_from_velo: Matrix
    imu_from_rect: Matrix
    projections: Mapping[str, Matrix]

    def camera_in_rect_m(self, name: str) -> Float[np.ndarray, " 3"]:
        """A colour camera's place in rectified coordinates, whose origin is the left grey camera."""
        projection = self.projections[name]
        return -np.linalg.solve(projection[:3, :3], projection[:3, 3])

    def camera(self, name: str, *, width_px: int, height_px: int) -> Camera:
        """The pinhole camera, for images of a size."""
        (fx, _, cx), (_, fy, cy), _ = self.projections[name][:3, :3].tolist()
        return Camera(width_px=width_px, height_px=height_px, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)


def read_tracking_calibration(path: Path) -> Calibration:
    """Read ``calib/NNNN.txt`` of the tracking benchmark.

    Raises:
        InputError: The file or a key is missing, or a matrix cannot be used.
    """
    content = _Content(path)
    projections = content.projections("P{}")
    rect_from_velo = content.rigid(*_RECT, columns=3) @ content.rigid(*_VELO_TO_CAM)
    return _calibration(projections, rect_from_velo, velo_from_imu=content.rigid(*_IMU_TO_VELO))


def read_raw_calibration(folder: Path) -> Calibration:
    """Read the three ``calib_*_to_*.txt`` in the folder of a raw recording's day.

    Raises:
        InputError: A file or a key is missing, or a matrix cannot be used.
    """
    cameras = _Content(folder / "calib_cam_to_cam.txt")
    projections = cameras.projections("P_rect_0{}")
    rect_from_velo = (
        cameras.rigid("R_rect_00", columns=3) @ _Content(folder / "calib_velo_to_cam.txt").turned_and_moved()
    )
    velo_from_imu = _Content(folder / "calib_imu_to_velo.txt").turned_and_moved()
    return _calibration(projections, rect_from_velo, velo_from_imu=velo_from_imu)


def _calibration(projections: dict[str, Matrix], rect_from_velo: Matrix, *, velo_from_imu: Matrix) -> Calibration:
    return Calibration(
        imu_from_velo=np.linalg.inv(velo_from_imu),
        imu_from_rect=np.linalg.inv(rect_from_velo @ velo_from_imu),
        projections=projections,
    )


class _Content:
    """A calibration file: matrices by their keys, written row by row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._words = {words[0].rstrip(":"): words[1:] for words in read_lines(path) if words}

    def rigid(self, *keys: str, columns: int = 4) -> Matrix:
        """A rotation, and with four columns a translation beside it, filled up to 4 x 4; whichever key is there."""
        matrix = self._matrix(*keys, columns=columns)
        turn = matrix[:3, :3]
        if np.abs(turn @ turn.T - np.eye(3)).max() > 0.01 or np.linalg.det(turn) < 0.0:
            raise self._unusable(*keys, columns=columns)
        return matrix

    def turned_and_moved(self) -> Matrix:
        """The rotation ``R`` and the translation ``T``."""
        matrix = self.rigid("R", columns=3)
        matrix[:3, 3] = self._values("T", count=3)
        return matrix

    def projections(self, key: str) -> dict[str, Matrix]:
        """The colour cameras' projections; ``key`` has a gap for their number. Only the right one's may be missing."""
        found: dict[str, Matrix] = {}
        for name, number in CAMERAS.items():
            this = key.format(number)
            if this not in self._words and found:
                continue
            matrix = self._matrix(this, columns=4)
            if min(matrix[0, 0], matrix[1, 1]) < 1.0 or np.abs(matrix[2, :3] - (0.0, 0.0, 1.0)).max() > 1e-6:
                raise self._unusable(this, columns=4)
            found[name] = matrix
        return found

    def _matrix(self, *keys: str, columns: int) -> Matrix:
        matrix = np.eye(4)
        matrix[:3, :columns] = np.reshape(self._values(*keys, count=3 * columns), (3, columns))
        return matrix

    def _values(self, *keys: str, count: int) -> list[float]:
        words = next((self._words[key] for key in keys if key in self._words), None)
        if words is None:
            raise InputError(self._path, f"lacks {' or '.join(keys)}", TODO)
        values = floats(words)
        if values is None or len(values) != count:
            raise self._unusable(*keys, columns=count // 3)
        return values

    def _unusable(self, *keys: str, columns: int) -> InputError:
        key = next(key for key in keys if key in self._words)
        todo = "take the file from the same KITTI download"
        return InputError(f"{self._path}: {key}", f"is no usable 3 x {columns} matrix", todo)
