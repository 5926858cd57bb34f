"""Real recordings come out of ingest as they should."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import IngestConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.report import ingest_report
from pipeline.params import load_section

PARAMS = Path(__file__).parents[2] / "params.yaml"
pytestmark = pytest.mark.real


@pytest.mark.parametrize("folder", ["kitti", "drives/pandaset-002", "drives/nuscenes-0061", "drives/nuscenes-0655"])
def test_measurements_survive_and_speeds_are_those_of_traffic(shared_data: Path, folder: str):
    config = load_section("ingest", IngestConfig, path=PARAMS)
    (ref,) = find_drives(shared_data / folder)
    drive = read_drive(ref)
    clean = ingest_drive(drive, config=config)
    report = ingest_report(clean)
    # At 10 Hz with jitter and at 2 Hz alike, every measurement is a row of its own, bit by bit.
    assert report["dropped_by_reason"] == {}
    assert report["num_measured_rows"] == report["num_raw_rows"] == len(drive.tracks)
    raw = drive.tracks.rename(columns={"track_id": "agent_id", "timestamp_ns": "t_ns"})
    both = clean.tracks.merge(raw, on=["agent_id", "t_ns"], suffixes=("", "_raw"))
    assert len(both) == len(raw)
    assert (both["x_m"] == both["x_m_raw"]).all()
    speed = np.hypot(clean.tracks["vx_mps"], clean.tracks["vy_mps"]).dropna()
    assert speed.quantile(0.99) < 30.0
