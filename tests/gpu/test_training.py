"""On a GPU: every precision trains, captured or not; forecasts agree with the CPU's. Needs the training step alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import TrainConfig
from pipeline.params import load_section
from pipeline.training.captured import Captured
from pipeline.training.eager import loss_scaler
from pipeline.training.fit import Trainer
from pipeline.training.predict import predict
from tests.small_windows import NO_CHANCE, small_windows

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]
PARAMS = Path(__file__).parents[2] / "params.yaml"
SMALL = {"width": 16, "max_epochs": 4, "num_modes": 3, "basis_rank": 4, "device": "cuda"}


def recipe(**update: object) -> TrainConfig:
    return load_section("train", TrainConfig, path=PARAMS).model_copy(update={**SMALL, **update})


@pytest.mark.parametrize("graphs", [True, False])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_training_on_a_gpu(tmp_path: Path, precision: str, *, graphs: bool) -> None:
    config = recipe(precision=precision, cuda_graphs=graphs, agents_per_batch=64)
    windows = small_windows(num_scenes=96)
    trainer = Trainer(windows, config=config, checkpoint=tmp_path / "state")
    fitted = trainer.fit()
    assert isinstance(trainer.steps, Captured) == graphs
    if isinstance(trainer.steps, Captured):
        assert trainer.steps.plain.graph is not None
        assert trainer.steps.looking.graph is not None
    assert all(np.isfinite(entry["train_loss"]) for entry in fitted.history)
    assert fitted.history[-1]["validation_cost"] < fitted.history[0]["validation_cost"]
    on_cpu, on_gpu = (predict(fitted.model, windows, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.mode_xy_m, on_cpu.mode_xy_m, atol=1e-2)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("interaction", ["social", "attention", "occupancy", "none"])
def test_a_captured_step_is_the_step_and_never_waits(tmp_path: Path, interaction: str) -> None:
    windows = small_windows(num_scenes=96)
    trainers = [
        Trainer(
            windows,
            config=recipe(precision="fp32", cuda_graphs=graphs, interaction=interaction, **NO_CHANCE),
            checkpoint=tmp_path / str(graphs),
        )
        for graphs in (True, False)
    ]
    for trainer in trainers:
        trainer.step.train()
    scenes = trainers[0].train_scenes
    for number in range(6):
        is_captured = number > 3
        try:
            torch.cuda.set_sync_debug_mode("error" if is_captured else "default")
            losses, norm = trainers[0].steps.advance(scenes.roll(number), progress=0.5, rate=0.003)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        expected, expected_norm = trainers[1].steps.advance(scenes.roll(number), progress=0.5, rate=0.003)
        torch.testing.assert_close(losses, expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(norm, expected_norm, rtol=1e-2, atol=1e-3)


def test_an_overflow_is_skipped_in_the_graph_and_told(tmp_path: Path) -> None:
    """The scale starts so high that more steps overflow than are taken before the graph; then it is low enough."""
    config = recipe(precision="fp16", agents_per_batch=16)
    trainer = Trainer(small_windows(num_scenes=192), config=config, checkpoint=tmp_path / "state")
    scaler = loss_scaler(trainer.fabric)
    assert scaler is not None
    scaler.load_state_dict({**scaler.state_dict(), "scale": 2.0**30})
    fitted = trainer.fit()
    assert isinstance(trainer.steps, Captured)
    assert 3 <= fitted.history[0]["num_skipped"] < config.max_skipped
    assert fitted.history[-1]["num_skipped"] == 0
    assert scaler.get_scale() < 2.0**28
    assert all(value.isfinite().all() for value in fitted.model.state_dict().values())
