"""KITTI tracking: labels in camera coordinates, calibration, OXTS poses and the left colour camera."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from pipeline.drives.drive import Drive
from pipeline.drives.kitti_boxes import Boxes, tracks_in_world
from pipeline.drives.kitti_calibration import read_tracking_calibration
from pipeline.drives.kitti_images import find_images
from pipeline.drives.kitti_oxts import RATE_HZ, read_tracking_poses
from pipeline.drives.kitti_text import floats, read_lines
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped

FORMAT: Final = "kitti_tracking"
CAMERA: Final = "image_02"
_NUM_LABEL_VALUES: Final = 17  # 18 with a detector's score
_IGNORED: Final = "DontCare"  # regions of the image that were not labelled: no agents, so nothing is lost


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
        calibration = read_tracking_calibration(root / "calib" / f"{key}.txt")
        poses, poses_dropped = read_tracking_poses(root / "oxts" / f"{key}.txt")
        boxes, boxes_dropped = _read_boxes(root / "label_02" / f"{key}.txt")
        tracks, unplaced, notes = tracks_in_world(boxes, imu_from_sensor=calibration.imu_from_rect, poses=poses)
        images = find_images(root, root / CAMERA / key, camera=CAMERA, calibration=calibration, poses=poses)
        return Drive(
            name=ref.name,
            format=self.name,
            path=root,
            rate_hz=RATE_HZ,
            tracks=tracks,
            cameras=images.cameras,
            frames=images.frames,
            dropped=poses_dropped + boxes_dropped + unplaced + images.dropped,
            notes=notes + images.notes,
        )


def _read_boxes(path: Path) -> tuple[Boxes, tuple[Dropped, ...]]:
    """The labels, in rectified camera coordinates."""
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
    # KITTI's order: height, width, length; the centre of the box's bottom; the turn about an axis that points down.
    frame, height, width, length, x, bottom, z, turn = np.reshape(values, (-1, 8)).T
    boxes = Boxes(
        path=path,
        row=np.array(rows, dtype=np.int64),
        frame=frame.astype(np.int64),
        track_id=[track for track, _ in names],
        word=[word for _, word in names],
        centre_m=np.stack([x, bottom - height / 2, z], axis=-1),
        forward=np.stack([np.cos(turn), np.zeros_like(turn), -np.sin(turn)], axis=-1),
        size_m=np.stack([length, width, height], axis=-1),
    )
    return boxes, dropped_rows(path, bad, reason="malformed label")
