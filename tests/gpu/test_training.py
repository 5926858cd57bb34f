"""On a GPU: every precision trains, and forecasts agree with the CPU's. Needs torch and the training step alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import TrainConfig
from pipeline.params import load_section
from pipeline.training.fit import Trainer
from pipeline.training.predict import predict
from tests.small_windows import small_windows

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]
PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_training_on_a_gpu(tmp_path: Path, precision: str) -> None:
    small = {"width": 16, "max_epochs": 4, "num_modes": 3, "basis_rank": 4, "device": "cuda", "precision": precision}
    config = load_section("train", TrainConfig, path=PARAMS).model_copy(update=small)
    windows = small_windows(num_scenes=96)
    fitted = Trainer(windows, config=config, checkpoint=tmp_path / "state").fit()
    assert all(np.isfinite(entry["train_loss"]) for entry in fitted.history)
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    on_cpu, on_gpu = (predict(fitted.model, windows, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.mode_xy_m, on_cpu.mode_xy_m, atol=1e-2)
