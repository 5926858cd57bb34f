"""The cameras of a nuScenes scene and their images."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool
from scipy.spatial.transform import Rotation

from pipeline.drives.drive import FRAME_COLUMNS, Camera, Images, no_frames
from pipeline.drives.nuscenes_shots import INTRINSICS, POSE
from pipeline.drives.nuscenes_tables import Tables
from pipeline.drives.tables import passing_rows
from pipeline.errors import Dropped, InputError

_LENS: Final = ("width_px", "height_px", *INTRINSICS)


def find_images(root: Path, tables: Tables, shots: pd.DataFrame) -> Images:
    """Find the images of a scene's cameras, of keyframes and between them.

    A camera's pose is the recording car's at the image's own time, times the camera's place on the car. One calibration
    holds for a camera throughout a scene; images of another are left out.

    Args:
        root: What the names of images are relative to.
        tables: Of the version folder.
        shots: The scene's rows of ``tables.shots`` with the car's pose in ``POSE``.

    Raises:
        InputError: The name of an image leads out of ``root``.
    """
    file = tables.file("sample_data")
    sensors = np.append(tables.sensors["is_camera"].to_numpy(np.bool_), False)
    shots = shots[sensors[shots["sensor"].to_numpy()]]
    for row, name in zip(shots["source_row"], shots["filename"], strict=True):
        if name.startswith("/") or ".." in name.split("/"):
            what = f"filename {name[:100]!r} is absolute or leaves the data set's folder"
            raise InputError(f"{file}: row {row}", what, "copy the image into the folder and write its relative path")
    there = np.array([_is_file(root, name) for name in shots["filename"]], dtype=np.bool_)
    notes = (f"{file}: {(~there).sum()} of the scene's {len(there)} images are not there",) if not there.all() else ()
    shots = shots[there]
    if shots.empty:
        return Images(cameras={}, frames=no_frames(), notes=notes)
    mounted = tables.sensors.iloc[shots["sensor"].to_numpy()]
    shots = shots.assign(
        camera=mounted["channel"].to_numpy(), **{name: mounted[name].to_numpy() for name in INTRINSICS}
    )
    good, dropped = _usable(file, shots, posed=np.isfinite(mounted[list(POSE)].to_numpy()).all(axis=1))
    shots, mounted = shots[good], mounted[good]
    return Images(cameras=_cameras(shots), frames=_frames(shots, mounted), dropped=dropped, notes=notes)


def _is_file(root: Path, name: str) -> bool:
    try:
        return (root / name).is_file()
    except OSError:  # longer than any file's name
        return False


def _usable(
    file: Path, shots: pd.DataFrame, *, posed: Bool[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " n"], tuple[Dropped, ...]]:
    """Which images can be used, and the rows of the others."""
    sized = np.asarray((shots[["width_px", "height_px"]].to_numpy() > 0).all(axis=1))
    seeing = np.asarray(np.isfinite(shots[list(INTRINSICS)].to_numpy()).all(axis=1))
    named = shots["camera"].ne("").to_numpy(np.bool_)
    lenses = shots[["camera", *_LENS]].reset_index(drop=True)
    first = lenses[named & posed & seeing & sized].drop_duplicates("camera").set_index("camera")
    alike = (lenses[list(_LENS)].to_numpy() == first.reindex(lenses["camera"]).to_numpy()).all(axis=1)
    checks: tuple[tuple[str, Bool[np.ndarray, " n"]], ...] = (
        ("its sensor has no channel", named),
        ("its calibrated_sensor has no usable pose", posed),
        ("its calibrated_sensor has no usable camera_intrinsic", seeing),
        ("no width and height", sized),
        ("unlike the camera's first image in size or intrinsics", alike),
    )
    return passing_rows(file, shots["source_row"].to_numpy(), checks)


def _cameras(shots: pd.DataFrame) -> dict[str, Camera]:
    lenses = shots.drop_duplicates("camera").sort_values("camera")
    return {
        name: Camera(width_px=int(width), height_px=int(height), fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)
        for name, width, height, fx, fy, cx, cy in lenses[["camera", *_LENS]].itertuples(index=False)
    }


def _frames(shots: pd.DataFrame, mounted: pd.DataFrame) -> pd.DataFrame:
    """World from camera: the car's pose, times the camera's place on it."""
    if shots.empty:
        return no_frames()
    world_from_ego, ego_from_camera = (
        Rotation.from_quat(table[list(POSE[3:])].to_numpy(), scalar_first=True) for table in (shots, mounted)
    )
    place = shots[list(POSE[:3])].to_numpy() + world_from_ego.apply(mounted[list(POSE[:3])].to_numpy())
    pose = np.concatenate([place, (world_from_ego * ego_from_camera).as_quat(scalar_first=True)], axis=1)
    frames = shots.assign(path=shots["filename"], **dict(zip(POSE, pose.T, strict=True)))
    return frames[list(FRAME_COLUMNS)].astype(FRAME_COLUMNS).reset_index(drop=True)
