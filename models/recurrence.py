"""The recurrence over steps in which every agent's state meets its neighbours' states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from models.interaction import Interaction
from models.lstm import LSTMCell, advance
from models.pairs import Seen
from models.peephole import PeepholeCell
from models.precision import product_dtype

CellName = Literal["lstm", "peephole"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Steady:
    """What all steps alike have.

    Attributes:
        gates: What is known of each agent at all of them adds this to its gates, the biases among it.
        weight: Of the one product of each step: for its inputs, what the interaction gives, and the last hidden state.
    """

    gates: Float[Tensor, "n gates"]
    weight: Float[Tensor, "i gates"]


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

    def steady(self, static: Float[Tensor, "n s"]) -> Steady:
        """Made once for all steps."""
        by_step, by_static = self.inputs.weight.split((self.step_width, static.shape[1]), dim=1)
        weights = [by_step]
        if self.interaction_inputs is not None:
            weights.append(self.interaction_inputs.weight)
        if isinstance(self.cell, LSTMCell):
            weights.append(self.cell.recurrent.weight)
        weight = torch.cat(weights, dim=1).t()
        return Steady(
            gates=functional.linear(static, by_static, self.inputs.bias + self.cell.bias),
            weight=weight.to(product_dtype(weight)),
        )

    def advance(
        self,
        inputs: Float[Tensor, "n i"],
        *,
        steady: Steady,
        hidden: Float[Tensor, "n d"],
        cell: Float[Tensor, "n d"],
        seen: Seen | None,
        valid: Bool[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
        """One step; where ``valid`` is False both states stay as they are.

        Args:
            inputs: What is known of each agent at this step.
            steady: Of all steps.
            hidden: The last hidden state.
            cell: The last cell state.
            seen: Who is near whom at this step; None with an interaction of None.
            valid: Who is there.
        """
        given = [inputs]
        if self.interaction is not None:
            assert seen is not None
            given.append(self.interaction(hidden, seen=seen))
        if isinstance(self.cell, PeepholeCell):
            projected = torch.addmm(steady.gates, torch.cat(given, dim=-1), steady.weight)
            return self.cell(projected, hidden=hidden, cell=cell, valid=valid)
        gates = torch.addmm(steady.gates, torch.cat((*given, hidden), dim=-1), steady.weight)
        return advance(gates, hidden=hidden, cell=cell, valid=valid)
