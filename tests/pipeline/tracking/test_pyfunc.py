"""The model in MLflow forecasts what ``headway score`` does."""

import sys
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow.parquet as pq
import pytest

from models.forecaster import Forecaster
from pipeline.baselines.constant_velocity import unfitted
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from pipeline.params import load_section
from pipeline.scoring.forecast import forecast_drive
from pipeline.scoring.table import SCHEMA, write_table
from pipeline.tracking.model import log_model, signature
from pipeline.tracking.pyfunc import Forecasting
from pipeline.tracking.store import open_store
from pipeline.training.bundle import Bundle, write_bundle
from pipeline.training.familiar import Familiar
from pipeline.training.network import forecaster_config
from tests.small_drives import write_small_drive
from tests.small_windows import NUM_FUTURE, RATE_HZ, small_windows

PARAMS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    small = {"width": 16, "basis_rank": 4, "num_modes": 3, "scene": False, "device": "cpu", "precision": "fp32"}
    train = load_section("train", TrainConfig, path=PARAMS).model_copy(update=small)
    return Bundle(
        ingest=load_section("ingest", IngestConfig, path=PARAMS),
        windows=load_section("windows", WindowsConfig, path=PARAMS),
        scene=load_section("scene_features", SceneConfig, path=PARAMS),
        train=train,
        model=Forecaster(forecaster_config(train, windows=small_windows())).eval(),
        backbone=None,
        familiar=Familiar.fit(small_windows()),
        constant_velocity=unfitted(num_future=NUM_FUTURE, rate_hz=RATE_HZ),
        meta={},
    )


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_drive(tmp_path_factory.mktemp("drives") / "drive", seconds=8.0, with_frames=False)


def test_the_logged_model_forecasts_what_score_does(
    bundle: Bundle, drive: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path / "bundle", bundle)
    store = open_store()
    run_id = store.client.create_run(store.experiment_id).info.run_id
    model_id = log_model(store, run_id, tmp_path / "bundle")
    assert database.exists()

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow puts the model's own copy of the code in front
    logged = mlflow.pyfunc.load_model(f"models:/{model_id}")
    tracks = pd.read_csv(drive / "tracks.csv", dtype={"track_id": "str"})
    forecast = logged.predict(tracks.sample(frac=1.0, random_state=0))

    write_table(tmp_path / "score.parquet", forecast_drive(bundle, read_drive(find_drives(drive)[0]), device="cpu"))
    expected = pq.read_table(tmp_path / "score.parquet").to_pandas()
    assert len(expected) > 0
    pd.testing.assert_frame_equal(forecast, expected, atol=1e-4)
    assert logged.metadata.signature == signature()
    assert not list(Path(store.client.get_logged_model(model_id).artifact_location).rglob("*.pkl"))


def test_the_signature_is_the_documented_tables() -> None:
    given = signature()
    assert given.inputs.input_names() == [
        "timestamp_ns", "track_id", "category", "x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m",
    ]  # fmt: skip
    assert given.outputs.input_names() == SCHEMA.names


def test_tracks_without_two_times_are_named(bundle: Bundle, drive: Path) -> None:
    tracks = pd.read_csv(drive / "tracks.csv")
    one = tracks[tracks["timestamp_ns"] == tracks["timestamp_ns"][0]]
    with pytest.raises(InputError, match="fewer than two times"):
        Forecasting(bundle).predict(one)
