"""A drive: one recording with its tracks, its cameras and its frames, as its source tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.drives.map import DriveMap
from pipeline.errors import Dropped

TRACK_COLUMNS: Final[dict[str, str]] = {
    "source_row": "int64",  # 1-based line of the source file, so that a problem can be pointed at
    "timestamp_ns": "int64",
    "track_id": "str",
    "category": "int8",  # Category
    "raw_category": "str",  # the source's own word
    "is_ego": "bool",
    "x_m": "float64",  # box centre in one fixed world frame, z up
    "y_m": "float64",
    "z_m": "float64",
    "heading_rad": "float64",  # counter-clockwise from +x; NaN where the source does not tell
    "length_m": "float64",
    "width_m": "float64",
    "height_m": "float64",
}
FRAME_COLUMNS: Final[dict[str, str]] = {
    "timestamp_ns": "int64",
    "camera": "str",
    "path": "str",  # relative to the drive's folder
    "x_m": "float64",  # the camera's place in the world
    "y_m": "float64",
    "z_m": "float64",
    "qw": "float64",  # world from camera; optical axes: x right, y down, z forward
    "qx": "float64",
    "qy": "float64",
    "qz": "float64",
}
POSE_COLUMNS: Final = ("x_m", "y_m", "z_m", "qw", "qx", "qy", "qz")  # of the camera


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """A pinhole camera without distortion, in pixels."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Drive:
    """One recording as its source tells it: unsorted, unfiltered, at the source's own times.

    Attributes:
        name: Unique among the drives of a run; names the output files, so it is a plain file name.
        format: The registry name of the reader that read it.
        path: The folder that frame paths are relative to.
        rate_hz: Nominal rate of the measurements, as the source states it.
        tracks: One row per measurement, with the columns of ``TRACK_COLUMNS``. NaN: not measured.
        cameras: By camera name.
        frames: One row per image, with the columns of ``FRAME_COLUMNS``; empty without cameras.
        map: In the world frame of the tracks; None where the source has none.
        dropped: What the reader had to leave out.
        notes: What the reader decided where the source left it open, one line each.
    """

    name: str
    format: str
    path: Path
    rate_hz: float
    tracks: pd.DataFrame
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    frames: pd.DataFrame
    map: DriveMap | None = None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert list(self.tracks.columns) == list(TRACK_COLUMNS), list(self.tracks.columns)
        assert list(self.frames.columns) == list(FRAME_COLUMNS), list(self.frames.columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The part of a drive that cameras made, as its reader found it; the fields are those of ``Drive``."""

    cameras: Mapping[str, Camera]
    frames: pd.DataFrame
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def no_frames() -> pd.DataFrame:
    """The frames of a drive without cameras."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in FRAME_COLUMNS.items()})


def project(
    points_m: Float[np.ndarray, "*p 3"],
    *,
    camera: Camera,
    position_m: Float[np.ndarray, "*#p 3"],
    quaternion_wxyz: Float[np.ndarray, "*#p 4"],
) -> Float[np.ndarray, "*p 3"]:
    """Project world points into a camera.

    Args:
        points_m: World points.
        camera: Intrinsics.
        position_m: The camera's place in the world, one per point (or broadcastable).
        quaternion_wxyz: World from camera, optical axes, of length one, one per point (or broadcastable).

    Returns:
        (u px, v px, depth m) per point; u and v mean something only where the depth is positive, and
        lie in the image where 0 <= u < width and 0 <= v < height.
    """
    w, *xyz = np.moveaxis(quaternion_wxyz, -1, 0)
    axis = np.stack(xyz, axis=-1)
    offset = points_m - position_m
    # The inverse rotation of a unit quaternion: v + 2w(v x q) + 2((v x q) x q).
    cross = np.cross(offset, axis)
    local = offset + 2.0 * w[..., None] * cross + 2.0 * np.cross(cross, axis)
    depth = local[..., 2]
    safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
    u = camera.fx_px * local[..., 0] / safe + camera.cx_px
    v = camera.fy_px * local[..., 1] / safe + camera.cy_px
    return np.stack([u, v, depth], axis=-1)
