"""Streets that cross each other at signals."""

from __future__ import annotations

import itertools

import numpy as np

from pipeline.simulation.worlds.plan import Crosswalk, Junction, Link, Plan, Road, arc, street, turned

_WHOLE_S = 60.0  # a car takes at least about so long through blocks of ordinary length
_SPEEDS_MPS = (30 / 3.6, 40 / 3.6, 50 / 3.6, 50 / 3.6, 60 / 3.6)


def plan_grid(rng: np.random.Generator, *, duration_s: float) -> Plan:
    """Two or three streets one way, two or three the other; they cross at signals and go on beyond as arms.

    Args:
        rng: Every choice is drawn from it.
        duration_s: Cars are to be on their way for so long: beyond a minute, blocks grow with it.
    """
    num_columns, num_rows = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    if num_columns == num_rows == 3:
        num_rows = 2  # nine junctions would take twice as long to simulate
    scale = max(1.0, duration_s / _WHOLE_S)
    x_m = scale * np.cumsum(rng.uniform(80, 160, num_columns + 2))
    y_m = scale * np.cumsum(rng.uniform(80, 160, num_rows + 2))
    slant, turn_rad = rng.uniform(-0.25, 0.25), rng.uniform(-np.pi, np.pi)
    jitter_m = rng.uniform(-8, 8, (num_columns + 2, num_rows + 2, 2))
    places_m = np.stack(np.meshgrid(x_m - x_m.mean(), y_m - y_m.mean(), indexing="ij"), axis=-1) + jitter_m
    places_m[..., 0] += slant * places_m[..., 1]
    places_m = turned(places_m, angle_rad=turn_rad)

    def is_inside(column: int, row: int) -> bool:
        return 0 < column <= num_columns and 0 < row <= num_rows

    junctions: dict[tuple[int, int], Junction] = {}
    for column, row in np.ndindex(num_columns + 2, num_rows + 2):
        if (column in (0, num_columns + 1)) and (row in (0, num_rows + 1)):
            continue  # no street ends in a corner
        junctions[column, row] = Junction(
            name=f"{'ABCDE'[column]}{row}",
            place_m=places_m[column, row],
            kind="traffic_light" if is_inside(column, row) else "dead_end",
            radius_m=float(rng.uniform(8, 11)),
        )
    roads: list[Road] = []
    touching: dict[str, list[tuple[Road, Road]]] = {junction.name: [] for junction in junctions.values()}
    lines = [[(column, row) for column in range(num_columns + 2)] for row in range(1, num_rows + 1)]
    lines += [[(column, row) for row in range(num_rows + 2)] for column in range(1, num_columns + 1)]
    for line in lines:
        num_lanes, speed_mps = int(rng.integers(1, 3)), float(rng.choice(_SPEEDS_MPS))
        sidewalk_m, lane_m = float(rng.uniform(1.8, 3.2)), float(rng.uniform(3.0, 3.4))
        for one, other in itertools.pairwise(line):
            start, end = junctions[one], junctions[other]
            both = street(
                f"{start.name}{end.name}",
                start=start,
                end=end,
                shape_m=arc(start.place_m, end.place_m, bend=float(rng.uniform(-0.05, 0.05))),
                num_lanes=num_lanes,
                speed_mps=speed_mps,
                priority=num_lanes,
                lane_m=lane_m,
                sidewalk_m=sidewalk_m,
                flow=num_lanes,
            )
            roads += both
            touching[start.name].append(both)
            touching[end.name].append(both)
    crosswalks = tuple(
        Crosswalk(junction=junction.name, roads=(there.name, back.name), first=True)
        for junction in junctions.values()
        if junction.kind == "traffic_light"
        for there, back in touching[junction.name]
        if rng.random() < 0.9
    )
    links = [
        link
        for junction in junctions.values()
        if junction.kind == "traffic_light"
        for start, end in itertools.product(roads, roads)
        if start.end == junction.name == end.start and start.start != end.end
        for link in _links(start, end)
    ]
    return Plan(junctions=tuple(junctions.values()), roads=tuple(roads), links=tuple(links), crosswalks=crosswalks)


def _links(start: Road, end: Road) -> list[Link]:
    """The ways from one road to the next: who turns may choose the lane that suits the next turn.

    With SUMO's own ways (right lane to right lane) many drivers would have to change lanes in the queue before the next
    signal.
    """
    before, after = start.shape_m[-1] - start.shape_m[-2], end.shape_m[1] - end.shape_m[0]
    turn_rad = float(np.arctan2(before[0] * after[1] - before[1] * after[0], before @ after))
    first, last_start, last_end = 1, start.num_lanes, end.num_lanes  # lane 0 is the sidewalk
    if abs(turn_rad) < np.pi / 4:
        num_ways = max(last_start, last_end)
        lanes = {(min(lane, last_start), min(lane, last_end)) for lane in range(first, num_ways + 1)}
    else:
        lanes = {(first if turn_rad < 0 else last_start, lane) for lane in range(first, last_end + 1)}
    return [Link(start=start.name, start_lane=one, end=end.name, end_lane=other) for one, other in sorted(lanes)]
