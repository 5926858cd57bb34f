"""The poses of a KITTI recording, from its OXTS files."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from pipeline.drives.kitti_text import TODO, floats, read_lines
from pipeline.drives.kitti_times import read_times
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

RATE_HZ: Final = 10.0  # of the scanner, which every other sensor is brought to
STEP_NS: Final = 100_000_000
_EARTH_RADIUS_M: Final = 6378137.0
_MOST_BYTES: Final = 4096  # of a frame's file; real ones have 500


class Poses(NamedTuple):
    """When the frames were and where the car was then, by frame number."""

    path: Path
    times_ns: Int[np.ndarray, " f"]
    world_from_imu: Float[np.ndarray, "f 4 4"]  # NaN where pose or time cannot be read

    @property
    def missing(self) -> str:
        """The reason why something of a frame without a pose is left out."""
        return f"no pose for its frame in oxts/{self.path.name}"

    def has(self, frame: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether there is a pose for each frame."""
        inside = (frame >= 0) & (frame < len(self.world_from_imu))
        return inside & np.isfinite(self.world_from_imu[np.where(inside, frame, 0)]).all(axis=(1, 2))

    @property
    def frames(self) -> Int[np.ndarray, " m"]:
        """The frames that have a pose."""
        return np.flatnonzero(np.isfinite(self.world_from_imu).all(axis=(1, 2)))


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


def read_tracking_poses(path: Path) -> tuple[Poses, tuple[Dropped, ...]]:
    """Read ``oxts/NNNN.txt`` of the tracking benchmark, one row per frame. It gives no times but those of its rate.

    Raises:
        InputError: The file is missing, or none of its rows can be read.
    """
    oxts = np.array([_pose(words) for words in read_lines(path)]).reshape(-1, 6)
    bad = np.isnan(oxts).any(axis=1)
    if bad.all():
        raise InputError(path, "no row has a position and an orientation", TODO)
    dropped = dropped_rows(path, (np.flatnonzero(bad) + 1).tolist(), reason="unreadable OXTS row")
    return Poses(path, np.arange(len(oxts)) * STEP_NS, world_from_imu(oxts)), dropped


def read_raw_poses(folder: Path) -> tuple[Poses, tuple[Dropped, ...]]:
    """Read ``oxts`` of a raw drive: ``data/NNNNNNNNNN.txt`` for each frame, ``timestamps.txt`` for all.

    Raises:
        InputError: The times are missing, or no frame has both a pose and a time.
    """
    times, dropped = read_times(folder / "timestamps.txt")
    data = folder / "data"
    oxts = np.full((len(times.ns), 6), np.nan)
    unreadable: list[str] = []
    untimed: list[str] = []
    for file in sorted(data.glob("*.txt")):
        if not file.stem.isdecimal() or len(file.stem) > 18 or int(file.stem) >= len(oxts):
            untimed.append(file.name)
            continue
        oxts[int(file.stem)] = values = _pose(_start_of(file))
        if np.isnan(values).any():
            unreadable.append(file.name)
    oxts[~times.known] = np.nan
    if np.isnan(oxts).any(axis=1).all():
        raise InputError(data, "no file has a position and an orientation", TODO)
    dropped += _dropped_files(data, unreadable, reason="unreadable OXTS file")
    dropped += _dropped_files(data, untimed, reason="no time for its frame in oxts/timestamps.txt")
    return Poses(data, times.ns, world_from_imu(oxts)), dropped


def _pose(words: list[str]) -> list[float]:
    """Latitude, longitude, altitude, roll, pitch and yaw; NaN where they cannot be read."""
    values = floats(words[:6])
    usable = values is not None and len(values) == 6 and abs(values[0]) < 89.0 and abs(values[1]) <= 360.0
    return values if usable and values is not None else [np.nan] * 6


def _start_of(file: Path) -> list[str]:
    """The words that a frame's file starts with; none where it cannot be read."""
    try:
        if not file.is_file():  # a pipe would never end
            return []
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("utf-8", errors="replace").split()
    except OSError:
        return []


def _dropped_files(folder: Path, names: list[str], *, reason: str) -> tuple[Dropped, ...]:
    if not names:
        return ()
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (Dropped(where=f"{folder}: {', '.join(names[:3])}{more}", reason=reason, count=len(names)),)
