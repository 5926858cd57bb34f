"""Argoverse 2 sensor logs: boxes in the ego vehicle's frame, poses, ring and stereo cameras, and the vector map.

Frames: the *ego vehicle* (middle of the rear axle, x forward, y left, z up) and the *city*, which is the drive's world.
Boxes and poses are those of av2-api's ``annotations.feather`` and ``city_SE3_egovehicle.feather`` (Wilson et al. 2021).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.drives.argoverse2_cameras import read_cameras
from pipeline.drives.argoverse2_map import read_argoverse2_map
from pipeline.drives.argoverse2_poses import (
    POSE_COLUMNS,
    TODO,
    EgoPoses,
    read_ego_poses,
    rotations,
    translations_m,
    usable_poses,
)
from pipeline.drives.arrow_tables import Kind, read_arrow
from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS, Drive
from pipeline.drives.map import DriveMap
from pipeline.drives.map_file import read_map_file
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError

FORMAT: Final = "argoverse2_sensor"
ANNOTATIONS: Final = "annotations.feather"
POSES: Final = "city_SE3_egovehicle.feather"
MAPS: Final = "log_map_archive_*.json"
RATE_HZ: Final = 10.0
EGO_WORD: Final = "EGO_VEHICLE"

# The recording car, a Ford Fusion Hybrid, of the size that Argoverse 2 gives it where it is among the annotated tracks
# (there its centre is put at the rear axle). Its axles are 2.85 m apart, the rear one about 1.1 m ahead of the bumper
# and a wheel's radius above the road.
EGO_SIZE_M: Final = (4.877, 2.0, 1.473)
EGO_CENTRE_IN_EGO_M: Final = (4.877 / 2 - 1.1, 0.0, 1.473 / 2 - 0.33)

_SIZES: Final = ("length_m", "width_m", "height_m")
_COLUMNS: Final[dict[str, Kind]] = {
    "timestamp_ns": "integer",
    "track_uuid": "text",
    "category": "text",
    **dict.fromkeys(_SIZES, "number"),
    **POSE_COLUMNS,
}


class Argoverse2SensorReader:
    """Reads logs of the Argoverse 2 Sensor Dataset."""

    name = FORMAT
    looks_for = f"{ANNOTATIONS} with {POSES}"

    def find(self, path: Path) -> list[DriveRef]:
        """The log whose folder it is."""
        if not any((path / name).is_file() for name in (ANNOTATIONS, POSES)):
            return []
        return [DriveRef(name=f"argoverse2-{plain_name(path.resolve().name)}", format=self.name, path=path)]

    def read(self, ref: DriveRef) -> Drive:
        """Read one log; the recording car is its track ``ego``, at the times of the annotated sweeps.

        Boxes of sweeps without a pose are left out and reported. A log of the test set has no annotations: it is no
        drive for us.

        Raises:
            InputError: Annotations, poses or the calibration of images are missing or useless as a whole.
        """
        folder = ref.path
        if not (folder / ANNOTATIONS).exists():
            todo = "leave out the logs of the test set, which are published without annotations"
            raise InputError(folder / ANNOTATIONS, "is missing", todo)
        poses, poses_dropped = read_ego_poses(folder / POSES)
        tracks, tracks_dropped, notes = _read_tracks(folder / ANNOTATIONS, poses)
        images = read_cameras(folder, poses)
        drive_map, map_notes, map_dropped = _read_map(folder / "map")
        return Drive(
            name=ref.name,
            format=self.name,
            path=folder,
            rate_hz=RATE_HZ,
            tracks=tracks,
            cameras=images.cameras,
            frames=images.frames,
            map=drive_map,
            dropped=poses_dropped + tracks_dropped + images.dropped + map_dropped,
            notes=notes + images.notes + map_notes,
        )


def _read_tracks(path: Path, poses: EgoPoses) -> tuple[pd.DataFrame, tuple[Dropped, ...], tuple[str, ...]]:
    """Boxes and the recording car as one table in the city frame."""
    boxes, dropped = read_arrow(path, columns=_COLUMNS, todo=TODO)
    row = boxes["source_row"].to_numpy()
    pose = poses.find(boxes["timestamp_ns"].to_numpy())
    usable = usable_poses(boxes)
    dropped += dropped_rows(path, row[pose < 0].tolist(), reason=f"no pose at its time in {POSES}")
    dropped += dropped_rows(path, row[(pose >= 0) & ~usable].tolist(), reason="no box pose with a unit quaternion")
    kept = (pose >= 0) & usable
    boxes, pose = boxes[kept], pose[kept]
    if boxes.empty:
        raise InputError(path, "has no box that can be placed in the city", "check that it belongs to the poses")
    ego = (boxes["category"] == EGO_WORD).to_numpy()
    _check_ids(boxes[~ego], path=path)
    agents, notes = _agents(boxes[~ego], poses.table.iloc[pose[~ego]])
    notes = tuple(f"{path}: {note}" for note in notes)
    if ego.any():
        notes += (f"{path}: {ego.sum()} rows of {EGO_WORD} are not used: {POSES} tells where the recording car is",)
    tracks = pd.concat([agents, _ego(poses.table.iloc[np.unique(pose)])], ignore_index=True)
    return tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS), dropped, notes


def _check_ids(boxes: pd.DataFrame, *, path: Path) -> None:
    """No agent may go by the recording car's name."""
    if len(taken := boxes[boxes["track_uuid"] == EGO]):
        where = f"{path}: row {taken['source_row'].iloc[0]}: track_uuid"
        raise InputError(where, f"is '{EGO}', which is the recording car's", "rename the track")


