"""The scene branch corrects a forecaster that learns without it, and cannot harm it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config import TrainConfig
from pipeline.evaluation.camera_plots import without_any_frame
from pipeline.params import load_section
from pipeline.training.fit import Trainer
from pipeline.training.predict import predict
from tests.small_windows import small_windows

PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_without_frames_it_is_what_it_would_be_without_the_branch(tmp_path: Path) -> None:
    windows = small_windows(num_scenes=24)
    config = load_section("train", TrainConfig, path=PARAMS).model_copy(
        update={"max_epochs": 3, "keep": "last", "agents_per_batch": 16, "max_norm": 0.5}
    )
    forecasts = {}
    for scene in (False, True):
        own = config.model_copy(update={"scene": scene})
        model = Trainer(windows, config=own, checkpoint=tmp_path / f"{scene}.safetensors").fit().model
        blind = replace(windows, observed=without_any_frame(windows.observed))
        forecasts[scene] = predict(model, blind).single_xy_m
        if scene:
            seeing = predict(model, windows).single_xy_m
    np.testing.assert_array_equal(forecasts[True], forecasts[False])
    assert np.abs(seeing - forecasts[True]).max() > 1e-3
