"""What a forecaster is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.interaction import InteractionName
from models.recurrence import CellName

DecoderName = Literal["low_rank", "unicycle", "autoregressive"]
BaseName = Literal["motion", "following", "linear"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecasterConfig:
    """What a forecaster is built from.

    Attributes:
        cell: ``lstm``, or ``peephole`` for gates that also see the cell state.
        interaction: ``none``, an ``occupancy`` grid, a ``social`` grid of neighbours' states, or ``attention``.
        decoder: ``low_rank`` paths, the same with vehicles steered as a ``unicycle``, or ``autoregressive`` Gaussians.
        turn_to_heading: Every agent's frame has its heading as x axis; otherwise all have the scene's axes.
        scene: Use the scene features.
        width: Of the recurrent state.
        num_modes: Alternative futures.
        basis_rank: Of the low-rank basis of futures.
        grid_cells: Cells along each side of a grid; attention reaches as far.
        cell_m: Side of one cell.
        pooled_width: A neighbour's state is projected to this before it is pooled.
        num_heads: Of the attention.
        dropout: Probability, before the decoder and in it.
        num_future: Future steps.
        rate_hz: Of observed and future steps.
        num_categories: Agent categories.
        vehicle_categories: Those of them that are steered.
        scene_channels: Channels of the scene features.
        num_directions: Classes of directions that the manoeuvre head tells; zero, and of paces too: it has no head.
        num_paces: Likewise of paces.
        base: The path that residuals are added to: ``motion`` that goes on, its turn fading; ``following``: the same
            with the acceleration fading too, and vehicles taking on their leaders' speeds (unless the interaction is
            ``none``, for then nobody sees a leader); or a ``linear`` map of the past, fitted on the training split, to
            which ``OwnPath`` adds the single path's residual.
        num_observed: Observed steps; read by the linear base alone.
        residual_power: Residuals have the size of the speed to this power.
        appearance_dropout: Probability, of the CNN's channels in the scene branch.
        scene_head: A second manoeuvre head, which sees the scene branch and the present motion: for training alone.
    """

    cell: CellName
    interaction: InteractionName
    decoder: DecoderName
    turn_to_heading: bool
    scene: bool
    width: int
    num_modes: int
    basis_rank: int
    grid_cells: int
    cell_m: float
    pooled_width: int
    num_heads: int
    dropout: float
    num_future: int
    rate_hz: float
    num_categories: int
    vehicle_categories: tuple[int, ...]
    scene_channels: int
    num_directions: int = 0
    num_paces: int = 0
    base: BaseName = "motion"
    num_observed: int = 0
    residual_power: float = 1.0
    appearance_dropout: float = 0.0
    scene_head: bool = False
