"""KITTI tracking: labels in camera coordinates, calibration, OXTS poses and the left colour camera.

Frames used here, each of which the next transform leads out of: the *rectified camera* (x right, y down, z forward),
the *camera* before rectification, the *laser scanner* and the *IMU* (x forward, y left, z up), and the *world*: east,
north and up in metres by the KITTI raw devkit's Mercator projection of the OXTS positions, with its origin at the
first of them so that numbers stay small.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import pandas as pd
from einops import einsum
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from pipeline.drives.drive import FRAME_COLUMNS, TRACK_COLUMNS, Camera, Drive, no_frames
from pipeline.drives.kitti_calibration import Calibration, read_calibration
from pipeline.drives.kitti_oxts import Poses, floats, read_lines, read_poses
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError

FORMAT: Final = "kitti_tracking"
CAMERA: Final = "image_02"
RATE_HZ: Final = 10.0
STEP_NS: Final = 100_000_000  # the data set gives no times for its tracking frames, only their rate

# The recording car, a VW Passat estate. KITTI's drawing of it puts the IMU 0.05 m behind the rear axle and 0.93 m above
# the road, and the calibration 0.32 m left of the scanner, which sits over the middle. The box reaches from the road to
# the roof; its centre is about 1.3 m ahead of the rear axle.
EGO_SIZE_M: Final = (4.77, 1.82, 1.48)
EGO_CENTRE_IN_IMU_M: Final = (1.35, -0.32, 1.48 / 2 - 0.93)

_NUM_LABEL_VALUES: Final = 17  # 18 with a detector's score
_IGNORED: Final = "DontCare"  # regions of the image that were not labelled: no agents, so nothing is lost
_IMAGE_ENDINGS: Final = (".png", ".jpg", ".jpeg")


class KittiTrackingReader:
    """Reads sequences of the KITTI tracking benchmark."""

    name = FORMAT
    looks_for = "label_02/*.txt with calib/*.txt, oxts/*.txt and image_02/*/"

    def find(self, path: Path) -> list[DriveRef]:
        """Every sequence that has labels."""
        labels = sorted((path / "label_02").glob("*.txt"))
        return [
            DriveRef(name=f"kitti-{plain_name(file.stem)}", format=self.name, path=path, key=file.stem)
            for file in labels
        ]

    def read(self, ref: DriveRef) -> Drive:
        """Read one sequence; the recording car is its track ``ego``.

        Labels and images of frames without a pose are left out and reported. Without images the drive has no camera.

        Raises:
            InputError: Labels, calibration or OXTS are missing or useless as a whole.
        """
        root, key = ref.path, ref.key
        calibration = read_calibration(root / "calib" / f"{key}.txt")
        poses, poses_dropped = read_poses(root / "oxts" / f"{key}.txt")
        labels, labels_dropped = _read_labels(root / "label_02" / f"{key}.txt", poses)
        tracks, notes = _tracks(labels, poses, calibration)
        cameras, frames, images_dropped = _read_images(root, key, poses, calibration)
        return Drive(
            name=ref.name,
            format=self.name,
            path=root,
            rate_hz=RATE_HZ,
            tracks=tracks,
            cameras=cameras,
            frames=frames,
            dropped=poses_dropped + labels_dropped + images_dropped,
            notes=tuple(f"{root / 'label_02' / f'{key}.txt'}: {note}" for note in notes),
        )


class _Labels(NamedTuple):
    """The labels of frames with a pose."""

    row: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]
    track_id: list[str]
    word: list[str]
    size_m: Float[np.ndarray, "n 3"]  # height, width, length: KITTI's order
    bottom_m: Float[np.ndarray, "n 3"]  # centre of the box's bottom, rectified camera
    rotation_y_rad: Float[np.ndarray, " n"]


def _read_labels(path: Path, poses: Poses) -> tuple[_Labels, tuple[Dropped, ...]]:
    rows: list[int] = []
    bad: list[int] = []
    values: list[list[float]] = []
    names: list[tuple[str, str]] = []
    for row, words in enumerate(read_lines(path), start=1):
        if not words or (len(words) > 2 and words[2] == _IGNORED):
            continue
        numbers = floats(words[10:17]) if len(words) in (_NUM_LABEL_VALUES, _NUM_LABEL_VALUES + 1) else None
        if numbers is None or not words[0].isdecimal() or not words[1].isdecimal() or len(words[0]) > 9:
            bad.append(row)
            continue
        rows.append(row)
        names.append((words[1], words[2]))
        values.append([float(words[0]), *numbers])
    frame = np.array([value[0] for value in values], dtype=np.int64)
    posed = poses.has(frame)
    kept = np.flatnonzero(posed)
    if not len(kept):
        raise InputError(
            path, "has no label that can be placed in the world", "check that labels and OXTS belong together"
        )
    all_rows = np.array(rows, dtype=np.int64)
    dropped = dropped_rows(path, bad, reason="malformed label")
    dropped += dropped_rows(path, all_rows[~posed].tolist(), reason=poses.missing)
    numbers = np.array(values)[kept]
    labels = _Labels(
        row=all_rows[kept],
        frame=frame[kept],
        track_id=[names[index][0] for index in kept],
        word=[names[index][1] for index in kept],
        size_m=numbers[:, 1:4],
        bottom_m=numbers[:, 4:7],
        rotation_y_rad=numbers[:, 7],
    )
    return labels, dropped


def _tracks(labels: _Labels, poses: Poses, calibration: Calibration) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Labels and the recording car as one table, and notes on unknown words."""
    category, notes = categories_of(labels.word)
    height = labels.size_m[:, 0]
    centre = labels.bottom_m - np.stack([np.zeros_like(height), height / 2, np.zeros_like(height)], axis=-1)
    cos, sin = np.cos(labels.rotation_y_rad), np.sin(labels.rotation_y_rad)
    forward = np.stack([cos, np.zeros_like(cos), -sin], axis=-1)  # about an axis that points down
    world_from_rect = poses.world_from_imu[labels.frame] @ calibration.imu_from_rect
    agents = _table(
        row=labels.row,
        frame=labels.frame,
        xyz_m=_move(world_from_rect, centre),
        forward=einsum(world_from_rect[:, :3, :3], forward, "n i j, n j -> n i"),
        size_m=labels.size_m[:, ::-1],
    ).assign(track_id=labels.track_id, category=category, raw_category=labels.word, is_ego=False)
    frame = np.flatnonzero(np.isfinite(poses.world_from_imu).all(axis=(1, 2)))
    pose = poses.world_from_imu[frame]
    ego = _table(
        row=frame + 1,
        frame=frame,
        xyz_m=_move(pose, np.broadcast_to(EGO_CENTRE_IN_IMU_M, (len(frame), 3))),
        forward=pose[:, :3, 0],
        size_m=np.broadcast_to(EGO_SIZE_M, (len(frame), 3)),
    ).assign(track_id=EGO, category=int(Category.CAR), raw_category=EGO, is_ego=True)
    tracks = pd.concat([agents, ego], ignore_index=True)
    return tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS), notes


