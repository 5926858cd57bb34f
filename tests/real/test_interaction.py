"""Followers and yielding vehicles on a real recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import IngestConfig, WindowsConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.interaction import moved_before, yielders
from pipeline.evaluation.leaders import NO_LEADER, leaders
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.windows import Windows

pytestmark = pytest.mark.real
PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def kitti(shared_data: Path) -> Windows:
    """KITTI tracking 0000, without its frames."""
    config = load_section("ingest", IngestConfig, path=PARAMS)
    [ref] = find_drives(shared_data / "kitti")
    clean = ingest_drive(read_drive(ref), config=config)
    features = {clean.name: SceneFeatures.empty(clean, 1)}
    return build_windows([clean], features, config=load_section("windows", WindowsConfig, path=PARAMS), split=None)


def test_the_recording_car_follows_the_cyclist_who_follows_the_van(kitti: Windows) -> None:
    found = leaders(kitti.observed, rate_hz=kitti.rate_hz)
    name = np.array([kitti.index.track_names[track][1] for track in kitti.index.track])
    follows = moved_before(kitti.observed, distance_m=1.0) & (found != NO_LEADER)
    early = follows & (kitti.index.t0_ns[kitti.observed.scene] < 8_000_000_000)
    pairs = np.unique(np.stack([name[early], name[found[early]]], axis=-1), axis=0)
    assert pairs.tolist() == [["1", "0"], ["ego", "1"]]
    assert np.unique(name[follows]).tolist() == ["1", "ego"]
    assert not np.isin(["0", "1", "ego"], name[yielders(kitti.observed, kitti.future, rate_hz=kitti.rate_hz)]).any()
