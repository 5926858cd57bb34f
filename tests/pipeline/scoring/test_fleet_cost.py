"""What scoring costs, measured on a fleet that is over in a moment."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.drives.found import find_all
from pipeline.drives.registry import read_drive
from pipeline.scoring.fleet import write_fleet
from pipeline.scoring.fleet_cost import fleet_cost
from pipeline.training.bundle import write_bundle
from tests.tiny_bundle import make_bundle


def test_a_made_up_fleet_is_as_it_was_ordered_and_drivable(tmp_path: Path) -> None:
    write_fleet(tmp_path, num_drives=2, num_agents=5, seconds=6.0)
    one, other = (read_drive(ref) for ref in find_all([tmp_path]).refs)
    assert not one.tracks["x_m"].equals(other.tracks["x_m"])
    for drive in (one, other):
        assert (drive.dropped, drive.rate_hz, len(drive.tracks)) == ((), 10.0, 5 * 60)
        assert drive.tracks.groupby("track_id")["is_ego"].first().sum() == 1
        for _, track in drive.tracks.groupby("track_id"):
            step_m = np.hypot(np.diff(track["x_m"]), np.diff(track["y_m"]))
            assert step_m.max() < 3.0  # 26 m/s, and the noise


def test_the_cost_of_a_fleet_is_told(tmp_path: Path) -> None:
    write_bundle(tmp_path / "model", make_bundle(scene=False))
    cost = fleet_cost(tmp_path / "model", num_drives=2, num_agents=4, seconds=6.0, workers=1, every_s=0.5)
    assert (cost.driven_s, cost.forecasts) == (12.0, 2 * 4 * 12)
    assert 0.0 < cost.cpu_s < 100.0
    assert 100.0 < cost.peak_mb < 3000.0
    assert set(cost.steps_s) == {"read", "ingest", "scene_features", "windows", "forecast", "drift", "write", "metrics"}
    lines = replace(cost, driven_s=1200.0, wall_s=10.0, cpu_s=20.0, peak_mb=math.nan).lines()
    assert lines[0] == "2 drives of 600 s, 96 forecasts, 1 workers: 10 s, 120 times real time"
