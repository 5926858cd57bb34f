"""The evaluate stage: everything it writes, and one line for what cannot be used."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shapely import box

from models.config import ForecasterConfig
from models.forecaster import Forecaster
from pipeline import cli
from pipeline.baselines.constant_velocity import unfitted
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.drives.categories import Category
from pipeline.drives.map import DriveMap, union
from pipeline.ingest.store import write_clean, write_index
from pipeline.params import load_section, load_sources
from pipeline.stages import evaluate, run_stage
from pipeline.training.bundle import Bundle, write_bundle
from pipeline.training.familiar import Familiar
from pipeline.windows.store import write_windows
from tests.made_up_cleans import clean_drive
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows

PARAMS = Path(__file__).parents[3] / "params.yaml"


def untrained(folder: Path, *, num_future: int = NUM_FUTURE) -> None:
    torch.manual_seed(0)
    config = ForecasterConfig(
        cell="lstm", interaction="social", decoder="low_rank", turn_to_heading=True,
        scene=False, width=8, num_modes=6, basis_rank=4, grid_cells=4, cell_m=4.0,
        pooled_width=4, num_heads=2, dropout=0.0, num_future=num_future, rate_hz=RATE_HZ,
        num_categories=len(Category), vehicle_categories=(1,), scene_channels=NUM_CHANNELS,
    )  # fmt: skip
    bundle = Bundle(
        ingest=load_section("ingest", IngestConfig, path=PARAMS),
        windows=load_section("windows", WindowsConfig, path=PARAMS),
        scene=load_section("scene_features", SceneConfig, path=PARAMS),
        train=load_section("train", TrainConfig, path=PARAMS),
        model=Forecaster(config),
        backbone=None,
        familiar=Familiar.fit(small_windows()),
        constant_velocity=unfitted(num_future=num_future, rate_hz=RATE_HZ),
        meta={},
    )
    write_bundle(folder, bundle)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder with windows and two models, and the stage as DVC calls it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(PARAMS, "params.yaml")
    write_windows(Path("windows"), small_windows(num_scenes=30), extra={})
    untrained(Path("model"))
    untrained(Path("baseline"))
    first, *others = load_sources()
    for source in others:
        write_index(Path("ingest") / source, drives=[], rejected={})
    road = DriveMap(lanes=(), crossings=(), drivable_area=union([box(-15, -15, 15, 15)]))
    clean = clean_drive({"1": [{"step": 0}]}, num_steps=1, name="c")  # the drive of the test scenes
    write_clean(Path("ingest") / first, replace(clean, map=road))
    write_index(Path("ingest") / first, drives=["c"], rejected={})
    words = "evaluate --windows windows --ingest ingest --model model --baseline baseline --plots plots"
    monkeypatch.setattr(sys, "argv", [*words.split(), "--metrics", "reports/metrics.json"])
    return lambda: run_stage(evaluate.main)


def test_writes_metrics_and_plots_of_all_four(stage) -> None:
    stage()
    report = json.loads(Path("reports/metrics.json").read_text())
    assert list(report) == [
        "social_lstm", "lstm", "constant_velocity", "kalman", "keeps", "recorded", "difference", "counts",
    ]  # fmt: skip
    assert set(report["difference"]) == {
        f"social_lstm_minus_{name}" for name in ("lstm", "constant_velocity", "kalman", "keeps")
    }
    same = report["difference"]["social_lstm_minus_lstm"]["movers"]  # both have the same weights
    assert (same["ade_m"], same["ade_m_low"], same["ade_m_high"]) == (0.0, 0.0, 0.0)
    for name in ("social_lstm", "kalman", "keeps"):
        cell = report[name]["vehicle_movers"]
        for metric in ("direction_macro_f1", "direction_brier", "pace_macro_f1", "pace_brier", "accel_mae_mps2"):
            assert cell[f"{metric}_low"] <= cell[metric] <= cell[f"{metric}_high"], (name, metric)
        assert cell["curvature_mae_1pm"] >= 0.0
    assert "ade_m" not in report["keeps"]["all"]
    assert report["counts"]["manoeuvres"]["direction"]["keep"] > 0
    for name in ("all", "movers"):
        cell = report["kalman"][name]
        assert cell["ade_m_low"] <= cell["ade_m"] <= cell["ade_m_high"]
        assert 0.0 < cell["offroad_rate"] < 1.0
        assert 0.0 <= report["recorded"][name]["offroad_rate"] < 1.0
    assert {"horizon.csv", "horizon.png", "calibration.png", "scene_1.png", "baselines.json"} <= {
        path.name for path in Path("plots").iterdir()
    }


def test_the_command_takes_the_maps_from_beside_the_windows(stage, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "evaluate --windows windows --model model --metrics metrics.json --plots plots"

    def command(*more: str) -> bool:
        """Whether it found a map."""
        monkeypatch.setattr(sys, "argv", ["headway", *words.split(), *more])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return "offroad_rate" in json.loads(Path("metrics.json").read_text())["model"]["all"]

    assert command()
    Path("ingest").rename("elsewhere")
    assert not command()
    assert command("--ingest", "elsewhere")


def test_a_model_for_other_windows_is_named(stage) -> None:
    untrained(Path("baseline"), num_future=NUM_FUTURE + 1)
    with pytest.raises(SystemExit, match=r"windows: has future steps.*but lstm was trained for \(21"):
        stage()
    assert not Path("reports").exists()


def test_windows_without_a_test_split_are_named(stage) -> None:
    windows = small_windows(num_scenes=30)
    none = replace(windows.index, split=np.zeros_like(windows.index.split))
    write_windows(Path("windows"), replace(windows, index=none), extra={})
    with pytest.raises(SystemExit, match="windows: has no scene in the test split; add drives"):
        stage()


def test_a_missing_folder_of_clean_drives_is_named(stage) -> None:
    shutil.rmtree("ingest")
    with pytest.raises(SystemExit, match=r"drives\.json: cannot be read \(FileNotFoundError\); run ingest again"):
        stage()
