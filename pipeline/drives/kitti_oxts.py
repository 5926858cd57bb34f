"""The poses of a KITTI sequence, from its OXTS file."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

_EARTH_RADIUS_M: Final = 6378137.0


class Poses(NamedTuple):
    """World from IMU by frame number; NaN where the row cannot be read."""

    path: Path
    world_from_imu: Float[np.ndarray, "f 4 4"]

    @property
    def missing(self) -> str:
        """The reason why a frame without a pose is left out."""
        return f"no pose for its frame in oxts/{self.path.name}"

    def has(self, frame: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether there is a pose for each frame."""
        inside = (frame >= 0) & (frame < len(self.world_from_imu))
        return inside & np.isfinite(self.world_from_imu[np.where(inside, frame, 0)]).all(axis=(1, 2))


def world_from_imu(oxts: Float[np.ndarray, "f 6"]) -> Float[np.ndarray, "f 4 4"]:
    """Poses from OXTS latitude and longitude (degrees), altitude (m), roll, pitch and yaw (rad).

    The Mercator projection of the KITTI raw devkit, its scale that of the first row's latitude, which is also the
    origin; the axes are east, north and up. Rows that are not finite give NaN.
    """
    latitude, longitude, altitude, roll, pitch, yaw = oxts.T
    good = np.flatnonzero(np.isfinite(oxts).all(axis=1))
    first = good[0]
    scale_m = np.cos(np.deg2rad(latitude[first])) * _EARTH_RADIUS_M
    x = scale_m * np.deg2rad(longitude)
    y = scale_m * np.log(np.tan(np.deg2rad(90.0 + latitude) / 2))
    poses = np.full((len(oxts), 4, 4), np.nan)
    poses[good, :3, :3] = Rotation.from_euler("ZYX", np.stack([yaw, pitch, roll], axis=-1)[good]).as_matrix()
    place = np.stack([x, y, altitude], axis=-1)
    poses[good, :3, 3] = (place - place[first])[good]
    poses[good, 3] = (0.0, 0.0, 0.0, 1.0)
    return poses


def read_lines(path: Path) -> list[list[str]]:
    """The words of every line of a text file."""
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").split("\n")]
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "take it from the same KITTI download") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is no text", "take it from the same KITTI download") from error


def floats(words: list[str]) -> list[float] | None:
    """The words as numbers; None if one of them is none."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def read_poses(path: Path) -> tuple[Poses, tuple[Dropped, ...]]:
    """Read ``oxts/NNNN.txt``, one row per frame.

    Raises:
        InputError: The file is missing, or none of its rows can be read.
    """
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    values = [floats(words[:6]) for words in lines]
    oxts = np.array([row if row is not None and len(row) == 6 else [np.nan] * 6 for row in values]).reshape(-1, 6)
    bad = ~(np.isfinite(oxts).all(axis=1) & (np.abs(oxts[:, 0]) < 89.0))
    oxts[bad] = np.nan
    if bad.all():
        raise InputError(path, "no row has a position and an orientation", "take it from the same KITTI download")
    dropped = dropped_rows(path, (np.flatnonzero(bad) + 1).tolist(), reason="unreadable OXTS row")
    return Poses(path, world_from_imu(oxts)), dropped
