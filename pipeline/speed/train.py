"""The whole training step, as the trainer takes it: gather, augment, forecast, judge, backward, optimiser, average."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from models.interaction import InteractionName
from pipeline.config import TrainConfig
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.made_up import Size, made_up
from pipeline.speed.measure import Measure, measures
from pipeline.training.fit import Trainer

INTERACTIONS: Final[tuple[InteractionName, ...]] = ("attention", "social")
INPUT_PATH: Final = "input path"
_THREADS: Final = {"one thread": 1, "two threads": 2}


def train(config: TrainConfig, *, size: Size, repeats: int, device: torch.device) -> list[Measure]:
    """Whole steps in the precision of the parameters, and the input path by itself.

    Args:
        config: The recipe; with each interaction in turn.
        size: Of a batch.
        repeats: How often.
        device: The CPU; for a GPU see ``speed.gpu``.
    """
    scenes = torch.arange(size.scenes)
    trainers = {name: trainer(config, interaction=name, size=size) for name in INTERACTIONS}
    steps = {
        f"step, {name}": Contestant(run=stepping(one, scenes), agents=size.total, scenes=size.scenes)
        for name, one in trainers.items()
    }
    first = trainers[INTERACTIONS[0]]
    path = Contestant(run=lambda: first.step.module.batch(scenes), agents=size.total, scenes=size.scenes)
    contestants = {**steps, INPUT_PATH: path}
    taken = in_turn(contestants, repeats=repeats, device=device)
    found = measures("training step", contestants, taken=taken, references=list(steps))
    return [*found, *_by_threads(first, size=size, repeats=repeats)]


def trainer(config: TrainConfig, *, interaction: InteractionName, size: Size, batches: int = 1) -> Trainer:
    """One that is about to take its first step, on so many batches of made-up windows."""
    chosen = config.model_copy(update={"interaction": interaction, "agents_per_batch": size.total})
    windows = made_up(Size(scenes=batches * size.scenes, agents=size.agents))
    with TemporaryDirectory(prefix="headway-") as folder:
        made = Trainer(windows, config=chosen, checkpoint=Path(folder) / "none.safetensors")
    made.step.train()
    return made


def _by_threads(one: Trainer, *, size: Size, repeats: int) -> list[Measure]:
    """The same step with one thread and with two, by the wall clock: which the trainer should use."""
    scenes, before = torch.arange(size.scenes), torch.get_num_threads()

    def with_threads(number: int) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(number)
            one.steps.advance(scenes, progress=0.5, rate=one.config.learning_rate)
            torch.set_num_threads(before)

        return run

    contestants = {
        name: Contestant(run=with_threads(number), agents=size.total, scenes=size.scenes)
        for name, number in _THREADS.items()
    }
    taken = in_turn(contestants, repeats=repeats, device=torch.device("cpu"), wall=True, time_alone=contestants)
    part = f"{INTERACTIONS[0]}, by the wall clock"
    return measures(part, contestants, taken=taken, references=["one thread"])


def stepping(one: Trainer, scenes: torch.Tensor) -> Callable[[], None]:
    """A step on these scenes, midway through the training."""

    def run() -> None:
        one.steps.advance(scenes, progress=0.5, rate=one.config.learning_rate)

    return run
