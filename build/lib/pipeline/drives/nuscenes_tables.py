"""The tables of a nuScenes version folder, reduced to what drives are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.drives.json_rows import floats, read_rows, texts
from pipeline.drives.nuscenes_samples import Samples, read_samples
from pipeline.drives.nuscenes_shots import read_poses, read_sensors, read_shots
from pipeline.drives.nuscenes_version import NEEDED, XYZ, Version, joined, numbers, table
from pipeline.drives.quaternions import headings_rad, unit_quaternions
from pipeline.drives.words import EGO
from pipeline.errors import Dropped, InputError

OF_AGENTS: Final = ("sample_annotation", "instance", "category")
OF_SENSORS: Final = ("sample_data", "ego_pose", "calibrated_sensor", "sensor")
_BOX_COLUMNS: Final[dict[str, str]] = {
    "source_row": "int64",
    "scene": "int32",
    "timestamp_ns": "int64",
    "instance": "int32",
    **dict.fromkeys((*XYZ, "heading_rad", "width_m", "length_m", "height_m"), "float64"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """All scenes of a version folder. Rows refer to others by number instead of token.

    Attributes:
        folder: The version folder.
        there: The names of the tables that lie in it.
        scene_of_name: The number of each scene.
        boxes: Rows of sample_annotation: source_row, scene, timestamp_ns (the keyframe's), instance, the box's centre
            and heading in the global frame, width_m, length_m, height_m; NaN where unreadable.
        tokens: Of each instance.
        words: The category's name of each instance; empty where the tables do not tell it.
        shots: Rows of sample_data: see ``read_shots``.
        poses: World from ego: place, and unit quaternion w, x, y, z; NaN where there is no usable one.
        sensors: Rows of calibrated_sensor: see ``read_sensors``.
        dropped: What was left out and cannot be told to be of one scene.
    """

    folder: Path
    there: frozenset[str]
    scene_of_name: dict[str, int]
    boxes: pd.DataFrame
    tokens: tuple[str, ...]
    words: tuple[str, ...]
    shots: pd.DataFrame
    poses: Float[np.ndarray, "p 7"]
    sensors: pd.DataFrame
    dropped: tuple[Dropped, ...]

    def file(self, name: str) -> Path:
        """The file of a table."""
        return self.folder / f"{name}.json"


def is_version(folder: Path) -> bool:
    """Whether a folder holds nuScenes' tables."""
    return any((folder / f"{name}.json").is_file() for name in NEEDED)


def scene_names(folder: Path) -> list[str]:
    """The names of the scenes in a version folder, each once, in file order.

    Raises:
        InputError: The table of scenes is missing or cannot be read.
    """
    names = [name for _, rows in read_rows(folder / "scene.json") for name in texts(rows, "name") if name]
    return list(dict.fromkeys(names))


def read_tables(folder: Path) -> Tables:
    """Read the tables of a version folder: once for all of its scenes that a process reads after each other.

    The tables read last are kept until others are read, and read again when a file has changed.

    Raises:
        InputError: A table cannot be read as a whole, or that of scenes or samples is missing.
    """
    files = {name: folder / f"{name}.json" for name in (*NEEDED, *OF_AGENTS, *OF_SENSORS)}
    stats = {name: file.stat() for name, file in files.items() if file.is_file()}
    tables = _read(folder, tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats.items()))
    if isinstance(tables, InputError):  # a new one each time, for an error holds on to where it was raised
        raise InputError(tables.where, tables.what, tables.todo)
    return tables


@lru_cache(maxsize=1)
def _read(folder: Path, files: tuple[tuple[str, int, int], ...]) -> Tables | InputError:
    """The tables, or why they cannot be read: every scene is told so without parsing them again."""
    version = Version(folder, there=frozenset(name for name, _, _ in files))
    try:
        samples = read_samples(version)
        boxes, instance_of_token = _read_boxes(version, samples)
        words = _read_words(version, instance_of_token)
        sensors, sensor_of_token = read_sensors(version)
        shots, pose_of_token = read_shots(version, samples, sensors=sensors, sensor_of_token=sensor_of_token)
        poses = read_poses(version, pose_of_token)
    except InputError as error:
        return InputError(error.where, error.what, error.todo)
    return Tables(
        folder=folder,
        there=version.there,
        scene_of_name=samples.scene_of_name,
        boxes=boxes,
        tokens=tuple(instance_of_token),
        words=words,
        shots=shots,
        poses=poses,
        sensors=sensors,
        dropped=version.dropped(),
    )


def _read_boxes(version: Version, samples: Samples) -> tuple[pd.DataFrame, dict[str, int]]:
    """The annotations, and the numbers of the instances that they are of."""
    instance_of_token: dict[str, int] = {}
    parts: list[pd.DataFrame] = []
    name = "sample_annotation"
    for source_row, rows in version.chunks(name):
        scene, timestamp_ns = samples.scene_of(rows, table=name, source_row=source_row, version=version)
        tokens = texts(rows, "instance_token")
        named = np.array([token not in ("", EGO) for token in tokens])  # the recording car's id is taken
        version.leave_out(name, "no usable instance_token", source_row[(scene >= 0) & ~named])
        columns = {
            "source_row": source_row,
            "scene": scene,
            "timestamp_ns": timestamp_ns,
            "instance": [instance_of_token.setdefault(token, len(instance_of_token)) for token in tokens],
            **dict(zip(XYZ, floats(rows, "translation", shape=(3,)).T, strict=True)),
            "heading_rad": headings_rad(unit_quaternions(floats(rows, "rotation", shape=(4,)))),
            **dict(zip(("width_m", "length_m", "height_m"), floats(rows, "size", shape=(3,)).T, strict=True)),
        }
        parts.append(table(columns, _BOX_COLUMNS)[(scene >= 0) & named])
    return joined(parts, _BOX_COLUMNS), instance_of_token


def _read_words(version: Version, instance_of_token: dict[str, int]) -> tuple[str, ...]:
    """The category's name of each instance."""
    category_of_token: dict[str, int] = {}
    names: list[str] = []
    for _, rows in version.keyed("category", category_of_token):
        names += texts(rows, "name")
    words = [""] * len(instance_of_token)
    for _, rows in version.keyed("instance", {}):
        category = numbers(texts(rows, "category_token"), category_of_token).tolist()
        for number, token in zip(category, texts(rows, "token"), strict=True):
            if number >= 0 and token in instance_of_token:
                words[instance_of_token[token]] = names[number]
    return tuple(words)
