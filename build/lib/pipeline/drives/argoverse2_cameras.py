"""The cameras of an Argoverse 2 sensor log: calibration, and images named by their times.

The published images are undistorted in advance, so that a camera is the pinhole of its ``fx_px`` to ``cy_px``; the lens
that ``k1`` to ``k3`` describe no longer shows in them (av2-api, README of the Sensor Dataset), and they are not used.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.argoverse2_poses import (
    POSE_COLUMNS,
    TODO,
    EgoPoses,
    rotations,
    translations_m,
    usable_poses,
)
from pipeline.drives.arrow_tables import Kind, read_arrow
from pipeline.drives.drive import FRAME_COLUMNS, Camera, Images, no_frames
from pipeline.drives.tables import dropped_rows, integers
from pipeline.errors import Dropped, InputError

IMAGES: Final = Path("sensors") / "cameras"
INTRINSICS: Final = Path("calibration") / "intrinsics.feather"
EXTRINSICS: Final = Path("calibration") / "egovehicle_SE3_sensor.feather"
_MOST_PX: Final = 100_000
_PIXELS: Final[dict[str, Kind]] = dict.fromkeys(("fx_px", "fy_px", "cx_px", "cy_px"), "number")
_SIZE: Final[dict[str, Kind]] = dict.fromkeys(("width_px", "height_px"), "integer")


def read_cameras(folder: Path, poses: EgoPoses) -> Images:
    """The cameras that have images, and their frames.

    Args:
        folder: Of the log.
        poses: An image is placed by the pose at its own time, which the log has beside those of the lidar's sweeps.

    Raises:
        InputError: There are images, and their calibration cannot be read.
    """
    images = _images(folder)
    if not images:
        there = [str(path) for path in (INTRINSICS, EXTRINSICS) if (folder / path).exists()]
        note = f"{folder}: {' and '.join(there)} without images in {IMAGES}: no camera"
        return Images(cameras={}, frames=no_frames(), notes=(note,) if there else ())
    lenses, dropped = _read_lenses(folder / INTRINSICS)
    places, more = _read_places(folder / EXTRINSICS)
    dropped += more
    cameras: dict[str, Camera] = {}
    frames: list[pd.DataFrame] = []
    for name, paths in images.items():
        where = str(folder / IMAGES / name)
        if name not in lenses or name not in places.index:
            dropped += (Dropped(where=where, reason="images without calibration", count=len(paths)),)
            continue
        found, lost = _frames(paths, places.loc[[name]], poses, where=where)
        dropped += lost
        if len(found):
            cameras[name] = lenses[name]
            frames.append(found.assign(camera=name, path=f"{IMAGES.as_posix()}/{name}/" + found["image"]))
    if not frames:
        return Images(cameras={}, frames=no_frames(), dropped=dropped)
    together = pd.concat(frames, ignore_index=True)[list(FRAME_COLUMNS)].astype(FRAME_COLUMNS)
    return Images(cameras=cameras, frames=together, dropped=dropped)


def _images(folder: Path) -> dict[str, list[Path]]:
    """The images by camera."""
    root = folder / IMAGES
    try:
        cameras = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        images = {camera.name: sorted(camera.glob("*.jpg")) for camera in cameras}
    except OSError as error:
        raise InputError(root, f"cannot be listed ({error.strerror})", "check its permissions") from error
    return {name: paths for name, paths in images.items() if paths}


def _read_lenses(path: Path) -> tuple[dict[str, Camera], tuple[Dropped, ...]]:
    table, dropped = read_arrow(path, columns={"sensor_name": "text", **_PIXELS, **_SIZE}, todo=TODO)
    cameras: dict[str, Camera] = {}
    bad: list[int] = []
    for row, name, fx, fy, cx, cy, width, height in table.itertuples(index=False):
        sharp = all(map(math.isfinite, (fx, fy, cx, cy))) and min(fx, fy) > 0.0
        if name in cameras or not sharp or not (0 < width <= _MOST_PX and 0 < height <= _MOST_PX):
            bad.append(row)
            continue
        cameras[name] = Camera(width_px=width, height_px=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)
    return cameras, dropped + dropped_rows(path, bad, reason="no usable intrinsics")


def _read_places(path: Path) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """Ego vehicle from sensor, by sensor; a camera's axes are the optical ones."""
    table, dropped = read_arrow(path, columns={"sensor_name": "text", **POSE_COLUMNS}, todo=TODO)
    usable = usable_poses(table) & ~table.duplicated("sensor_name").to_numpy()
    dropped += dropped_rows(path, table["source_row"][~usable].tolist(), reason="no usable place on the vehicle")
    return table[usable].set_index("sensor_name"), dropped


def _frames(
    images: list[Path], place: pd.DataFrame, poses: EgoPoses, *, where: str
) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """One camera's frames, by their file names; ``place`` is its row of the extrinsics."""
    times, timed = integers(pd.Series([image.stem for image in images], dtype="str"))
    times_ns = times.to_numpy()
    found = np.where(timed, poses.find(times_ns), -1)
    reasons = {"image not named by its time": ~timed, "no pose at the image's time": timed & (found < 0)}
    dropped = tuple(Dropped(where=where, reason=reason, count=int(n.sum())) for reason, n in reasons.items() if n.any())
    there = found >= 0
    pose = poses.table.iloc[found[there]]
    city_from_ego = rotations(pose)
    position_m = city_from_ego.apply(translations_m(place)) + translations_m(pose)
    quaternion = (city_from_ego * rotations(place)).as_quat(scalar_first=True)
    frames = {"timestamp_ns": times_ns[there], "image": [images[index].name for index in np.flatnonzero(there)]}
    frames |= dict(zip(("x_m", "y_m", "z_m"), position_m.T, strict=True))
    return pd.DataFrame(frames | dict(zip(("qw", "qx", "qy", "qz"), quaternion.T, strict=True))), dropped
