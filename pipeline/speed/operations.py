"""Where the time of a training step and of forecasts goes: to which operations, on a GPU to which kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch.profiler import ProfilerActivity, profile

from pipeline.config import TrainConfig
from pipeline.speed.clock import Run
from pipeline.speed.encoder import network
from pipeline.speed.forward import forecasting
from pipeline.speed.gpu import COMPILED, GRAPH, KINDS
from pipeline.speed.made_up import Size, made_up
from pipeline.speed.train import INTERACTIONS, stepping, trainer
from pipeline.training.scenes import SceneTensors

_WARM_UP: Final = 4  # runs; graphs are captured in the third
_RUNS: Final = 3
_SHOWN: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """All calls of one operation in one run.

    Attributes:
        name: As torch calls it.
        milliseconds: Of its own, without those that it calls.
        calls: How many.
    """

    name: str
    milliseconds: float
    calls: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """Of one run.

    Attributes:
        what: Is run.
        operations: Those that take most of it first.
    """

    what: str
    operations: tuple[Operation, ...]

    def lines(self) -> Iterator[str]:
        """For people: the sum, and the largest."""
        total_ms = sum(each.milliseconds for each in self.operations)
        calls = sum(each.calls for each in self.operations)
        yield f"{self.what}: {calls:,.0f} operations, {total_ms:.2f} ms in them"
        for each in self.operations[:_SHOWN]:
            yield f"{each.milliseconds:10.2f} ms{each.milliseconds / total_ms:6.1%}{each.calls:8.0f} x {each.name[:90]}"


def operations(config: TrainConfig, *, size: Size, device: torch.device) -> list[Operations]:
    """Of a training step and of forecasts, with each interaction that is trained; on a GPU the steps are graphs.

    Args:
        config: The recipe.
        size: Of the batch.
        device: Where.
    """
    on_gpu = device.type == "cuda"
    observed, scenes = SceneTensors.of(made_up(size), device=device).observed, torch.arange(size.scenes)
    found: list[Operations] = []
    for interaction in INTERACTIONS:
        for kind in (GRAPH, COMPILED) if on_gpu else ("",):
            one = trainer(config.model_copy(update=KINDS.get(kind, {})), interaction=interaction, size=size)
            what = f"training step, {interaction}" + (f", {kind}" if kind else "")
            found.append(_of(what, stepping(one, scenes), device=device))
        model = network(config, interaction=interaction, device=device).eval()
        run = forecasting(model, observed, size=size).run
        found.append(_of(f"forecasts, {interaction}", run, device=device))
    return found


def _of(what: str, run: Run, *, device: torch.device) -> Operations:
    on_gpu = device.type == "cuda"
    for _ in range(_WARM_UP):
        run()
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as profiled:
        for _ in range(_RUNS):
            run()
        if on_gpu:
            torch.cuda.synchronize(device)
    found = [
        Operation(
            name=each.key,
            milliseconds=(each.self_device_time_total if on_gpu else each.self_cpu_time_total) / 1000.0 / _RUNS,
            calls=each.count / _RUNS,
        )
        for each in profiled.key_averages()
    ]
    return Operations(what=what, operations=tuple(sorted(found, key=lambda each: -each.milliseconds)))
