"""Labelled boxes and the recording car of a KITTI recording, brought into the world.

The *world* is east, north and up in metres by the KITTI raw devkit's Mercator projection of the OXTS positions, with
its origin at the first of them so that numbers stay small.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from einops import einsum
from jaxtyping import Float, Int

from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS
from pipeline.drives.kitti_oxts import Poses
from pipeline.drives.tables import dropped_rows
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError

# The recording car, a VW Passat estate. KITTI's drawing of it puts the IMU 0.05 m behind the rear axle and 0.93 m above
# the road, and the calibration 0.32 m left of the scanner, which sits over the middle. The box reaches from the road to
# the roof; its centre is about 1.3 m ahead of the rear axle.
EGO_SIZE_M: Final = (4.77, 1.82, 1.48)
EGO_CENTRE_IN_IMU_M: Final = (1.35, -0.32, 1.48 / 2 - 0.93)


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """Labelled boxes in the coordinates of a sensor.

    Attributes:
        path: The source file.
        row: Its line.
        frame: Whose pose brings the box into the world.
        track_id: Of the agent, as text.
        word: The source's own for its category.
        centre_m: Of the box, not of its bottom.
        forward: The heading's direction.
        size_m: Length, width, height.
    """

    path: Path
    row: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]
    track_id: list[str]
    word: list[str]
    centre_m: Float[np.ndarray, "n 3"]
    forward: Float[np.ndarray, "n 3"]
    size_m: Float[np.ndarray, "n 3"]


def tracks_in_world(
    boxes: Boxes, *, imu_from_sensor: Float[np.ndarray, "4 4"], poses: Poses
) -> tuple[pd.DataFrame, tuple[Dropped, ...], tuple[str, ...]]:
    """The boxes of frames with a pose, and the recording car as track ``ego``.

    Returns:
        The columns of ``TRACK_COLUMNS``; the boxes that were left out; notes on unknown words.

    Raises:
        InputError: No box can be placed.
    """
    posed = poses.has(boxes.frame)
    if not posed.any():
        todo = "check that labels and OXTS belong together"
        raise InputError(boxes.path, "has no label that can be placed in the world", todo)
    dropped = dropped_rows(boxes.path, boxes.row[~posed].tolist(), reason=poses.missing)
    kept = np.flatnonzero(posed)
    words = [boxes.word[index] for index in kept]
    category, notes = categories_of(words)
    world_from_sensor = poses.world_from_imu[boxes.frame[kept]] @ imu_from_sensor
    agents = _table(
        row=boxes.row[kept],
        times_ns=poses.times_ns[boxes.frame[kept]],
        xyz_m=move(world_from_sensor, boxes.centre_m[kept]),
        forward=einsum(world_from_sensor[:, :3, :3], boxes.forward[kept], "n i j, n j -> n i"),
        size_m=boxes.size_m[kept],
    ).assign(track_id=[boxes.track_id[index] for index in kept], category=category, raw_category=words, is_ego=False)
    pose = poses.world_from_imu[poses.frames]
    ego = _table(
        row=poses.frames + 1,
        times_ns=poses.times_ns[poses.frames],
        xyz_m=move(pose, np.broadcast_to(EGO_CENTRE_IN_IMU_M, (len(pose), 3))),
        forward=pose[:, :3, 0],
        size_m=np.broadcast_to(EGO_SIZE_M, (len(pose), 3)),
    ).assign(track_id=EGO, category=int(Category.CAR), raw_category=EGO, is_ego=True)
    tracks = pd.concat([agents, ego], ignore_index=True)
    notes = tuple(f"{boxes.path}: {note}" for note in notes)
    return tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS), dropped, notes


def move(to_from: Float[np.ndarray, "n 4 4"], points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Each point through its own rigid motion."""
    return einsum(to_from[:, :3, :3], points, "n i j, n j -> n i") + to_from[:, :3, 3]


def _table(
    *,
    row: Int[np.ndarray, " n"],
    times_ns: Int[np.ndarray, " n"],
    xyz_m: Float[np.ndarray, "n 3"],
    forward: Float[np.ndarray, "n 3"],
    size_m: Float[np.ndarray, "n 3"],
) -> pd.DataFrame:
    """The measured columns; ``forward`` is the heading's direction in the world, ``size_m`` length, width, height."""
    columns = {"source_row": row, "timestamp_ns": times_ns}
    columns |= dict(zip(("x_m", "y_m", "z_m"), xyz_m.T, strict=True))
    columns |= {"heading_rad": np.arctan2(forward[:, 1], forward[:, 0])}
    columns |= dict(zip(("length_m", "width_m", "height_m"), size_m.T, strict=True))
    return pd.DataFrame(columns)
