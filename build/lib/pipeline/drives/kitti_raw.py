"""KITTI raw data, synced and rectified: tracklets in the laser scanner's coordinates, OXTS poses, colour cameras.

A day's folder holds its drives and the three files of their calibration, as the publisher's archives unpack:

    2011_09_26/calib_cam_to_cam.txt, calib_velo_to_cam.txt, calib_imu_to_velo.txt
    2011_09_26/2011_09_26_drive_0001_sync/tracklet_labels.xml
                                         /oxts/timestamps.txt, oxts/data/NNNNNNNNNN.txt
                                         /image_02/timestamps.txt, image_02/data/NNNNNNNNNN.png, image_03 likewise
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from pipeline.drives.drive import Drive, Images, no_frames
from pipeline.drives.kitti_boxes import tracks_in_world
from pipeline.drives.kitti_calibration import CAMERAS, Calibration, read_raw_calibration
from pipeline.drives.kitti_images import find_images
from pipeline.drives.kitti_oxts import RATE_HZ, Poses, read_raw_poses
from pipeline.drives.kitti_times import read_times
from pipeline.drives.kitti_tracklets import read_tracklets
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.errors import InputError

FORMAT: Final = "kitti_raw"
LABELS: Final = "tracklet_labels.xml"


class KittiRawReader:
    """Reads drives of KITTI's raw data."""

    name = FORMAT
    looks_for = f"oxts/data/ and {LABELS}, with calib_*_to_*.txt one folder up"

    def find(self, path: Path) -> list[DriveRef]:
        """The folder itself, if it has tracklets or OXTS data; without tracklets, reading it says that they lack."""
        if not (path / LABELS).is_file() and not (path / "oxts" / "data").is_dir():
            return []
        return [DriveRef(name=_name(path.resolve().name), format=self.name, path=path)]

    def read(self, ref: DriveRef) -> Drive:
        """Read one drive; the recording car is its track ``ego``.

        A frame's labels, pose and recording car have the time of its OXTS measurement, an image its own: within some
        milliseconds of it, and placed by the same pose. All are of the local clock: see ``read_times``. Tracklets and
        images of frames without a pose are left out and reported. Without images the drive has no camera.

        Raises:
            InputError: Tracklets, calibration or OXTS are missing or useless as a whole.
        """
        root = ref.path
        boxes, boxes_dropped = read_tracklets(root / LABELS)
        calibration = read_raw_calibration(root.resolve().parent)
        poses, poses_dropped = read_raw_poses(root / "oxts")
        tracks, unplaced, notes = tracks_in_world(boxes, imu_from_sensor=calibration.imu_from_velo, poses=poses)
        images = [_camera_images(root, name, calibration=calibration, poses=poses) for name in CAMERAS]
        images_dropped = tuple(entry for found in images for entry in found.dropped)
        return Drive(
            name=ref.name,
            format=self.name,
            path=root,
            rate_hz=RATE_HZ,
            tracks=tracks,
            cameras={name: camera for found in images for name, camera in found.cameras.items()},
            frames=pd.concat([found.frames for found in images], ignore_index=True),
            dropped=poses_dropped + boxes_dropped + unplaced + images_dropped,
            notes=notes + tuple(note for found in images for note in found.notes),
        )


def _name(folder: str) -> str:
    """A drive's name, from its folder's: ``kitti-2011_09_26_drive_0001``."""
    found = re.search(r"\d{4}_\d\d_\d\d_drive_\d+", folder)
    return f"kitti-{found[0] if found else plain_name(folder)}"


def _camera_images(root: Path, name: str, *, calibration: Calibration, poses: Poses) -> Images:
    """One camera's images, where there are any."""
    folder = root / name
    if not folder.is_dir():
        return Images(cameras={}, frames=no_frames())
    if name not in calibration.projections:
        note = f"{folder}: calib_cam_to_cam.txt lacks this camera's projection, so its images are not used"
        return Images(cameras={}, frames=no_frames(), notes=(note,))
    times, dropped, notes = None, (), ()
    try:
        times, dropped = read_times(folder / "timestamps.txt")
    except InputError as error:
        notes = (f"{error.where}: {error.what}; images have the times of their frames' OXTS measurements",)
    found = find_images(root, folder / "data", camera=name, calibration=calibration, poses=poses, times=times)
    return replace(found, dropped=dropped + found.dropped, notes=notes + found.notes)