def _agents(boxes: pd.DataFrame, pose: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Boxes in the city frame, each beside the pose at its time, and notes on unknown words."""
    city_from_ego = rotations(pose)
    centre_m = city_from_ego.apply(translations_m(boxes)) + translations_m(pose)
    category, notes = categories_of(boxes["category"])
    table = _table(boxes, centre_m, city_from_box=city_from_ego * rotations(boxes))
    agents = table.assign(
        track_id=boxes["track_uuid"].to_numpy(),
        category=category,
        raw_category=boxes["category"].to_numpy(),
        is_ego=False,
        **{size: boxes[size].to_numpy() for size in _SIZES},
    )
    return agents, notes


def _ego(pose: pd.DataFrame) -> pd.DataFrame:
    """The recording car at poses."""
    city_from_ego = rotations(pose)
    centre_m = city_from_ego.apply(np.array(EGO_CENTRE_IN_EGO_M)) + translations_m(pose)
    table = _table(pose, centre_m, city_from_box=city_from_ego)
    sizes = dict(zip(_SIZES, EGO_SIZE_M, strict=True))
    return table.assign(track_id=EGO, category=int(Category.CAR), raw_category=EGO, is_ego=True, **sizes)


def _table(rows: pd.DataFrame, centre_m: Float[np.ndarray, "n 3"], *, city_from_box: Rotation) -> pd.DataFrame:
    """Row, time, box centre and heading; a box's x axis points ahead."""
    ahead = city_from_box.apply(np.array([1.0, 0.0, 0.0]))
    columns = {name: rows[name].to_numpy() for name in ("source_row", "timestamp_ns")}
    columns |= dict(zip(("x_m", "y_m", "z_m"), centre_m.T, strict=True))
    return pd.DataFrame(columns | {"heading_rad": np.arctan2(ahead[:, 1], ahead[:, 0])})


def _read_map(folder: Path) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """The log's map, which may be absent; of several, none can be told to be its own."""
    paths = sorted(folder.glob(MAPS))
    if len(paths) > 1:
        reason = f"map not used: {len(paths)} files are called {MAPS}; keep the log's own"
        return None, (), (Dropped(where=str(folder), reason=reason, count=len(paths)),)
    return read_map_file(paths[0], read_argoverse2_map) if paths else (None, (), ())
