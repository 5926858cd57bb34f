"""The recurrence over steps in which every agent's state meets its neighbours' states."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from models.interaction import Interaction
from models.lstm import LSTMCell
from models.pairs import Seen
from models.peephole import PeepholeCell

CellName = Literal["lstm", "peephole"]


class CoupledRecurrence(nn.Module):
    """One recurrent cell for all agents, whose gates also see what the interaction makes of the neighbours.

    Args:
        cell: ``lstm`` or ``peephole``.
        step_width: Of what is known of an agent at one step.
        static_width: Of what is known of it at all steps alike.
        width: Of the state.
        interaction: None: every agent by itself.
    """

    def __init__(
        self, cell: CellName, *, step_width: int, static_width: int, width: int, interaction: Interaction | None
    ) -> None:
        super().__init__()
        self.step_width = step_width
        self.inputs = nn.Linear(step_width + static_width, 4 * width)
        self.cell = PeepholeCell(width) if cell == "peephole" else LSTMCell(width)
        self.interaction = interaction
        self.interaction_inputs = nn.Linear(width, 4 * width, bias=False) if interaction is not None else None

    def steady(self, static: Float[Tensor, "n s"]) -> Float[Tensor, "n gates"]:
        """What all steps alike add to the gates, the biases among it: made once."""
        weight = self.inputs.weight[:, self.step_width :]
        return functional.linear(static, weight, self.inputs.bias + self.cell.bias)

    def advance(
        self,
        inputs: Float[Tensor, "n i"],
        *,
        steady: Float[Tensor, "n gates"],
        hidden: Float[Tensor, "n d"],
        cell: Float[Tensor, "n d"],
        seen: Seen | None,
        valid: Bool[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
        """One step; where ``valid`` is False both states stay as they are.

        Args:
            inputs: What is known of each agent at this step.
            steady: What all steps alike add to the gates.
            hidden: The last hidden state.
            cell: The last cell state.
            seen: Who is near whom at this step; None with an interaction of None.
            valid: Who is there.
        """
        projected = torch.addmm(steady, inputs, self.inputs.weight[:, : self.step_width].t())
        if self.interaction is not None and self.interaction_inputs is not None:
            assert seen is not None
            pooled = self.interaction(hidden, seen=seen)
            projected = torch.addmm(projected, pooled, self.interaction_inputs.weight.t())
        return self.cell(projected, hidden=hidden, cell=cell, valid=valid)
