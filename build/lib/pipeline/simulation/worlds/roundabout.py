"""A roundabout: those who come in yield to those in the ring."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.simulation.worlds.plan import Crosswalk, Junction, Plan, Road, street

_ARM_MPS: Final = (50 / 3.6, 50 / 3.6, 60 / 3.6, 70 / 3.6)
_LANE_M: Final = 3.5
_RING_LANE_M: Final = 4.0  # also of the ways in and out
_RING, _ARM = 5, 1  # priorities


def plan_roundabout(rng: np.random.Generator, *, duration_s: float) -> Plan:
    """A ring with three to five arms; an island parts the two ways of an arm before the ring.

    Args:
        rng: What is drawn comes from here.
        duration_s: A car on its way through is there for at least so long.
    """
    num_arms = int(rng.integers(3, 6))
    radius_m = float(rng.uniform(15, 19) + 3.0 * (num_arms - 3))
    even_rad = 2 * np.pi * (np.arange(num_arms) + rng.uniform(0, 1)) / num_arms
    arms_rad = even_rad + rng.uniform(-0.5, 0.5, num_arms) * (2 * np.pi / num_arms - 1.05)
    ring_mps = float(np.sqrt(1.9 * radius_m))  # 1.9 m/s^2 across
    sidewalk_m = float(rng.uniform(1.8, 2.6))
    island_rad = 7.5 / radius_m  # half the angle between the ways out and in

    ring = _Ring(radius_m=radius_m, speed_mps=ring_mps)
    junctions: list[Junction] = []
    roads: list[Road] = []
    crosswalks: list[Crosswalk] = []
    for arm in range(num_arms):
        speed_mps, angle_rad = float(rng.choice(_ARM_MPS)), float(arms_rad[arm])
        next_rad = float(arms_rad[(arm + 1) % num_arms]) + (2 * np.pi if arm == num_arms - 1 else 0.0)
        outward = np.array([np.cos(angle_rad), np.sin(angle_rad)])
        leave = ring.junction(f"O{arm}", angle_rad - island_rad)
        enter = ring.junction(f"I{arm}", angle_rad + island_rad)
        split = Junction(name=f"S{arm}", place_m=(radius_m + 26) * outward, kind="priority", radius_m=4.0)
        length_m = max(0.6 * speed_mps * duration_s, 150) * float(rng.uniform(0.9, 1.1))
        turn_rad = angle_rad + float(rng.uniform(-0.3, 0.3))
        end_m = split.place_m + length_m * np.array([np.cos(turn_rad), np.sin(turn_rad)])
        end = Junction(name=f"E{arm}", place_m=end_m, kind="dead_end")
        junctions += [leave, enter, split, end]
        # At the split the road's axis leads straight on towards the ring's middle.
        both = street(
            f"E{arm}S{arm}",
            start=end,
            end=split,
            shape_m=_bezier(end.place_m, split.place_m, towards_m=split.place_m + 0.4 * length_m * outward),
            num_lanes=1,
            speed_mps=speed_mps,
            priority=_ARM,
            lane_m=_LANE_M,
            sidewalk_m=sidewalk_m,
            flow=float(rng.uniform(0.6, 1.2)),
        )
        way_in = _bezier(split.place_m, enter.place_m, towards_m=ring.before(angle_rad + island_rad))
        way_out = _bezier(leave.place_m, split.place_m, towards_m=ring.after(angle_rad - island_rad))
        roads += [
            *both,
            _one_way(f"in{arm}", split, enter, way_in, speed_mps=min(speed_mps, 9.0), sidewalk_m=sidewalk_m),
            _one_way(f"out{arm}", leave, split, way_out, speed_mps=min(speed_mps, 11.0), sidewalk_m=sidewalk_m),
            ring.road(f"ring{arm}a", leave, enter, angle_rad - island_rad, angle_rad + island_rad, sidewalk_m=0.0),
            ring.road(
                f"ring{arm}b",
                enter,
                Junction(name=f"O{(arm + 1) % num_arms}", place_m=ring.place(next_rad - island_rad), kind="priority"),
                angle_rad + island_rad,
                next_rad - island_rad,
                sidewalk_m=sidewalk_m,
            ),
        ]
        if rng.random() < 0.85:
            crosswalks.append(Crosswalk(junction=split.name, roads=(both[0].name, both[1].name), first=True))
    return Plan(
        junctions=tuple(junctions),
        roads=tuple(roads),
        crosswalks=tuple(crosswalks),
        ring=tuple(road.name for road in roads if road.name.startswith("ring")),
    )


class _Ring:
    """A circle around the origin, driven counter-clockwise."""

    def __init__(self, *, radius_m: float, speed_mps: float) -> None:
        self.radius_m, self.speed_mps = radius_m, speed_mps

    def place(self, angle_rad: float) -> Float[np.ndarray, " 2"]:
        return self.radius_m * np.array([np.cos(angle_rad), np.sin(angle_rad)])

    def junction(self, name: str, angle_rad: float) -> Junction:
        return Junction(name=name, place_m=self.place(angle_rad), kind="priority", radius_m=5.0)

    def _tangent(self, angle_rad: float) -> Float[np.ndarray, " 2"]:
        return np.array([-np.sin(angle_rad), np.cos(angle_rad)])

    def before(self, angle_rad: float) -> Float[np.ndarray, " 2"]:
        """From where a road comes in, halfway between straight on and along the ring."""
        place_m = self.place(angle_rad)
        return place_m + 9.0 * (place_m / self.radius_m - 0.8 * self._tangent(angle_rad))

    def after(self, angle_rad: float) -> Float[np.ndarray, " 2"]:
        """To where a road leads out."""
        place_m = self.place(angle_rad)
        return place_m + 9.0 * (place_m / self.radius_m + 0.8 * self._tangent(angle_rad))

    def road(
        self, name: str, start: Junction, end: Junction, start_rad: float, end_rad: float, *, sidewalk_m: float
    ) -> Road:
        num_points = max(4, round((end_rad - start_rad) * self.radius_m / 3))
        angles_rad = np.linspace(start_rad, end_rad, num_points)
        shape_m = self.radius_m * np.column_stack([np.cos(angles_rad), np.sin(angles_rad)])
        return _one_way(name, start, end, shape_m, speed_mps=self.speed_mps, sidewalk_m=sidewalk_m, priority=_RING)


def _one_way(
    name: str,
    start: Junction,
    end: Junction,
    shape_m: Float[np.ndarray, "p 2"],
    *,
    speed_mps: float,
    sidewalk_m: float,
    priority: int = _ARM,
) -> Road:
    return Road(
        name=name,
        start=start.name,
        end=end.name,
        shape_m=shape_m,
        num_lanes=1,
        speed_mps=speed_mps,
        priority=priority,
        lane_m=_RING_LANE_M,
        sidewalk_m=sidewalk_m,
        centred=True,
    )


def _bezier(
    start_m: Float[np.ndarray, " 2"], end_m: Float[np.ndarray, " 2"], *, towards_m: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, "p 2"]:
    """A quadratic Bezier curve with one control point."""
    num_points = max(5, round(float(np.hypot(*(end_m - start_m))) / 8))
    s = np.linspace(0.0, 1.0, num_points)[:, None]
    return (1 - s) ** 2 * start_m + 2 * s * (1 - s) * towards_m + s**2 * end_m
