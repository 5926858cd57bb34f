"""A clean drive: every track at one rate, with the time at which each sample became known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.drives.map import DriveMap
from pipeline.errors import Dropped, Suspicion

CLEAN_COLUMNS: Final[dict[str, str]] = {
    "agent_id": "str",  # the source's track id; "~2", "~3" ... appended after an impossible jump
    "category": "int8",  # Category
    "raw_category": "str",
    "is_ego": "bool",
    "step": "int32",  # index into step_times_ns
    "t_ns": "int64",  # step_times_ns[step]
    "known_at_ns": "int64",  # latest raw measurement time that this row depends on; >= t_ns only if interpolated
    "x_m": "float64",
    "y_m": "float64",
    "z_m": "float64",
    "heading_rad": "float64",  # recorded, else from the motion up to here; NaN until there is either
    "vx_mps": "float64",  # backward difference to the agent's previous row; NaN on the first after a gap
    "vy_mps": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "height_m": "float64",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanDrive:
    """One drive at one rate, sorted by (agent_id, step). No two rows share both.

    Attributes:
        name: The drive's name.
        source_path: The raw drive's folder, which frame paths are relative to (as given; may be relative).
        rate_hz: Nominal rate of ``step_times_ns``.
        step_times_ns: Time of every step. Nominally uniform; a step takes the exact time of a raw frame that
            lies within ``snap_s`` of it, so that real recordings with jitter need no interpolation.
        tracks: Columns of ``CLEAN_COLUMNS``.
        cameras: By camera name.
        frames: Columns of ``FRAME_COLUMNS``, sorted by (timestamp_ns, camera).
        map: In the world frame of the tracks; None where the source has none.
        dropped: What reading and cleaning left out, and why.
        notes: What the reader and cleaning had to assume.
        suspicions: What is hardly as the source meant it.
        num_raw_rows: Measurements that the reader delivered, before cleaning.
    """

    name: str
    source_path: str
    rate_hz: float
    step_times_ns: Int[np.ndarray, " s"]
    tracks: pd.DataFrame
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    frames: pd.DataFrame
    map: DriveMap | None = None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    num_raw_rows: int = 0

    def __post_init__(self) -> None:
        assert list(self.tracks.columns) == list(CLEAN_COLUMNS), list(self.tracks.columns)
        assert list(self.frames.columns) == list(FRAME_COLUMNS), list(self.frames.columns)
