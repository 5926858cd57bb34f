"""The recurrent cell."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.precision import at_least_single


class LSTMCell(nn.Module):
    """One LSTM step whose input projection is already made, so that all steps' inputs go through one product.

    The cell state stays in single precision whatever the products run in. Forget gates start open (bias 1) and the
    recurrent weights orthogonal, so that gradients neither vanish nor explode at the start.

    Source: Hochreiter and Schmidhuber 1997; forget-gate bias: Jozefowicz et al. 2015.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recurrent = nn.Linear(width, 4 * width)
        start_recurrent(self.recurrent.weight, self.recurrent.bias)

    def forward(
        self,
        projected: Float[Tensor, "n gates"],
        *,
        hidden: Float[Tensor, "n d"],
        cell: Float[Tensor, "n d"],
        valid: Bool[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
        """Advance one step; where ``valid`` is False both states stay as they are.

        Args:
            projected: The input's contribution to the input, forget, candidate and output gates, in this order.
            hidden: The last hidden state.
            cell: The last cell state.
            valid: Which rows have an input at this step.

        Returns:
            The new hidden and cell state.
        """
        gates = at_least_single(projected + self.recurrent(hidden))
        enter, keep, candidate, leave = gates.chunk(4, dim=-1)
        new_cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        new_hidden = leave.sigmoid() * new_cell.tanh()
        there = valid[:, None]
        return torch.where(there, new_hidden, hidden), torch.where(there, new_cell, cell)


@torch.no_grad()
def start_recurrent(weight: Float[Tensor, "gates s"], bias: Float[Tensor, " gates"]) -> None:
    """Make every square block of the weights orthogonal, and open the forget gates, which are the second of four."""
    width = len(weight) // 4
    for rows in weight.split(width):
        for block in rows.split(width, dim=1):
            nn.init.orthogonal_(block)
    bias.zero_()
    bias[width : 2 * width] = 1.0
