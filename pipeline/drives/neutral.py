"""The neutral layout: drive.json and CSV or Parquet tables, what a user writes to bring their own drives."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from pipeline.drives.drive import FRAME_COLUMNS, Drive
from pipeline.files import whole_file, write_json

TRACKS: Final = (
    "timestamp_ns",
    "track_id",
    "category",
    "x_m",
    "y_m",
    "z_m",
    "heading_rad",
    "length_m",
    "width_m",
    "height_m",
)


def write_drive(drive: Drive, folder: Path, *, table: Literal["csv", "parquet"] = "csv") -> None:
    """Write a drive in the neutral layout: ``drive.json``, tracks and, where there are any, cameras and frames.

    Args:
        drive: What to write. Frame paths are written as they are; the images themselves are the caller's.
        folder: The drive's folder; made where it is missing.
        table: How the tables are written.
    """
    write_json(
        folder / "drive.json", {"name": drive.name, "source": drive.format, "licence": "", "rate_hz": drive.rate_hz}
    )
    words = np.where(drive.tracks["is_ego"], "ego", drive.tracks["raw_category"])
    tracks = drive.tracks.assign(category=words)[list(TRACKS)]
    _write_table(folder, "tracks", tracks, table=table)
    if drive.cameras:
        cameras = pd.DataFrame([{"camera": name, **asdict(camera)} for name, camera in drive.cameras.items()])
        _write_table(folder, "cameras", cameras, table=table)
        _write_table(folder, "frames", drive.frames[list(FRAME_COLUMNS)], table=table)


def _write_table(folder: Path, name: str, content: pd.DataFrame, *, table: Literal["csv", "parquet"]) -> None:
    with whole_file(folder / f"{name}.{table}") as temporary:
        if table == "csv":
            content.to_csv(temporary, index=False, lineterminator="\n")
        else:
            content.to_parquet(temporary, index=False)
