"""How speed changes with the number of scenes, of agents in a scene, and with the size of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch

from models.forecaster import Forecaster
from models.interaction import InteractionName
from pipeline.config import TrainConfig
from pipeline.evaluation.style import COLOURS, figure, label, save
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.encoder import FUSED, fused, network, training
from pipeline.speed.made_up import STANDARD, Size, made_up
from pipeline.training.scenes import SceneTensors

_SCENES: Final = (1, 8, 64, 512)
_AGENTS: Final = (2, 4, 8, 16, 32)
_AGENTS_SCENES: Final = 64  # of so many scenes the agents vary
_BATCHES: Final = (8, 64, 512)  # scenes
_INTERACTIONS: Final[tuple[InteractionName, ...]] = ("none", "occupancy", "attention", "social")
_REPEATS: Final = 2

Point = dict[str, Any]


def curve(config: TrainConfig, *, device: torch.device, largest: int = STANDARD.total) -> list[Point]:
    """Agents per second along three axes, medians of a few repeats.

    ``scenes`` and ``agents``: of the encoder's training, forward, backward and optimiser, by the scenes of 8 agents in
    the batch and by the agents in each of 64 scenes. ``batch``: of forecasts of 512 scenes, in batches of so many.

    Args:
        config: The recipe; with each interaction in turn.
        device: Where.
        largest: No batch with more agents.
    """
    networks = {name: network(config, interaction=name, device=device) for name in _INTERACTIONS}
    sizes = [("scenes", one, Size(scenes=one, agents=STANDARD.agents)) for one in _SCENES]
    sizes += [("agents", one, Size(scenes=_AGENTS_SCENES, agents=one)) for one in _AGENTS]
    points: list[Point] = []
    for axis, value, size in sizes:
        if size.total > largest:
            continue
        observed = SceneTensors.of(made_up(size), device=device).observed
        contestants = {FUSED: fused(networks["none"], size=size, device=device)}
        contestants |= {name: training(one, observed, size=size) for name, one in networks.items()}
        points += _points(axis, value, contestants, device=device)
    size = Size(scenes=min(STANDARD.scenes, largest // STANDARD.agents), agents=STANDARD.agents)
    scenes = SceneTensors.of(made_up(size), device=device)
    for batch in _BATCHES:
        if batch <= size.scenes:
            contestants = {
                name: Contestant(
                    run=_in_batches(one.eval(), scenes, batch=batch), agents=size.total, scenes=size.scenes
                )
                for name, one in networks.items()
            }
            points += _points("batch", batch, contestants, device=device)
    return points


def plot(path: Path, points: Sequence[Point]) -> None:
    """Draw one panel for each axis."""
    titles = {
        "scenes": ("encoder, trained", "scenes of 8 agents in the batch"),
        "agents": ("encoder, trained", f"agents in each of {_AGENTS_SCENES} scenes"),
        "batch": ("forecasts", "scenes of 8 agents in a batch"),
    }
    made, panels = figure(width=12.0, height=4.0, columns=len(titles))
    names = list(dict.fromkeys(point["name"] for point in points))
    for panel, (axis, (title, words)) in zip(panels, titles.items(), strict=True):
        for colour, name in zip(COLOURS, names, strict=False):
            chosen = [point for point in points if point["axis"] == axis and point["name"] == name]
            panel.plot(
                [point["value"] for point in chosen],
                [point["agents_per_s"] for point in chosen],
                marker="o",
                color=colour,
                label=label(name),
            )
        panel.set(xscale="log", yscale="log", title=title, xlabel=words, ylabel="agents per second")
        values = sorted({point["value"] for point in points if point["axis"] == axis})
        panel.set_xticks(values, labels=[str(value) for value in values])
        panel.set_xticks([], minor=True)
    panels[0].legend(frameon=False, fontsize=9)
    save(made, path)


def _points(axis: str, value: int, contestants: dict[str, Contestant], *, device: torch.device) -> list[Point]:
    taken = in_turn(contestants, repeats=_REPEATS, device=device, time_alone=contestants)
    return [
        {
            "axis": axis,
            "value": value,
            "name": name,
            "agents_per_s": one.agents / median(taken[name].seconds),
        }
        for name, one in contestants.items()
    ]


def _in_batches(model: Forecaster, scenes: SceneTensors, *, batch: int) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        for chosen in torch.arange(len(scenes.offset) - 1, device=scenes.offset.device).split(batch):
            model(scenes.gather(chosen)[0])

    return run
