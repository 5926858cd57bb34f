"""The colour cameras of a KITTI recording and their images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from pipeline.drives.drive import FRAME_COLUMNS, Images, no_frames
from pipeline.drives.image_header import ImageError, image_bytes, image_size
from pipeline.drives.kitti_boxes import move
from pipeline.drives.kitti_calibration import Calibration
from pipeline.drives.kitti_oxts import Poses
from pipeline.drives.kitti_times import Times
from pipeline.errors import Dropped

_ENDINGS: Final = (".png", ".jpg", ".jpeg")  # of two images of the same frame, the first


def find_images(
    root: Path, folder: Path, *, camera: str, calibration: Calibration, poses: Poses, times: Times | None = None
) -> Images:
    """Find a camera's images, one per frame: ``NNNNNN.png`` or ``.jpg``, the frame's number.

    Args:
        root: The drive's folder.
        folder: Where the images are; it need not be there.
        camera: Its name in the calibration.
        calibration: Of the drive.
        poses: Of the drive; an image of a frame without one is left out and reported.
        times: Of the images; those of the poses by default.

    Returns:
        No camera where there are no images.
    """
    images = {
        int(path.stem): path
        for ending in reversed(_ENDINGS)
        for path in sorted(folder.glob(f"*{ending}"))
        if path.stem.isdecimal() and len(path.stem) <= 18
    }
    times = times or Times(poses.times_ns, np.ones(len(poses.times_ns), dtype=bool))
    numbers = np.array(sorted(images), dtype=np.int64)
    posed = poses.has(numbers)
    timed = numbers < len(times.ns)
    timed[timed] = times.known[numbers[timed]]
    dropped = _dropped(images, numbers[~posed].tolist(), reason=poses.missing)
    reason = f"no time for its frame in {camera}/timestamps.txt"
    dropped += _dropped(images, numbers[posed & ~timed].tolist(), reason=reason)
    numbers = numbers[posed & timed]
    notes: tuple[str, ...] = ()
    if folder.parent.is_dir() and (absent := len(np.setdiff1d(poses.frames, numbers))):
        notes = (f"{folder}: {absent} of {len(poses.frames)} frames have no image in it",)
    size = _size_of_first([images[int(number)] for number in numbers])
    if size is None:
        if len(numbers):
            dropped += (Dropped(where=str(folder), reason="no image can be read", count=len(numbers)),)
        return Images(cameras={}, frames=no_frames(), dropped=dropped, notes=notes)
    world_from_rect = poses.world_from_imu[numbers] @ calibration.imu_from_rect
    place = np.broadcast_to(calibration.camera_in_rect_m(camera), (len(numbers), 3))
    quaternion = Rotation.from_matrix(world_from_rect[:, :3, :3]).as_quat(scalar_first=True)
    frames = pd.DataFrame(
        {
            "timestamp_ns": times.ns[numbers],
            "camera": camera,
            "path": [images[int(number)].relative_to(root).as_posix() for number in numbers],
            **dict(zip(("x_m", "y_m", "z_m"), move(world_from_rect, place).T, strict=True)),
            **dict(zip(("qw", "qx", "qy", "qz"), quaternion.T, strict=True)),
        }
    )
    return Images(
        cameras={camera: calibration.camera(camera, width_px=size[0], height_px=size[1])},
        frames=frames[list(FRAME_COLUMNS)].astype(FRAME_COLUMNS),
        dropped=dropped,
        notes=notes,
    )


def _dropped(images: Mapping[int, Path], numbers: list[int], *, reason: str) -> tuple[Dropped, ...]:
    if not numbers:
        return ()
    return (Dropped(where=f"{images[numbers[0]]} and on", reason=reason, count=len(numbers)),)


def _size_of_first(paths: list[Path]) -> tuple[int, int] | None:
    """Width and height of the first image that can be read: those of a recording are all alike."""
    for path in paths:
        try:
            return image_size(image_bytes(path))
        except ImageError:
            continue
    return None
