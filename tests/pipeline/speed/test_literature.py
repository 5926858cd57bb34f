"""The social LSTM scene by scene and agent by agent is the vectorised one."""

from dataclasses import replace

import torch

from pipeline.params import load_benchmark
from pipeline.speed.encoder import encoded, network
from pipeline.speed.literature import literature_states
from pipeline.speed.made_up import Size, made_up
from pipeline.training.scenes import SceneTensors


def test_it_gives_the_same_numbers_and_gradients_as_the_social_grid() -> None:
    config = load_benchmark("speed").model_copy(update={"width": 16, "pooled_width": 8, "grid_cells": 6, "cell_m": 5.0})
    model = network(config, interaction="social", device=torch.device("cpu")).double()
    observed = SceneTensors.of(made_up(Size(scenes=3, agents=5)), device="cpu").observed
    columns = ("size_m", "xy_m", "heading_rad")
    observed = replace(observed, **{name: getattr(observed, name).double() for name in columns})
    plain, ours = literature_states(model, observed), encoded(model, observed)
    torch.testing.assert_close(plain, ours)
    weights = list(model.recurrence.parameters())
    slopes = torch.autograd.grad(plain.square().sum(), weights), torch.autograd.grad(ours.square().sum(), weights)
    torch.testing.assert_close(*slopes)
    # The neighbours do matter: without them the states differ.
    alone = encoded(network(config, interaction="none", device=torch.device("cpu")).double(), observed)
    assert alone.shape[1] == config.width != plain.shape[1]
    assert plain[:, config.width :].abs().amax(dim=1).gt(0.0).all()
