"""A made-up fleet: as many drives as are asked for, of one length and with as many agents, tracks alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.drive import Drive, no_frames
from pipeline.drives.neutral import write_drive
from pipeline.drives.words import categories_of

_LANES: Final = 8
_LANE_M: Final = 3.5
_LENGTH_M: Final = 400.0  # of the stretch on which all start
_KINDS: Final = {  # word: share, length, width, height in metres, usual speed in m/s
    "car": (0.7, 4.5, 1.8, 1.5, 11.0),
    "truck": (0.1, 9.0, 2.5, 3.2, 9.0),
    "bicycle": (0.1, 1.8, 0.6, 1.7, 5.0),
    "pedestrian": (0.1, 0.6, 0.6, 1.8, 1.4),
}


def write_fleet(
    folder: Path, *, num_drives: int, num_agents: int, seconds: float, rate_hz: float = 10.0, seed: int = 0
) -> None:
    """Write drives in the neutral layout with Parquet tables, named ``drive-00000`` and so on.

    Every agent is there all the time, on one of eight lanes of a bending road; its speed goes up and down about what
    is usual of its kind, and some stop for a while. The first one is the ego.

    Args:
        folder: Of all drives; made where it is missing.
        num_drives: How many.
        num_agents: In each, the ego among them.
        seconds: How long each lasts.
        rate_hz: Of the measurements.
        seed: Of everything random.
    """
    for number in range(num_drives):
        rng = np.random.default_rng((seed, number))
        name = f"drive-{number:05}"
        tracks = _tracks(rng, num_agents=num_agents, num_steps=round(seconds * rate_hz), rate_hz=rate_hz)
        drive = Drive(
            name=name,
            format="neutral",
            path=folder / name,
            rate_hz=rate_hz,
            tracks=tracks,
            frames=no_frames(),
        )
        write_drive(drive, folder / name, source="made up", table="parquet")


def _tracks(rng: np.random.Generator, *, num_agents: int, num_steps: int, rate_hz: float) -> pd.DataFrame:
    words = rng.choice(list(_KINDS), num_agents, p=[kind[0] for kind in _KINDS.values()])
    words[0] = "car"
    length_m, width_m, height_m, usual_mps = np.array([_KINDS[word][1:] for word in words]).T
    t_s = np.arange(num_steps) / rate_hz
    period_s, phase = rng.uniform(8.0, 30.0, num_agents), rng.uniform(0.0, 2 * np.pi, num_agents)
    swing = rng.uniform(0.1, 1.3, num_agents)  # above 1 it stops for a while
    wave = np.sin(2 * np.pi * t_s / period_s[:, None] + phase[:, None])
    speed_mps = np.maximum(usual_mps[:, None] * (1.0 + swing[:, None] * wave), 0.0)
    s_m = rng.uniform(0.0, _LENGTH_M, num_agents)[:, None] + np.cumsum(speed_mps, axis=1) / rate_hz
    d_m = (_LANE_M * rng.integers(0, _LANES, num_agents))[:, None] + 0.1 * wave
    bend_pm = rng.uniform(-2e-3, 2e-3)  # curvature of the road
    heading_rad = bend_pm * s_m
    x_m = np.sin(heading_rad) / bend_pm - d_m * np.sin(heading_rad)
    y_m = (1.0 - np.cos(heading_rad)) / bend_pm + d_m * np.cos(heading_rad)
    noise_m = rng.normal(0.0, 0.03, (2, num_agents, num_steps))

    def steady(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, num_steps)

    category, _ = categories_of(map(str, steady(words)))
    ids = steady(np.arange(num_agents))
    return pd.DataFrame(
        {
            "source_row": np.arange(num_agents * num_steps),
            "timestamp_ns": np.tile(np.round(t_s * 1e9).astype(np.int64), num_agents),
            "track_id": [str(number) for number in ids],
            "category": category,
            "raw_category": steady(words),
            "is_ego": ids == 0,
            "x_m": (x_m + noise_m[0]).ravel(),
            "y_m": (y_m + noise_m[1]).ravel(),
            "z_m": 0.5 * steady(height_m),
            "heading_rad": np.angle(np.exp(1j * heading_rad)).ravel(),
            "length_m": steady(length_m),
            "width_m": steady(width_m),
            "height_m": steady(height_m),
        }
    )
