"""Social pooling: the neighbours' hidden states, gathered in a grid around each agent."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from models.precision import at_least_single

_METRES = 10.0  # distances and speeds are divided by this before a layer sees them


class SocialGrid(nn.Module):
    """Grid social pooling.

    Around each agent, along its own axes, lies a grid of ``num_cells`` x ``num_cells`` square cells. What a
    neighbour contributes is made from its hidden state, the agent's own and how the two lie and move relative to each
    other; it is summed into the cell that the neighbour lies in. The whole grid is embedded, and to that comes the
    sum over all cells: what holds wherever the neighbour is (a gap that closes) is then learned once, not cell by
    cell. The states are projected before they are scattered, so that no tensor of agents x cells x hidden width is
    ever built.

    Source: Alahi et al., "Social LSTM: Human Trajectory Prediction in Crowded Spaces", CVPR 2016, section 3.1. New
    here: the axes turn with the agent; with the neighbour's state go the agent's own and their relative motion, since
    here every state lives in its own agent's frame; and the sum over all cells.
    """

    def __init__(self, *, width: int, num_cells: int, cell_m: float, pooled_width: int, out_width: int) -> None:
        super().__init__()
        self.num_cells, self.cell_m = num_cells, cell_m
        self.state = nn.Linear(width, pooled_width)
        self.motion = nn.Linear(6, pooled_width, bias=False)
        self.own = nn.Linear(width, pooled_width, bias=False)
        self.mix = nn.Linear(pooled_width, pooled_width)
        self.total = nn.Linear(pooled_width, out_width, bias=False)
        self.embed = nn.Linear(num_cells * num_cells * pooled_width, out_width)

    @property
    def reach_m(self) -> float:
        """No neighbour further away than this, along either scene axis, can lie in the grid."""
        return self.num_cells * self.cell_m / 2 * 2**0.5

    def forward(
        self,
        hidden: Float[Tensor, "n d"],
        *,
        receiver: Int[Tensor, " p"],
        sender: Int[Tensor, " p"],
        offset_m: Float[Tensor, "p 2"],
        velocity_mps: Float[Tensor, "p 2"],
        turn: Float[Tensor, "p 2"],
        valid: Bool[Tensor, " p"],
    ) -> Float[Tensor, "n e"]:
        """Pool one step's hidden states; ``models.pairs.Pairs`` describes the pairs' values at that step."""
        cell = torch.floor(offset_m / self.cell_m).long() + self.num_cells // 2
        inside = valid & (cell >= 0).all(dim=-1) & (cell < self.num_cells).all(dim=-1)
        receiver, sender, cell = receiver[inside], sender[inside], cell[inside]
        relative = torch.cat((offset_m[inside] / _METRES, velocity_mps[inside] / _METRES, turn[inside]), dim=-1)
        both = self.state(hidden)[sender] + self.own(hidden)[receiver] + self.motion(relative)
        message = at_least_single(functional.relu(self.mix(functional.relu(both))))
        index = (receiver * self.num_cells + cell[:, 0]) * self.num_cells + cell[:, 1]
        grid = message.new_zeros(len(hidden) * self.num_cells**2, message.shape[-1])
        grid = rearrange(grid.index_add(0, index, message), "(n g) e -> n g e", n=len(hidden))
        return functional.relu(self.embed(rearrange(grid, "n g e -> n (g e)")) + self.total(grid.sum(dim=1)))
