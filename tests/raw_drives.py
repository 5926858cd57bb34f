"""Raw drives of a few rows, written by hand or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import IngestConfig
from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS, Camera, Drive, no_frames

CONFIG = IngestConfig(rate_hz=10.0, snap_s=0.01, max_gap_s=0.6, max_speed_mps=70.0, min_motion_m=0.5)
MS = 1_000_000


def raw_rows(track_id: str, times_ms: Sequence[float], **columns: Any) -> pd.DataFrame:
    """Rows of one track; what is not given is zero, a heading is not recorded."""
    defaults = dict.fromkeys(TRACK_COLUMNS, 0) | {
        "timestamp_ns": [round(time * MS) for time in times_ms],
        "track_id": track_id,
        "category": int(Category.CAR),
        "raw_category": "car",
        "is_ego": False,
        "heading_rad": np.nan,
        "length_m": 4.0,
        "width_m": 2.0,
        "height_m": 1.5,
    }
    return pd.DataFrame(defaults | columns, index=range(len(times_ms)))


def raw_drive(*parts: pd.DataFrame, name: str = "drive", path: Path = Path("raw/drive"), **fields: Any) -> Drive:
    """A drive of such rows, numbered in their order as lines of a CSV file."""
    tracks = pd.concat(parts, ignore_index=True)
    tracks["source_row"] = np.arange(len(tracks)) + 2
    fields = {"frames": no_frames(), **fields}
    return Drive(name=name, format="neutral", path=path, rate_hz=10.0, tracks=tracks.astype(TRACK_COLUMNS), **fields)


def drawn_drive(rng: np.random.Generator, *, num_tracks: int = 4, seconds: float = 4.0) -> Drive:
    """Tracks with jitter in their times, gaps, glitches, standstills, and headings recorded here and there."""
    parts: list[pd.DataFrame] = []
    for number in range(num_tracks):
        grid_ms = np.arange(rng.integers(0, 900), seconds * 1000.0, rng.choice([50, 100, 104, 250, 500]))
        times_ms = np.round(grid_ms + rng.choice([0.0, 6.0, 30.0]) * rng.uniform(-0.8, 0.8, len(grid_ms)), 3)
        times_ms = times_ms[rng.uniform(size=len(times_ms)) < rng.choice([0.6, 1.0])]
        speed = rng.choice([0.0, 0.3, 12.0]) * rng.uniform(0.5, 1.5, len(times_ms))
        turn = np.cumsum(rng.normal(0.0, 0.3, len(times_ms)))
        dt = np.diff(times_ms, prepend=times_ms[:1]) * 1e-3
        xy = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=-1) * (speed * dt)[:, None], axis=0)
        xy += rng.normal(0.0, 0.05, xy.shape) + rng.uniform(-50.0, 50.0, 2)
        glitch = rng.uniform(size=len(xy)) < rng.choice([0.0, 0.1])
        xy[glitch] += rng.uniform(-300.0, 300.0, (int(glitch.sum()), 2))
        recorded = rng.uniform(size=len(xy)) < rng.choice([0.0, 0.7, 1.0])
        rows = raw_rows(
            f"t{number}",
            times_ms.tolist(),
            x_m=xy[:, 0],
            y_m=xy[:, 1],
            z_m=rng.normal(size=len(xy)),
            heading_rad=np.where(recorded, turn, np.nan),
        )
        parts.append(rows.assign(length_m=rng.choice([4.0, 5.0, np.nan], len(rows))))
    return raw_drive(raw_rows("start", [0.0, 100.0], x_m=900.0), *parts)


CAMERA = Camera(width_px=640, height_px=360, fx_px=500.0, fy_px=500.0, cx_px=320.0, cy_px=180.0)
