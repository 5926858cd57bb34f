"""A main road with side roads that give way or stop."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np

from pipeline.simulation.worlds.plan import Crosswalk, Junction, JunctionKind, Plan, Road, arc, street, turned

_MAIN_MPS: Final = (50 / 3.6, 50 / 3.6, 60 / 3.6, 70 / 3.6)
_SIDE_MPS: Final = (30 / 3.6, 40 / 3.6, 50 / 3.6)
_MAIN, _SIDE = 3, 1  # priorities


def plan_crossing(rng: np.random.Generator, *, duration_s: float) -> Plan:
    """One main road; two or three side roads meet it or cross it.

    Args:
        rng: What is drawn comes from here.
        duration_s: A car on the main road is on its way for at least so long.
    """
    speed_mps, num_lanes = float(rng.choice(_MAIN_MPS)), int(rng.choice([1, 1, 1, 2]))
    num_crossings = int(rng.integers(2, 4))
    apart_m = rng.uniform(90, 170, num_crossings - 1)
    arms_m = np.maximum(1.15 * speed_mps * duration_s - apart_m.sum(), 320) / 2 * rng.uniform(0.9, 1.1, 2)
    x_m = np.cumsum([0.0, arms_m[0], *apart_m, arms_m[1]])
    x_m -= x_m[1:-1].mean()
    # The road winds: its middle is a slow wave across the line that the crossings lie along.
    wave_m, phase_rad = rng.uniform(0, 14), rng.uniform(0, 2 * np.pi)
    y_m = wave_m * np.sin(x_m / rng.uniform(90, 150) + phase_rad)
    turn_rad = rng.uniform(-np.pi, np.pi)
    sidewalk_m, lane_m = float(rng.uniform(1.8, 3.0)), float(rng.uniform(3.2, 3.6))

    junctions: list[Junction] = []
    for index, place_m in enumerate(np.column_stack([x_m, y_m])):
        kind: JunctionKind = "priority_stop" if rng.random() < 0.3 else "priority"
        if index in (0, num_crossings + 1):
            kind = "dead_end"
        junctions.append(
            Junction(name=f"M{index}", place_m=turned(place_m, angle_rad=turn_rad), kind=kind, radius_m=5.5)
        )
    roads: list[Road] = []
    crosswalks: list[Crosswalk] = []
    for start, end in itertools.pairwise(junctions):
        roads += street(
            f"{start.name}{end.name}",
            start=start,
            end=end,
            shape_m=arc(start.place_m, end.place_m, bend=float(rng.uniform(-0.03, 0.03))),
            num_lanes=num_lanes,
            speed_mps=speed_mps,
            priority=_MAIN,
            lane_m=lane_m,
            sidewalk_m=sidewalk_m,
            flow=0.7 + 0.3 * num_lanes,
        )
    side_ends: list[Junction] = []
    for index in range(1, num_crossings + 1):
        middle = junctions[index]
        sides = [(1.0,), (-1.0,), (1.0, -1.0), (1.0, -1.0)][int(rng.integers(4))]  # an arm on one side, or on both
        for side in sides:
            name = f"S{index}{'L' if side > 0 else 'R'}"
            angle_rad = turn_rad + side * np.pi / 2 + rng.uniform(-0.35, 0.35)
            length_m = rng.uniform(110, 170)
            end_m = middle.place_m + length_m * np.array([np.cos(angle_rad), np.sin(angle_rad)])
            end = Junction(name=name, place_m=end_m, kind="dead_end")
            side_ends.append(end)
            both = street(
                f"{end.name}{middle.name}",
                start=end,
                end=middle,
                shape_m=arc(end.place_m, middle.place_m, bend=float(rng.uniform(-0.08, 0.08))),
                num_lanes=1,
                speed_mps=float(rng.choice(_SIDE_MPS)),
                priority=_SIDE,
                lane_m=lane_m,
                sidewalk_m=sidewalk_m,
                flow=float(rng.uniform(0.25, 0.5)),
            )
            roads += both
            crosswalks.append(Crosswalk(junction=middle.name, roads=tuple(road.name for road in both), first=True))
        if rng.random() < 0.7:  # a zebra over the main road itself
            before = f"{junctions[index - 1].name}{middle.name}"
            crosswalks.append(Crosswalk(junction=middle.name, roads=(before, f"-{before}"), first=True))
    return Plan(junctions=(*junctions, *side_ends), roads=tuple(roads), crosswalks=tuple(crosswalks))
