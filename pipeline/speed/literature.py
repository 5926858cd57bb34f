"""The social LSTM as the public implementations compute it: scene by scene, step by step and agent by agent."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from models.batch import Observed
from models.forecaster import Forecaster
from models.frames import unrotate
from models.inputs import static_inputs, step_inputs, step_velocity
from models.lstm import LSTMCell
from models.pairs import Neighbours
from models.pooling import SocialGrid


def literature_states(model: Forecaster, observed: Observed) -> Float[Tensor, "n d2"]:
    """What ``Forecaster.encode`` gives for a social grid, by the same weights; agents are valid at every step.

    At each step a mask of agents x cells x neighbours is filled pair by pair, and each agent's product with it makes a
    tensor of agents x cells x channels. What is summed up is the neighbour's message, as in ``SocialGrid``: it is
    narrower than the hidden state that the literature sums up, so that this is the cheaper of the two.

    Source: the structure of the public implementations of Alahi et al. 2016; written afresh.

    Args:
        model: With a social grid and the plain LSTM.
        observed: Any number of scenes.
    """
    frame = model.frame(observed)
    static = torch.cat((static_inputs(observed, frame=frame), model.category(observed.category)), dim=-1)
    velocity, moving = step_velocity(observed, rate_hz=model.config.rate_hz)
    steps = step_inputs(observed, velocity_mps=velocity, moving=moving, frame=frame, rate_hz=model.config.rate_hz)
    inputs = torch.cat((steps, static[:, None].expand(-1, steps.shape[1], -1)), dim=-1)
    encoded: list[Tensor] = []
    for scene in observed.scene.unique_consecutive():
        rows = (observed.scene == scene).nonzero().squeeze(1)
        encoded.append(
            _scene_states(
                model, inputs[rows], xy_m=observed.xy_m[rows], velocity_mps=velocity[rows], axis=frame.axis[rows]
            )
        )
    return torch.cat(encoded)


def _scene_states(model: Forecaster, inputs: Tensor, *, xy_m: Tensor, velocity_mps: Tensor, axis: Tensor) -> Tensor:
    recurrence = model.recurrence
    grid, joined, lstm = recurrence.interaction, recurrence.interaction_inputs, recurrence.cell
    assert isinstance(grid, SocialGrid)
    assert isinstance(lstm, LSTMCell)
    assert joined is not None
    hidden = cell = inputs.new_zeros(len(inputs), model.config.width)
    pooled = hidden
    for step in range(inputs.shape[1] + 1):  # and once more after the last
        now = min(step, inputs.shape[1] - 1)
        pooled = _pooled(grid, hidden, xy_m=xy_m[:, now], velocity_mps=velocity_mps[:, now], axis=axis)
        if step == inputs.shape[1]:
            break
        gates = recurrence.inputs(inputs[:, step]) + lstm.recurrent(hidden) + joined(pooled)
        enter, keep, candidate, leave = gates.chunk(4, dim=-1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
    return torch.cat((hidden, pooled), dim=-1)


def _pooled(grid: SocialGrid, hidden: Tensor, *, xy_m: Tensor, velocity_mps: Tensor, axis: Tensor) -> Tensor:
    mask = _grid_mask(grid, xy_m=xy_m, axis=axis).to(hidden)
    number, tensors = len(hidden), []
    for agent in range(number):
        alone = torch.full((number,), agent, device=hidden.device)
        everyone = torch.arange(number, device=hidden.device)
        neighbours = Neighbours(
            step=torch.zeros_like(everyone),
            receiver=alone,
            sender=everyone,
            offset_m=unrotate(xy_m - xy_m[agent], axis[agent]),
            velocity_mps=unrotate(velocity_mps - velocity_mps[agent], axis[agent]),
            turn=unrotate(axis, axis[agent]),
        )
        both = grid.state(hidden) + grid.own(hidden[agent]) + grid.motion(neighbours.relative())
        message = torch.relu(grid.mix(torch.relu(both)))
        tensors.append(mask[agent] @ message)
    social = torch.stack(tensors)  # agents x cells x channels
    return torch.relu(grid.embed(social.flatten(1)) + grid.total(social.sum(dim=1)))


def _grid_mask(grid: SocialGrid, *, xy_m: Tensor, axis: Tensor) -> Tensor:
    """Which neighbour lies in which cell of whose grid, (agent, cell, neighbour), found pair by pair."""
    places, axes, number = xy_m.tolist(), axis.tolist(), len(xy_m)
    mask = torch.zeros(number, grid.num_cells**2, number)
    for agent, ((x, y), (cos, sin)) in enumerate(zip(places, axes, strict=True)):
        for other, (other_x, other_y) in enumerate(places):
            away_x, away_y = other_x - x, other_y - y
            column = math.floor((cos * away_x + sin * away_y) / grid.cell_m) + grid.num_cells // 2
            row = math.floor((cos * away_y - sin * away_x) / grid.cell_m) + grid.num_cells // 2
            if other != agent and 0 <= column < grid.num_cells and 0 <= row < grid.num_cells:
                mask[agent, column * grid.num_cells + row, other] = 1.0
    return mask.to(xy_m.device)
