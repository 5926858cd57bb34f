"""nuScenes in its publisher's layout: a folder of tables, and the images that they name.

    <root>/v1.0-*/{scene,sample,sample_annotation,instance,category,sample_data,ego_pose,calibrated_sensor,sensor}.json
    <root>/samples/CAM_*/*.jpg     of the keyframes
    <root>/sweeps/CAM_*/*.jpg      between them

scene and sample are needed, and for a drive of any use sample_annotation, or sample_data with ego_pose. Without
sample_annotation there is no agent but the recording car; without instance or category the kind of no agent is known;
without sample_data or ego_pose there is neither recording car nor camera; without calibrated_sensor or sensor there is
no camera. Each of these is noted. log, map, attribute and visibility are not read.

The world is the tables' global frame: metres, z up. Agents are measured at the keyframes, at 2 Hz; the recording car at
every scan of its lidar, keyframe or not, as far as sample_data has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS, Drive
from pipeline.drives.json_rows import ABSENT
from pipeline.drives.nuscenes_images import find_images
from pipeline.drives.nuscenes_shots import LIDAR, POSE
from pipeline.drives.nuscenes_tables import OF_AGENTS, OF_SENSORS, Tables, is_version, read_tables, scene_names
from pipeline.drives.nuscenes_version import XYZ
from pipeline.drives.quaternions import headings_rad
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows, passing_rows
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError

FORMAT: Final = "nuscenes"
RATE_HZ: Final = 2.0  # of the annotated keyframes

# The recording car is a Renault Zoe (Caesar et al., nuScenes, CVPR 2020, section 3.1), 4.084 m long, 1.730 m wide and
# 1.562 m high on a wheelbase of 2.588 m (Renault's data sheet, 2012 to 2019). Poses are those of the middle of its rear
# axle, on the ground; the box's centre is 1.385 m ahead of that (py123d's parameters of the same car). The data agree:
# the radars in its bumpers are at x = 3.412 m and -0.562 m, inside the box's ends at 3.427 m and -0.657 m.
EGO_SIZE_M: Final = (4.084, 1.730, 1.562)
EGO_CENTRE_M: Final = (1.385, 0.0, 1.562 / 2)

_WITHOUT: Final = {
    "sample_annotation": "no agent but the recording car",
    **dict.fromkeys(("instance", "category"), "the kind of no agent is known"),
    **dict.fromkeys(("sample_data", "ego_pose"), "no recording car and no camera"),
    **dict.fromkeys(("calibrated_sensor", "sensor"), "no camera"),
}


class NuScenesReader:
    """Reads scenes of nuScenes."""

    name = FORMAT
    looks_for = "v1.0-*/scene.json with sample.json, sample_annotation.json and others"

    def find(self, path: Path) -> list[DriveRef]:
        """Every scene of every version folder."""
        refs: list[DriveRef] = []
        for version in sorted(path.glob("v1.0-*")):
            if not is_version(version):
                continue
            try:
                scenes = scene_names(version)
            except InputError:  # reading the drive says so
                scenes = []
            keys = {scene: f"{version.name}/{scene}" for scene in scenes} or {version.name: version.name}
            refs += [
                DriveRef(name=f"nuscenes-{plain_name(scene)}", format=self.name, path=path, key=key)
                for scene, key in keys.items()
            ]
        return refs

    def read(self, ref: DriveRef) -> Drive:
        """Read one scene; the recording car is its track ``ego``.

        All scenes of a version folder that are read after each other are parsed once. Rows that cannot be told to be of
        one scene (they refer to no keyframe, for example) are reported with each of them.

        Raises:
            InputError: A table is missing or cannot be read as a whole, the scene has neither agents nor poses, or the
                name of an image leads out of the data set's folder.
        """
        version, _, name = ref.key.partition("/")
        tables = read_tables(ref.path / version)
        if name not in tables.scene_of_name:
            what = f"has no scene {name[:60]!r} with a token of its own" if name else "has no scene with a name"
            raise InputError(tables.file("scene"), what, "take it from the same download")
        scene = tables.scene_of_name[name]
        agents, notes, dropped = _agents(tables, scene)
        shots, shots_dropped = _shots(tables, scene)
        ego = _ego(tables, shots)
        dropped += shots_dropped
        if agents.empty and ego.empty:
            reasons = ", ".join(sorted({entry.reason for entry in (*tables.dropped, *dropped)}))
            what = f"has neither annotations nor poses of scene {name[:60]!r}" + (f" ({reasons})" if reasons else "")
            raise InputError(tables.folder, what, "take its tables from the same download")
        images = find_images(ref.path, tables, shots)
        absent = [table for table in (*OF_AGENTS, *OF_SENSORS) if table not in tables.there]
        return Drive(
            name=ref.name,
            format=self.name,
            path=ref.path,
            rate_hz=RATE_HZ,
            tracks=pd.concat([agents, ego], ignore_index=True).astype(TRACK_COLUMNS),
            cameras=images.cameras,
            frames=images.frames,
            dropped=tables.dropped + dropped + images.dropped,
            notes=tuple(f"{tables.file(table)}: is not there: {_WITHOUT[table]}" for table in absent)
            + notes
            + images.notes,
        )


def _agents(tables: Tables, scene: int) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Dropped, ...]]:
    """The annotated agents, notes on unknown words, and the rows without a place."""
    boxes = tables.boxes[tables.boxes["scene"] == scene]
    file, rows = tables.file("sample_annotation"), boxes["source_row"].to_numpy()
    placed = np.isfinite(boxes[list(XYZ)].to_numpy()).all(axis=1)
    turned = np.isfinite(boxes["heading_rad"].to_numpy())
    dropped = dropped_rows(file, rows[~placed].tolist(), reason="unreadable translation")
    reason = "rotation is no unit quaternion, the heading is taken as unknown"
    dropped += dropped_rows(file, rows[placed & ~turned].tolist(), reason=reason)
    boxes = boxes[placed]
    words = [tables.words[number] for number in boxes["instance"]]
    category, notes = categories_of(words)
    agents = boxes.assign(
        track_id=[tables.tokens[number] for number in boxes["instance"]],
        category=category,
        raw_category=words,
        is_ego=False,
    )
    return agents[list(TRACK_COLUMNS)], tuple(f"{file}: {note}" for note in notes), dropped


def _shots(tables: Tables, scene: int) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """The scene's rows of sample_data with the car's pose, ``POSE``; those without one or a time are left out."""
    posing = {"sample_data", "ego_pose"} <= tables.there
    shots = tables.shots[(tables.shots["scene"] == scene) & posing]
    poses = tables.poses[shots["pose"].to_numpy()]
    known = (shots["sensor"].to_numpy() >= 0) | ("calibrated_sensor" not in tables.there)
    checks: tuple[tuple[str, Bool[np.ndarray, " n"]], ...] = (
        ("unreadable timestamp", shots["timestamp_ns"].to_numpy() != ABSENT),
        ("refers to no row of calibrated_sensor.json", known),
        ("refers to no usable row of ego_pose.json", np.asarray(np.isfinite(poses).all(axis=1))),
    )
    good, dropped = passing_rows(tables.file("sample_data"), shots["source_row"].to_numpy(), checks)
    return shots.assign(**dict(zip(POSE, poses.T, strict=True)))[good], dropped


def _ego(tables: Tables, shots: pd.DataFrame) -> pd.DataFrame:
    """The recording car at the lidar's scans; without a lidar whenever there is a pose."""
    channel = np.append(tables.sensors["channel"].to_numpy(object), "")[shots["sensor"].to_numpy()]
    scans = shots[channel == LIDAR] if (channel == LIDAR).any() else shots
    scans = scans.drop_duplicates("timestamp_ns")
    quaternion = scans[list(POSE[3:])].to_numpy()
    if scans.empty:
        return pd.DataFrame(columns=list(TRACK_COLUMNS)).astype(TRACK_COLUMNS)
    centre = scans[list(XYZ)].to_numpy() + Rotation.from_quat(quaternion, scalar_first=True).apply(EGO_CENTRE_M)
    ego = scans.assign(
        **dict(zip(XYZ, centre.T, strict=True)),
        heading_rad=headings_rad(quaternion),
        **dict(zip(("length_m", "width_m", "height_m"), EGO_SIZE_M, strict=True)),
        track_id=EGO,
        category=int(Category.CAR),
        raw_category=EGO,
        is_ego=True,
    )
    return ego[list(TRACK_COLUMNS)]
