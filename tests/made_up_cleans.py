"""Clean drives made by hand for tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.drives.categories import Category
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive

STEP_NS = 100_000_000
START_NS = 1_000_000_000_000


def clean_drive(
    agents: Mapping[str, Sequence[Mapping[str, float]]],
    *,
    num_steps: int,
    name: str = "drive",
    cameras: Mapping[str, Camera] | None = None,
    frames: pd.DataFrame | None = None,
) -> CleanDrive:
    """A drive at 10 Hz. Each agent is a list of rows: ``step``, and any other column; ``known`` is a step."""
    step_times_ns = START_NS + np.arange(num_steps) * STEP_NS
    rows = []
    for agent_id in sorted(agents):
        for given in agents[agent_id]:
            step = int(given["step"])
            row = {
                "agent_id": agent_id,
                "category": int(Category.CAR),
                "raw_category": "car",
                "is_ego": agent_id == "ego",
                "t_ns": step_times_ns[step],
                "known_at_ns": START_NS + int(given.get("known", step)) * STEP_NS,
                **dict.fromkeys(("x_m", "y_m", "z_m", "heading_rad"), 0.0),
                **dict.fromkeys(("vx_mps", "vy_mps"), np.nan),
                "length_m": 4.0,
                "width_m": 2.0,
                "height_m": 1.5,
                **{key: value for key, value in given.items() if key != "known"},
            }
            rows.append([row[column] for column in CLEAN_COLUMNS])
    return CleanDrive(
        name=name,
        source_path="nowhere",
        rate_hz=10.0,
        step_times_ns=step_times_ns,
        tracks=pd.DataFrame(rows, columns=list(CLEAN_COLUMNS)).astype(CLEAN_COLUMNS),
        cameras=cameras or {},
        frames=pd.DataFrame({key: [] for key in FRAME_COLUMNS}).astype(FRAME_COLUMNS) if frames is None else frames,
    )


def random_clean_drive(seed: int, *, num_agents: int = 6, num_steps: int = 60, name: str = "drive") -> CleanDrive:
    """Agents that come and go, with gaps, samples known late, and headings that are not always there."""
    rng = np.random.default_rng(seed)
    agents: dict[str, list[dict[str, float]]] = {}
    for number in range(num_agents):
        first, last = sorted(rng.integers(0, num_steps, 2))
        start, velocity = rng.normal(0, 20, 2), rng.normal(0, 5, 2)
        agents["ego" if number == 0 else f"a{number}"] = [
            {
                "step": step,
                "known": step + max(0, int(rng.integers(-4, 5))),
                "x_m": start[0] + velocity[0] * step / 10 + rng.normal(0, 0.1),
                "y_m": start[1] + velocity[1] * step / 10 + rng.normal(0, 0.1),
                "z_m": rng.normal(),
                "heading_rad": np.nan if rng.random() < 0.2 else rng.uniform(-np.pi, np.pi),
                "length_m": rng.uniform(3, 5),
                "category": int(rng.integers(0, 9)),
            }
            for step in range(first, last + 1)
            if rng.random() < 0.9
        ]
    return clean_drive(agents, num_steps=num_steps, name=name)
