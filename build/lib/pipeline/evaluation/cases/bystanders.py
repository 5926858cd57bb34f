"""Bystanders: agents nearby that nobody has to heed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from jaxtyping import Bool

from pipeline.evaluation.cases.draws import choose, pedestrians, vehicles
from pipeline.evaluation.cases.scenes import TIMES_S, Scenes, Track, straight
from pipeline.evaluation.overlap import rectangles

SHARES: Final = {"oncoming": 0.15, "next_lane": 0.05, "parked": 0.15, "on_foot": 0.1}
NUM_OTHERS: Final = 2  # at most
_CLEARANCE_M: Final = 0.4


def with_bystanders(scenes: Scenes, *, rng: np.random.Generator) -> Scenes:
    """Add oncoming, overtaking and parked vehicles and people beside the road, where they are in nobody's way.

    Whoever would come within 0.4 m of anybody at any step is left out.
    """
    others: list[Track] = []
    for _ in range(NUM_OTHERS):
        drawn = _bystander(rng, len(scenes.reacts))
        clear = drawn.there.copy()
        for track in (scenes.reacting, scenes.partner, *others):
            clear &= ~touches(drawn, track, clearance_m=_CLEARANCE_M)
        others.append(replace(drawn, there=clear))
    return replace(scenes, others=tuple(others))


def touches(one: Track, other: Track, *, clearance_m: float = 0.0) -> Bool[np.ndarray, " s"]:
    """Scenes in which the footprints of two agents that are both there intersect at any step.

    Args:
        one: The first.
        other: The second.
        clearance_m: Added to the first one's size on every side.
    """
    reach = (np.hypot(*one.size_m.T) + np.hypot(*other.size_m.T))[:, None] / 2.0 + 1.5 * clearance_m
    near = np.linalg.norm(one.xy_m - other.xy_m, axis=-1) <= reach
    scene, step = np.nonzero(near & (one.there & other.there)[:, None])
    boxes = [
        rectangles(track.xy_m[scene, step], track.heading_rad[scene, step], track.size_m[scene] + 2.0 * more)
        for track, more in ((one, clearance_m), (other, 0.0))
    ]
    found = np.zeros(len(one.there), np.bool_)
    found[scene[shapely.intersects(*boxes)]] = True
    return found


def _bystander(rng: np.random.Generator, num: int) -> Track:
    """One drawn for every scene, wherever it is."""
    what = choose(rng, SHARES, num)
    size, category = vehicles(rng, num, trucks=0.1)
    small, person = pedestrians(rng, num)
    on_foot = what == "on_foot"
    speed = np.select(
        [what == "oncoming", what == "next_lane", on_foot],
        [-rng.uniform(5.0, 12.0, num), rng.uniform(6.0, 13.0, num), rng.uniform(-1.5, 1.5, num)],
        default=0.0,
    )
    start = np.where(what == "oncoming", rng.uniform(-10.0, 60.0, num), rng.uniform(-25.0, 40.0, num))
    side = np.where(rng.random(num) < 0.5, -1.0, 1.0)
    aside = np.select(
        [what == "oncoming", what == "next_lane"],
        [rng.uniform(3.3, 4.2, num), side * rng.uniform(3.3, 3.8, num)],
        default=side * rng.uniform(5.0, 9.0, num),
    )
    return straight(
        x_m=start[:, None] + speed[:, None] * TIMES_S,
        y_m=aside[:, None],
        heading_rad=np.where(speed < 0.0, np.pi, 0.0)[:, None],
        size_m=np.where(on_foot[:, None], small, size),
        category=np.where(on_foot, person, category),
        there=what != "absent",
    )