def _table(
    *,
    row: Int[np.ndarray, " n"],
    frame: Int[np.ndarray, " n"],
    xyz_m: Float[np.ndarray, "n 3"],
    forward: Float[np.ndarray, "n 3"],
    size_m: Float[np.ndarray, "n 3"],
) -> pd.DataFrame:
    """The measured columns; ``forward`` is the heading's direction in the world, ``size_m`` length, width, height."""
    columns = {"source_row": row, "timestamp_ns": frame * STEP_NS}
    columns |= dict(zip(("x_m", "y_m", "z_m"), xyz_m.T, strict=True))
    columns |= {"heading_rad": np.arctan2(forward[:, 1], forward[:, 0])}
    columns |= dict(zip(("length_m", "width_m", "height_m"), size_m.T, strict=True))
    return pd.DataFrame(columns)


def _move(to_from: Float[np.ndarray, "n 4 4"], points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return einsum(to_from[:, :3, :3], points, "n i j, n j -> n i") + to_from[:, :3, 3]


def _read_images(
    root: Path, key: str, poses: Poses, calibration: Calibration
) -> tuple[dict[str, Camera], pd.DataFrame, tuple[Dropped, ...]]:
    """The left colour camera and its frames; none where there are no images."""
    folder = root / CAMERA / key
    images = {
        int(path.stem): path
        for ending in reversed(_IMAGE_ENDINGS)  # of two of the same frame, the PNG
        for path in sorted(folder.glob(f"*{ending}"))
        if path.stem.isdecimal() and len(path.stem) <= 9
    }
    numbers = np.array(sorted(images), dtype=np.int64)
    posed = poses.has(numbers)
    dropped: tuple[Dropped, ...] = ()
    if not posed.all():
        first = images[int(numbers[~posed][0])]
        dropped = (Dropped(where=f"{first} and on", reason=poses.missing, count=int((~posed).sum())),)
    numbers = numbers[posed]
    size_px = _image_size(images[int(number)] for number in numbers)
    if size_px is None:
        if len(numbers):
            dropped += (Dropped(where=str(folder), reason="no image can be read", count=len(numbers)),)
        return {}, no_frames(), dropped
    world_from_rect = poses.world_from_imu[numbers] @ calibration.imu_from_rect
    position = _move(world_from_rect, np.broadcast_to(calibration.camera_in_rect_m, (len(numbers), 3)))
    quaternion = Rotation.from_matrix(world_from_rect[:, :3, :3]).as_quat(scalar_first=True)
    frames = pd.DataFrame(
        {
            "timestamp_ns": numbers * STEP_NS,
            "camera": CAMERA,
            "path": [images[int(number)].relative_to(root).as_posix() for number in numbers],
            **dict(zip(("x_m", "y_m", "z_m"), position.T, strict=True)),
            **dict(zip(("qw", "qx", "qy", "qz"), quaternion.T, strict=True)),
        }
    ).astype(FRAME_COLUMNS)
    return {CAMERA: calibration.camera(*size_px)}, frames[list(FRAME_COLUMNS)], dropped


def _image_size(paths: Iterable[Path]) -> tuple[int, int] | None:
    """Width and height of the first image that can be read: those of a sequence are all alike."""
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is not None:
            height, width = image.shape
            return width, height
    return None
