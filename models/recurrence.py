"""The recurrence over steps in which every agent's state meets its neighbours' states."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.interaction import Interaction
from models.lstm import LSTMCell
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
            projected: ``inputs`` of this step.
            hidden: The last hidden state.
            cell: The last cell state.
            seen: Who is near whom at this step; None with an interaction of None.
            valid: Who is there.
        """
        if self.interaction is not None and self.interaction_inputs is not None:
            assert seen is not None
            projected = projected + self.interaction_inputs(self.interaction(hidden, seen=seen))
        return self.cell(projected, hidden=hidden, cell=cell, valid=valid)
