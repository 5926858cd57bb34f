"""Gradients that explode, vanish or are no numbers are told of, and survived where that is possible."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.losses import Loss
from pipeline.config import TrainConfig
from pipeline.errors import InputError
from pipeline.training import step
from pipeline.training.fit import Trainer
from pipeline.training.health import gradient_health
from tests.small_windows import small_windows


@pytest.fixture
def config(config: TrainConfig) -> TrainConfig:
    """Several batches an epoch."""
    return config.model_copy(update={"agents_per_batch": 24})


def worse_loss(monkeypatch: pytest.MonkeyPatch, *, factor: float, batches: range) -> None:
    """Multiply the loss of some batches."""
    numbers = itertools.count()
    whole = step.forecast_loss

    def loss(*args: Any, **kwargs: Any) -> Loss:
        made = whole(*args, **kwargs)
        return replace(made, total=made.total * factor) if next(numbers) in batches else made

    monkeypatch.setattr(step, "forecast_loss", loss)


def test_an_exploding_batch_is_clipped_told_and_survived(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse_loss(monkeypatch, factor=1e9, batches=range(1, 2))
    fitted = Trainer(small_windows(num_scenes=48), config=config, checkpoint=tmp_path / "state").fit()
    first, second = fitted.history[:2]
    assert first["gradient_norm_max"] > 1e6
    assert first["clipped"] > 0.0
    assert second["gradient_norm_max"] < 1e3
    assert min(entry["validation_cost"] for entry in fitted.history[1:]) <= first["validation_cost"]


def test_a_batch_that_is_not_finite_is_skipped_and_counted(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse_loss(monkeypatch, factor=math.inf, batches=range(1, 2))
    fitted = Trainer(small_windows(num_scenes=48), config=config, checkpoint=tmp_path / "state").fit()
    assert [entry["num_skipped"] for entry in fitted.history] == [1, 0, 0, 0]
    assert all(value.isfinite().all() for value in fitted.model.state_dict().values())


def test_training_that_is_never_finite_ends_with_one_line(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse_loss(monkeypatch, factor=math.nan, batches=range(1, 1000))
    config = config.model_copy(update={"agents_per_batch": 12, "max_skipped": 3})
    with pytest.raises(InputError, match="3 steps in a row had a loss or a gradient that is not finite"):
        Trainer(small_windows(num_scenes=48), config=config, checkpoint=tmp_path / "state").fit()


def test_gradients_of_every_observed_step_and_layer_are_told(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=48)
    first = Trainer(windows, config=config, checkpoint=tmp_path / "state").fit().history[0]
    hidden = [value for name, value in first.items() if name.startswith("gradient/hidden")]
    assert len(hidden) == windows.observed.valid.shape[1]
    assert all(value > 0.0 for value in hidden), hidden
    layers = (
        "category",
        "recurrence.inputs",
        "recurrence.cell.recurrent",
        "recurrence.interaction.mix",
        "decoder.logits",
    )
    assert all(first[f"gradient/layer.{name}"] > 0.0 for name in layers)


def test_neither_clipping_nor_the_loss_scale_is_in_them() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 2.0)
    state = layer(torch.tensor([[3.0]]))
    state.retain_grad()
    (8.0 * 5.0 * state).sum().backward()
    assert layer.weight.grad is not None
    layer.weight.grad *= 0.1 / 8.0  # unscaled, then clipped
    health = gradient_health(
        torch.nn.ModuleDict({"a": layer}),
        states=[state],
        clipped=dict.fromkeys(layer.parameters(), 0.1),
        loss_scale=8.0,
    )
    assert health == pytest.approx({"gradient/hidden_00": 5.0, "gradient/layer.a": 15.0})
