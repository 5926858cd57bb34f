"""Training on a GPU: the captured step beside the same operations one by one, and how long the device waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import torch

from models.interaction import InteractionName
from pipeline.config import TrainConfig
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.encoder import product
from pipeline.speed.made_up import Size
from pipeline.speed.measure import PRODUCT, Bar, Measure, measures
from pipeline.speed.train import INPUT_PATH, INTERACTIONS, trainer
from pipeline.training.captured import Captured
from pipeline.training.fit import Trainer

PART: Final = "training step on a GPU"
EAGER: Final = "fp32, one by one"
_EAGER_HALF: Final = "bf16, one by one"
GRAPH: Final = "bf16, graph"
COMPILED: Final = "bf16, compiled graph"
_ONE_BY_ONE: Final = {"cuda_graphs": False, "compile": False, "accumulate": 1}
_CAPTURED: Final = {"cuda_graphs": True, "compile": False, "accumulate": 1}
KINDS: Final[dict[str, dict[str, Any]]] = {
    EAGER: {**_ONE_BY_ONE, "precision": "fp32"},
    _EAGER_HALF: {**_ONE_BY_ONE, "precision": "bf16"},
    "fp32, graph": {**_CAPTURED, "precision": "fp32"},
    "fp16, graph": {**_CAPTURED, "precision": "fp16"},
    GRAPH: {**_CAPTURED, "precision": "bf16"},
    COMPILED: {**_CAPTURED, "precision": "bf16", "compile": True},
}
_STEPS: Final = 10  # in a row, as in an epoch: from the first on a GPU is behind the host
_EPOCH_BATCHES: Final = 20
_FASTER: Final = 8.0
_OF_FLOOR: Final = 0.4
_AGENTS_PER_S: Final = 1_000_000.0
_IDLE: Final = 0.1


def train_on_gpu(config: TrainConfig, *, size: Size, repeats: int, device: torch.device) -> list[Measure]:
    """Whole steps in each precision, one operation after the other and captured, and the input path by itself.

    Args:
        config: The recipe; with each interaction in turn.
        size: Of a batch.
        repeats: How often.
        device: A GPU.
    """
    return [
        row
        for interaction in INTERACTIONS
        for row in train_with(interaction, config=config, size=size, repeats=repeats, device=device)
    ]


def train_with(
    interaction: InteractionName, *, config: TrainConfig, size: Size, repeats: int, device: torch.device
) -> list[Measure]:
    """With one kind of interaction."""
    trainers = {
        kind: trainer(config.model_copy(update=update), interaction=interaction, size=size)
        for kind, update in KINDS.items()
    }
    runs = {kind: _stepping(one, size) for kind, one in trainers.items()}
    contestants = {
        kind: Contestant(
            run=run,
            agents=_STEPS * size.total,
            scenes=_STEPS * size.scenes,
            looked_into=runs[EAGER if trainers[kind].config.precision == "fp32" else _EAGER_HALF],
        )
        for kind, run in runs.items()
    }
    path, scenes = trainers[EAGER].step.module.batch, torch.arange(size.scenes, device=device)
    contestants[INPUT_PATH] = Contestant(run=lambda: path(scenes), agents=size.total, scenes=size.scenes)
    contestants[PRODUCT] = product(size, device=device)
    taken = in_turn(contestants, repeats=repeats, device=device)
    return measures(f"{PART}, {interaction}", contestants, taken=taken, references=[EAGER, GRAPH, PRODUCT])


def gpu_bars(rows: Sequence[Measure]) -> list[Bar]:
    """What was to be reached on a GPU, by the faster of the captured bf16 steps."""
    bars: list[Bar] = []
    for part in dict.fromkeys(row.part for row in rows if row.part.startswith(PART)):
        by_name = {row.name: row for row in rows if row.part == part}
        best = min((by_name[kind] for kind in (GRAPH, COMPILED)), key=lambda row: row.seconds)
        what = f"{part}, {best.name}"
        faster, floor = 1.0 / median(best.ratios[EAGER]), 1.0 / median(best.ratios[PRODUCT])
        bars.append(Bar(what=f"{what}, times as fast as {EAGER}", value=faster, bar=_FASTER, at_most=False))
        bars.append(Bar(what=f"{what}, share of the product's speed", value=floor, bar=_OF_FLOOR, at_most=False))
        rate = best.agents / best.seconds
        bars.append(Bar(what=f"{what}, agents per second", value=rate, bar=_AGENTS_PER_S, at_most=False))
    return bars


def idle_share(config: TrainConfig, *, size: Size) -> Bar:
    """How much longer an epoch takes than its graphs launched one after the other with nothing between them.

    Args:
        config: The recipe.
        size: Of each of the epoch's batches.
    """
    one = trainer(
        config.model_copy(update=KINDS[GRAPH]), interaction=INTERACTIONS[0], size=size, batches=_EPOCH_BATCHES
    )
    for _ in range(3):  # graphs are captured in the third
        one.train_epoch()
    shares: list[float] = []
    for _ in range(3):
        epoch_s, bare_s = _seconds(one.train_epoch), _seconds(lambda: _replay(one))
        shares.append(1.0 - bare_s / epoch_s)
    return Bar(what="GPU's idle share of an epoch", value=median(shares), bar=_IDLE, at_most=True)


def _replay(one: Trainer) -> None:
    assert isinstance(one.steps, Captured)
    graph = one.steps.plain.graph
    assert graph is not None
    for _ in range(_EPOCH_BATCHES):
        graph.replay()


def _seconds(run: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    start_s = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start_s


def _stepping(one: Trainer, size: Size) -> Callable[[], None]:
    scenes = torch.arange(size.scenes)

    def run() -> None:
        for _ in range(_STEPS):
            one.steps.advance(scenes, progress=0.5, rate=one.config.learning_rate)

    return run
