"""Streets that cross each other at signals."""

from __future__ import annotations

import numpy as np

from pipeline.simulation.worlds.plan import Crosswalk, Junction, Plan, Road, arc, street, turned

_SPEEDS_MPS = (30 / 3.6, 40 / 3.6, 50 / 3.6, 50 / 3.6, 60 / 3.6)


def plan_grid(rng: np.random.Generator) -> Plan:
    """Two or three streets one way, two or three the other; they cross at signals and go on beyond as arms."""
    num_columns, num_rows = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    if num_columns == num_rows == 3:
        num_rows = 2  # nine junctions would take twice as long to simulate
    x_m = np.cumsum(rng.uniform(80, 160, num_columns + 2))
    y_m = np.cumsum(rng.uniform(80, 160, num_rows + 2))
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
            radius_m=float(rng.uniform(6, 9)),
        )
    roads: list[Road] = []
    touching: dict[str, list[tuple[Road, Road]]] = {junction.name: [] for junction in junctions.values()}
    lines = [[(column, row) for column in range(num_columns + 2)] for row in range(1, num_rows + 1)]
    lines += [[(column, row) for row in range(num_rows + 2)] for column in range(1, num_columns + 1)]
    for line in lines:
        num_lanes, speed_mps = int(rng.integers(1, 3)), float(rng.choice(_SPEEDS_MPS))
        sidewalk_m = float(rng.uniform(1.8, 3.2))
        bike_lane_m = float(rng.uniform(1.5, 1.9)) if rng.random() < 0.4 else 0.0
        for one, other in zip(line[:-1], line[1:], strict=True):
            start, end = junctions[one], junctions[other]
            both = street(
                f"{start.name}{end.name}",
                start=start,
                end=end,
                shape_m=arc(start.place_m, end.place_m, bend=float(rng.uniform(-0.05, 0.05))),
                num_lanes=num_lanes,
                speed_mps=speed_mps,
                priority=num_lanes,
                sidewalk_m=sidewalk_m,
                bike_lane_m=bike_lane_m,
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
    return Plan(junctions=tuple(junctions.values()), roads=tuple(roads), crosswalks=crosswalks)
