"""The recurrence over steps in which every agent's state meets its neighbours' states."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.interaction import Interaction
from models.lstm import LSTMCell, project
from models.pairs import Seen
from models.peephole import PeepholeCell

CellName = Literal["lstm", "peephole"]


class CoupledRecurrence(nn.Module):
    """One recurrent cell for all agents, whose gates also see what the interaction makes of the neighbours.

    Args:
        cell: ``lstm`` or ``peephole``.
        input_width: Of what is known of an agent at a step.
        width: Of the state.
        interaction: None: every agent by itself.
    """

    def __init__(self, cell: CellName, *, input_width: int, width: int, interaction: Interaction | None) -> None:
        super().__init__()
        self.inputs = nn.Linear(input_width, 4 * width)
        self.cell = PeepholeCell(width) if cell == "peephole" else LSTMCell(width)
        self.interaction = interaction
        self.interaction_inputs = nn.Linear(width, 4 * width, bias=False) if interaction is not None else None

    def project(self, inputs: Float[Tensor, "*n i"]) -> Float[Tensor, "*n gates"]:
        """What is known of agents at steps, as ``advance`` takes it: any number of steps by one product."""
        return project(inputs, layer=self.inputs, bias=self.cell.bias)

    def advance(
        self,
        projected: Float[Tensor, "n gates"],
        *,
        hidden: Float[Tensor, "n d"],
        cell: Float[Tensor, "n d"],
        seen: Seen | None,
        valid: Bool[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
        """One step; where ``valid`` is False both states stay as they are.

        Args:
            projected: Of this step, by ``project``.
            hidden: The last hidden state.
            cell: The last cell state.
            seen: Who is near whom at this step; None with an interaction of None.
            valid: Who is there.
        """
        if self.interaction is not None and self.interaction_inputs is not None:
            assert seen is not None
            pooled = self.interaction(hidden, seen=seen)
            projected = torch.addmm(projected, pooled, self.interaction_inputs.weight.t())
        return self.cell(projected, hidden=hidden, cell=cell, valid=valid)
