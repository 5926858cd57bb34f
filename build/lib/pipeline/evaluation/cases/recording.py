"""Constructed scenes as one raw drive, as a car with good sensors would record them one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS, Drive, no_frames
from pipeline.evaluation.cases.scenes import NOW, NUM_STEPS, OBSERVED_S, RATE_HZ, Scenes, Track

PERIOD_S: Final = 8.0  # from one scene to the next: six seconds, and two in which nobody is there
POSITION_NOISE_M: Final = 0.03
HEADING_NOISE_RAD: Final = 0.01
_START_NS: Final = 1_000_000_000_000
_S_TO_NS: Final = 1_000_000_000


def record(scenes: Scenes, *, name: str, rng: np.random.Generator) -> Drive:
    """A drive of scenes, each agent a track of its own (``track_id``), with light noise on places and headings.

    Args:
        scenes: In the order of their times.
        name: Of the drive.
        rng: Of the noise.
    """
    tables = [_rows(track, role, rng) for role, track in scenes.tracks.items()]
    tracks = pd.concat(tables, ignore_index=True).sort_values(["timestamp_ns", "track_id"], ignore_index=True)
    tracks.insert(0, "source_row", np.arange(1, len(tracks) + 1))
    return Drive(
        name=name,
        format="constructed",
        path=Path(name),
        rate_hz=RATE_HZ,
        tracks=tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS),
        frames=no_frames(),
    )


def track_id(scene: int, role: str) -> str:
    """The name of an agent's track."""
    return f"{scene:05d}-{role}"


def forecast_time_ns(scene: int) -> int:
    """The forecast time of a scene of such a drive."""
    return _START_NS + round((scene * PERIOD_S + OBSERVED_S) * _S_TO_NS)


def _rows(track: Track, role: str, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of one role in all scenes; the same numbers are drawn whoever is there."""
    xy = track.xy_m + rng.normal(0.0, POSITION_NOISE_M, track.xy_m.shape)
    heading = track.heading_rad + rng.normal(0.0, HEADING_NOISE_RAD, track.heading_rad.shape)
    scene, step = (grid.ravel() for grid in np.indices(heading.shape))
    times_ns = np.array([forecast_time_ns(number) for number in range(len(track.there))])
    step_ns = round(_S_TO_NS / RATE_HZ)
    rows = pd.DataFrame(
        {
            "timestamp_ns": times_ns[scene] + (step - NOW) * step_ns,
            "track_id": np.repeat([track_id(number, role) for number in range(len(times_ns))], NUM_STEPS),
            "category": track.category[scene],
            "raw_category": np.array([member.name.lower() for member in Category])[track.category[scene]],
            "is_ego": False,
            "x_m": xy[..., 0].ravel(),
            "y_m": xy[..., 1].ravel(),
            "z_m": 0.0,
            "heading_rad": heading.ravel(),
            "length_m": track.size_m[scene, 0],
            "width_m": track.size_m[scene, 1],
            "height_m": 1.5,
        }
    )
    return rows[track.there[scene]]
