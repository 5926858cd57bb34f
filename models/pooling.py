"""Social pooling: the neighbours' hidden states, gathered in a grid around each agent."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from models.pairs import RELATIVE_WIDTH, Neighbours, Seen
from models.precision import at_least_single


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
        self.motion = nn.Linear(RELATIVE_WIDTH, pooled_width, bias=False)
        self.own = nn.Linear(width, pooled_width, bias=False)
        self.mix = nn.Linear(pooled_width, pooled_width)
        self.total = nn.Linear(pooled_width, out_width, bias=False)
        self.embed = nn.Linear(num_cells * num_cells * pooled_width, out_width)

    @property
    def reach_m(self) -> float:
        """No neighbour further away than this, along either scene axis, can lie in the grid."""
        return grid_reach_m(num_cells=self.num_cells, cell_m=self.cell_m)

    def see(self, neighbours: Neighbours, *, static: Float[Tensor, "n s"]) -> Seen:  # noqa: ARG002  # as every one
        """Look at who is near whom; what the agents are (``static``) goes in through their states alone."""
        near, cell = in_cells(neighbours, num_cells=self.num_cells, cell_m=self.cell_m)
        return _seen(near, cell=cell, relation=self.motion(near.relative()))

    def forward(self, hidden: Float[Tensor, "n d"], *, seen: Seen) -> Float[Tensor, "n e"]:
        """Pool one step's hidden states."""
        state, own = self.state(hidden), self.own(hidden)
        both = state.index_select(0, seen.sender).add_(own.index_select(0, seen.receiver)).add_(seen.relation)
        message = at_least_single(self.mix(both.relu_()).relu_())
        if seen.there is not None:
            message = message * seen.there[:, None]
        grid = message.new_zeros(hidden.shape[0] * self.num_cells**2, message.shape[-1])
        grid = rearrange(grid.index_add_(0, seen.place, message), "(n g) e -> n (g e)", g=self.num_cells**2)
        # A layer on the sum over all cells is one on the grid that is the same for each cell.
        weight = rearrange(self.embed.weight, "o (g e) -> o g e", g=self.num_cells**2) + self.total.weight[:, None]
        return functional.linear(grid, weight.flatten(1), self.embed.bias).relu_()


class OccupancyGrid(nn.Module):
    """How many neighbours lie in each cell of the same grid: where they are, but nothing of what they do.

    Source: the O-LSTM of Alahi et al. 2016, section 3.1, there for comparison with social pooling, as here.
    """

    def __init__(self, *, num_cells: int, cell_m: float, out_width: int) -> None:
        super().__init__()
        self.num_cells, self.cell_m = num_cells, cell_m
        self.embed = nn.Linear(num_cells * num_cells, out_width)

    @property
    def reach_m(self) -> float:
        """No neighbour further away than this, along either scene axis, can lie in the grid."""
        return grid_reach_m(num_cells=self.num_cells, cell_m=self.cell_m)

    def see(self, neighbours: Neighbours, *, static: Float[Tensor, "n s"]) -> Seen:
        """Look at who is near whom, and at nothing else."""
        near, cell = in_cells(neighbours, num_cells=self.num_cells, cell_m=self.cell_m)
        return _seen(near, cell=cell, relation=static.new_zeros(cell.shape[0], 0))

    def forward(self, hidden: Float[Tensor, "n d"], *, seen: Seen) -> Float[Tensor, "n e"]:
        """Count at one step; states are not used."""
        num_places = hidden.shape[0] * self.num_cells**2
        if torch.compiler.is_exporting() or seen.there is not None:  # ``bincount``'s size depends on the data
            counted = torch.ones_like(seen.place) if seen.there is None else seen.there
            counts = hidden.new_zeros(num_places).scatter_add(0, seen.place, counted.to(hidden))
        else:
            counts = torch.bincount(seen.place, minlength=num_places).to(hidden.dtype)
        return functional.relu(self.embed(rearrange(counts, "(n g) -> n g", g=self.num_cells**2)))


def grid_reach_m(*, num_cells: int, cell_m: float) -> float:
    """Half the diagonal of a grid that may lie turned."""
    return num_cells * cell_m / 2 * 2**0.5


def in_cells(neighbours: Neighbours, *, num_cells: int, cell_m: float) -> tuple[Neighbours, Int[Tensor, " q"]]:
    """The pairs whose sender lies in the receiver's grid, and the flat index of (receiver, cell along x, along y)."""
    # Columns by themselves, as in ``Neighbours.relative``.
    x, y = (torch.floor(each / cell_m).long() + num_cells // 2 for each in neighbours.offset_m.unbind(-1))
    inside = (x >= 0) & (x < num_cells) & (y >= 0) & (y < num_cells)
    near, index = neighbours.where(inside)
    cell = x * num_cells + y
    within = torch.where(inside, cell, 0) if index is None else cell.index_select(0, index)
    return near, near.receiver * num_cells**2 + within


def _seen(near: Neighbours, *, cell: Int[Tensor, " q"], relation: Float[Tensor, "q m"]) -> Seen:
    """Of pairs in cells."""
    return Seen(
        step=near.step, receiver=near.receiver, sender=near.sender, place=cell, relation=relation, there=near.there
    )
