"""What stands beside the roads: buildings and trees, which hide agents and are seen in the frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, slots=True)
class Building:
    """A block with a flat roof.

    Attributes:
        corners_m: The four corners of its footprint, counter-clockwise.
        height_m: Of the roof.
        style: Picks its colours and windows.
    """

    corners_m: Float[np.ndarray, "4 2"]
    height_m: float
    style: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A trunk with a round crown."""

    place_m: Float[np.ndarray, " 2"]
    crown_radius_m: float
    height_m: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenery:
    """What stands beside the roads of one drive."""

    buildings: tuple[Building, ...]
    trees: tuple[Tree, ...]
