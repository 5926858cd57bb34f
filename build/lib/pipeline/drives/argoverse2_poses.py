"""Poses in Argoverse 2's tables: a quaternion and a translation in every row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from pipeline.drives.arrow_tables import Kind, read_arrow
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

TODO: Final = "take it from the same Argoverse 2 download"
QUATERNION: Final = ("qw", "qx", "qy", "qz")
TRANSLATION: Final = ("tx_m", "ty_m", "tz_m")
POSE_COLUMNS: Final[dict[str, Kind]] = dict.fromkeys((*QUATERNION, *TRANSLATION), "number")


def usable_poses(table: pd.DataFrame) -> Bool[np.ndarray, " n"]:
    """Whether each row has a finite translation and a unit quaternion."""
    norm = np.linalg.norm(table[[*QUATERNION]].to_numpy(), axis=1)
    return np.isfinite(table[[*TRANSLATION]].to_numpy()).all(axis=1) & (np.abs(norm - 1.0) < 0.01)


def rotations(table: pd.DataFrame) -> Rotation:
    """The rotations of rows with usable poses; their quaternions are brought to length one."""
    return Rotation.from_quat(np.array(table[[*QUATERNION]]), scalar_first=True)


def translations_m(table: pd.DataFrame) -> Float[np.ndarray, "n 3"]:
    """The translations of rows."""
    return np.array(table[[*TRANSLATION]])


@dataclass(frozen=True, kw_only=True, slots=True)
class EgoPoses:
    """City from ego vehicle, by time. The ego frame: middle of the rear axle, x forward, y left, z up.

    Attributes:
        table: ``source_row``, ``timestamp_ns`` and the pose, by ascending time without repeats.
    """

    table: pd.DataFrame

    def find(self, times_ns: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """The row of the pose at exactly each time; -1 where there is none."""
        known = self.table["timestamp_ns"].to_numpy()
        index = np.minimum(np.searchsorted(known, times_ns), len(known) - 1)
        return np.where(known[index] == times_ns, index, -1)


def read_ego_poses(path: Path) -> tuple[EgoPoses, tuple[Dropped, ...]]:
    """Read ``city_SE3_egovehicle.feather``: poses at the times of sweeps and of images.

    Raises:
        InputError: It cannot be read, or no row is a pose.
    """
    table, dropped = read_arrow(path, columns={"timestamp_ns": "integer", **POSE_COLUMNS}, todo=TODO)
    usable = usable_poses(table)
    dropped += dropped_rows(path, table["source_row"][~usable].tolist(), reason="no pose with a unit quaternion")
    table = table[usable]
    again = table.duplicated("timestamp_ns").to_numpy()
    dropped += dropped_rows(path, table["source_row"][again].tolist(), reason="second pose at its time")
    table = table[~again].sort_values("timestamp_ns", ignore_index=True)
    if table.empty:
        raise InputError(path, "no row is a pose with a unit quaternion", TODO)
    return EgoPoses(table=table), dropped
