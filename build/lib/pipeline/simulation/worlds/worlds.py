"""The families of worlds by name."""

from __future__ import annotations

import numpy as np

from pipeline.simulation.recording import World
from pipeline.simulation.worlds.crossing import plan_crossing
from pipeline.simulation.worlds.grid import plan_grid
from pipeline.simulation.worlds.motorway import plan_motorway
from pipeline.simulation.worlds.plan import Plan
from pipeline.simulation.worlds.roundabout import plan_roundabout


def plan_world(world: World, *, rng: np.random.Generator, duration_s: float) -> Plan:
    """A world of a family.

    Args:
        world: The family.
        rng: What is drawn comes from here.
        duration_s: Cars are to drive in it for at least so long.
    """
    match world:
        case "grid":
            return plan_grid(rng, duration_s=duration_s)
        case "crossing":
            return plan_crossing(rng, duration_s=duration_s)
        case "roundabout":
            return plan_roundabout(rng, duration_s=duration_s)
        case "motorway":
            return plan_motorway(rng, duration_s=duration_s)
