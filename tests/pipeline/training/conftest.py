"""A forecaster small enough to train in a test."""

from pathlib import Path

import pytest

from pipeline.config import TrainConfig
from pipeline.params import load_section

PARAMS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture
def config() -> TrainConfig:
    small = {"width": 16, "max_epochs": 4, "basis_rank": 4, "num_modes": 3, "device": "cpu", "precision": "fp32"}
    return load_section("train", TrainConfig, path=PARAMS).model_copy(update=small)
