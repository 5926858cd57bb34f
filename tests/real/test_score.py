"""Real recordings scored from their raw files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.scoring.score import score
from pipeline.training.bundle import write_bundle
from tests.tiny_bundle import make_bundle

pytestmark = pytest.mark.real


def test_real_drives_are_scored_and_only_a_swapped_ego_is_named(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "model", make_bundle(scene=False))
    summary = score(
        tmp_path / "model", [shared_data / "kitti", shared_data / "drives"], out=tmp_path / "out", device="cpu"
    )
    assert summary.exit_code == 0
    suspected = [line for line in capsys.readouterr().err.splitlines() if "likely" in line]
    assert len(suspected) == 8  # the neutral extracts of nuScenes
    assert all("ego: it is 1.73 m long and 4.08 m wide; likely its length and width swapped" in x for x in suspected)
    assert len(summary.drives) == 10
    assert summary.health["non_finite"] == 0
    rows = pd.concat([pd.read_parquet(path) for path in sorted((tmp_path / "out").glob("*.parquet"))])
    for name in ("x_m", "y_m", "sigma_x_m", "sigma_y_m", "rho", "speed_mps"):
        assert np.isfinite(np.stack(rows[name])).all(), name
    ego = rows[(rows["agent_id"] == "ego") & (rows["mode"] == -1) & (rows["health"] == "ok")]
    assert np.stack(ego["speed_mps"]).max() < 40.0
