"""How agents see one another, chosen by name."""

from __future__ import annotations

from typing import Literal, assert_never

from models.attention import NeighbourAttention
from models.pooling import OccupancyGrid, SocialGrid

Interaction = SocialGrid | OccupancyGrid | NeighbourAttention
InteractionName = Literal["none", "occupancy", "social", "attention"]


def make_interaction(
    name: InteractionName,
    *,
    width: int,
    static_width: int,
    num_cells: int,
    cell_m: float,
    pooled_width: int,
    num_heads: int,
) -> Interaction | None:
    """What turns the neighbours at one step into a vector as wide as the recurrent state; None for ``none``.

    Args:
        name: ``occupancy`` sees where neighbours are, ``social`` and ``attention`` also what they do.
        width: Of the recurrent state.
        static_width: Of what is known of an agent besides its steps.
        num_cells: Cells along each side of a grid; attention reaches as far as a grid's side.
        cell_m: Side of one cell.
        pooled_width: Of what a neighbour puts into a social grid's cell, and of attention's queries, keys and values.
        num_heads: Of the attention.
    """
    match name:
        case "none":
            return None
        case "occupancy":
            return OccupancyGrid(num_cells=num_cells, cell_m=cell_m, out_width=width)
        case "social":
            return SocialGrid(
                width=width, num_cells=num_cells, cell_m=cell_m, pooled_width=pooled_width, out_width=width
            )
        case "attention":
            return NeighbourAttention(
                width=width,
                inner_width=pooled_width,
                static_width=static_width,
                num_heads=num_heads,
                reach_m=num_cells * cell_m / 2,
                out_width=width,
            )
        case _:
            assert_never(name)
