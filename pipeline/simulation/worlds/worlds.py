"""The families of worlds by name."""

from __future__ import annotations

import numpy as np

from pipeline.simulation.recording import World
from pipeline.simulation.worlds.grid import plan_grid
from pipeline.simulation.worlds.plan import Plan


def plan_world(world: World, *, rng: np.random.Generator, duration_s: float) -> Plan:
    """A world of a family.

    Args:
        world: The family.
        rng: What is drawn comes from here.
        duration_s: Cars are to drive in it for at least so long.
    """
    del duration_s
    assert world == "grid"
    return plan_grid(rng)
