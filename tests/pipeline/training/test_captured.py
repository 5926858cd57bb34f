"""Steps for CUDA graphs are the steps that are taken one operation at a time; tests/gpu captures them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.config import TrainConfig
from pipeline.training import fit
from pipeline.training.fit import Trainer
from pipeline.training.scenes import Room
from tests.small_windows import NO_CHANCE, small_windows


class NothingWaits(TorchDispatchMode):
    """Raises where an operation's shape hangs on the data, or a number goes to the host: a graph cannot have it."""

    def __torch_dispatch__(self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in {"nonzero", "_local_scalar_dense", "bincount", "repeat_interleave", "unique_dim"}, name
        assert not (name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])), name
        return func(*args, **(kwargs or {}))


def trainers(config: TrainConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Trainer, Trainer]:
    """One that takes steps as on the CPU, and one that takes them as a graph would."""
    windows = small_windows(num_scenes=48)
    eager = Trainer(windows, config=config, checkpoint=folder / "eager")
    monkeypatch.setattr(fit, "can_be_captured", lambda *_args, **_kwargs: True)
    return eager, Trainer(windows, config=config, checkpoint=folder / "captured")


@pytest.mark.parametrize(
    "parts",
    [
        {"interaction": "social"},
        {"interaction": "attention", "decoder": "unicycle"},
        {"interaction": "occupancy", "cell": "peephole", "base": "motion"},
        {"interaction": "none"},
    ],
)
def test_both_train_alike_and_skip_the_same_steps(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any]
) -> None:
    eager, captured = trainers(
        config.model_copy(update=NO_CHANCE | {"agents_per_batch": 24} | parts), tmp_path, monkeypatch
    )
    batches = [eager.train_scenes[batch] for batch in eager.batches(0)[0]]
    assert len(batches) > 3
    for number, scenes in enumerate(batches):
        for trainer in (eager, captured):
            trainer.step.train()
            xy_m = trainer.scenes.future.xy_m
            before = xy_m.clone()
            if number == 1:
                xy_m.fill_(math.inf)
            told = trainer.steps.advance(scenes, progress=0.3, rate=0.01 / (1 + number))
            xy_m.copy_(before)
            if trainer is eager:
                expected = told
        (losses, norm), (own_losses, own_norm) = expected, told
        assert bool(torch.isfinite(norm + losses[0])) == (number != 1)
        if number != 1:
            torch.testing.assert_close(own_losses, losses, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(own_norm, norm, rtol=1e-4, atol=1e-5)
    for one, other in ((eager.model, captured.model), (eager.average, captured.average)):
        for (name, value), own in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            torch.testing.assert_close(own, value, rtol=1e-3, atol=1e-4, msg=lambda m, name=name: f"{name}: {m}")
    assert captured.average.n_averaged == len(batches) - 1


@pytest.mark.parametrize(
    "parts",
    [
        {"interaction": "social"},
        {"interaction": "attention", "decoder": "unicycle"},
        {"interaction": "occupancy", "cell": "peephole"},
        {"interaction": "none", "base": "linear"},
    ],
)
def test_nothing_in_a_step_waits_for_its_numbers(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any]
) -> None:
    """With all augmentation, frames and heads."""
    config = config.model_copy(update={"truncation": 0.2, **parts})
    _, trainer = trainers(config, tmp_path, monkeypatch)
    trainer.step.train()
    scenes = trainer.train_scenes[trainer.batches(0)[0][0]]
    trainer.steps.advance(scenes, progress=0.3, rate=0.01)  # makes the optimiser's state
    with NothingWaits():
        trainer.steps._take(trainer.steps.plain)  # pyright: ignore


def test_a_whole_training_runs(config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eager, captured = trainers(config, tmp_path, monkeypatch)
    one, other = eager.fit(), captured.fit()
    assert other.history[-1].keys() == one.history[-1].keys()
    costs = [[entry["validation_cost"] for entry in each.history] for each in (one, other)]
    assert costs[1] == sorted(costs[1], reverse=True)
    assert costs[1][-1] == pytest.approx(costs[0][-1], rel=0.02)


def test_a_room_holds_every_batch_of_the_training_and_no_more(config: TrainConfig, tmp_path: Path) -> None:
    trainer = Trainer(small_windows(num_scenes=48), config=config, checkpoint=tmp_path / "state")
    batches = [trainer.num_agents[batch] for epoch in range(config.max_epochs) for batch in trainer.batches(epoch)[0]]
    room = Room.around(batches)
    assert all(room.holds(sizes) for sizes in batches)
    assert not any(room.holds(torch.cat((sizes, sizes, sizes))) for sizes in batches)
    assert Room.around([torch.tensor([1, 3])]) == Room(scenes=3, agents=4, pairs=6)
    assert Room.around([torch.tensor([1])]) == Room(scenes=2, agents=1, pairs=1), "no size is zero"
