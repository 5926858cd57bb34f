"""Forecasts without gradients: of a batch of scenes, and of one scene as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

import torch

from models.batch import Observed
from models.forecaster import Forecaster
from models.interaction import InteractionName
from pipeline.config import TrainConfig
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.encoder import FUSED, fused, network
from pipeline.speed.made_up import Size, made_up
from pipeline.speed.measure import Measure, measures
from pipeline.training.scenes import SceneTensors

ONE_SCENE: Final = Size(scenes=1, agents=16)
_MANY: Final = 8  # times as many repeats of what takes a few milliseconds


def forward(config: TrainConfig, *, size: Size, repeats: int, device: torch.device) -> list[Measure]:
    """Forecasts of the standard batch and of one scene, in single precision, beside the fused LSTM's forward pass.

    Args:
        config: The recipe; with every kind of interaction in turn.
        size: Of the batch.
        repeats: How often; of the one scene more often.
        device: Where.
    """
    names: tuple[InteractionName, ...] = get_args(InteractionName)
    networks = {name: network(config, interaction=name, device=device).eval() for name in names}
    found: list[Measure] = []
    for part, each, times in (("forecasts", size, repeats), ("one scene", ONE_SCENE, _MANY * repeats)):
        observed = SceneTensors.of(made_up(each), device=device).observed
        contestants = {
            FUSED: fused(networks["none"], size=each, device=device, trained=False),
            **{name: forecasting(one, observed, size=each) for name, one in networks.items()},
        }
        taken = in_turn(contestants, repeats=times, device=device)
        found += measures(part, contestants, taken=taken, references=[FUSED])
    return found


def forecasting(model: Forecaster, observed: Observed, *, size: Size) -> Contestant:
    """Whole forecasts of all agents at once."""
    return Contestant(run=_forecast(model, observed), agents=size.total, scenes=size.scenes)


def _forecast(model: Forecaster, observed: Observed) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        model(observed)

    return run
