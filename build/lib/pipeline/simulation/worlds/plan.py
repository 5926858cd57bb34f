"""What a world is built from, before SUMO makes a network of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

JunctionKind = Literal["traffic_light", "priority", "priority_stop", "right_before_left", "dead_end"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Junction:
    """Where roads meet or end.

    Attributes:
        name: Its id in SUMO.
        place_m: Its middle.
        kind: SUMO's type of node.
        radius_m: Of its corners.
    """

    name: str
    place_m: Float[np.ndarray, " 2"]
    kind: JunctionKind
    radius_m: float = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Road:
    """One direction of a road.

    Attributes:
        name: Its id in SUMO.
        start: Name of a junction.
        end: Name of a junction.
        shape_m: From the place of ``start`` to that of ``end``; the lanes lie on the right of it, or around it.
        num_lanes: For vehicles.
        speed_mps: Allowed.
        priority: The road of higher priority goes first at a junction without signals.
        lane_m: Width of a lane.
        sidewalk_m: Width; 0: none.
        centred: The lanes lie around ``shape_m``: a road of one direction only.
        flow: How many vehicles come in here where it begins at a dead end, relative to the other roads.
    """

    name: str
    start: str
    end: str
    shape_m: Float[np.ndarray, "p 2"]
    num_lanes: int
    speed_mps: float
    priority: int
    lane_m: float
    sidewalk_m: float = 0.0
    centred: bool = False
    flow: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A way over a junction, where SUMO's own guess would be another; lanes are counted from the right."""

    start: str
    start_lane: int
    end: str
    end_lane: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Crosswalk:
    """Where pedestrians cross roads at a junction.

    Attributes:
        junction: Its name.
        roads: Names of the roads that it crosses.
        first: Pedestrians have the right of way (a zebra crossing).
    """

    junction: str
    roads: tuple[str, ...]
    first: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A whole world.

    Attributes:
        junctions: All.
        roads: All.
        links: At those roads that have any, the only ways.
        crosswalks: All.
        ring: Names of the roads that form a roundabout, if there is one.
    """

    junctions: tuple[Junction, ...]
    roads: tuple[Road, ...]
    links: tuple[Link, ...] = ()
    crosswalks: tuple[Crosswalk, ...] = ()
    ring: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Road, ...]:
        """Roads that lead into the world."""
        ends = self._dead_ends
        return tuple(road for road in self.roads if road.start in ends)

    @property
    def exits(self) -> tuple[Road, ...]:
        """Roads that lead out of the world."""
        ends = self._dead_ends
        return tuple(road for road in self.roads if road.end in ends)

    @property
    def _dead_ends(self) -> frozenset[str]:
        return frozenset(junction.name for junction in self.junctions if junction.kind == "dead_end")


def street(
    name: str,
    *,
    start: Junction,
    end: Junction,
    shape_m: Float[np.ndarray, "p 2"],
    num_lanes: int,
    speed_mps: float,
    priority: int,
    lane_m: float,
    sidewalk_m: float,
    flow: float = 1.0,
) -> tuple[Road, Road]:
    """Both directions of a street: ``NAME`` from ``start`` to ``end``, and ``-NAME`` back."""
    there = Road(
        name=name,
        start=start.name,
        end=end.name,
        shape_m=shape_m,
        num_lanes=num_lanes,
        speed_mps=speed_mps,
        priority=priority,
        lane_m=lane_m,
        sidewalk_m=sidewalk_m,
        flow=flow,
    )
    back = Road(
        name=f"-{name}",
        start=end.name,
        end=start.name,
        shape_m=shape_m[::-1],
        num_lanes=num_lanes,
        speed_mps=speed_mps,
        priority=priority,
        lane_m=lane_m,
        sidewalk_m=sidewalk_m,
        flow=flow,
    )
    return there, back


def arc(start_m: Float[np.ndarray, " 2"], end_m: Float[np.ndarray, " 2"], *, bend: float) -> Float[np.ndarray, "p 2"]:
    """A parabola from one point to another, a vertex every 8 m or so.

    Args:
        start_m: Where it begins.
        end_m: Where it ends.
        bend: How far its middle lies left of the straight line, in parts of that line's length.
    """
    way_m = end_m - start_m
    length_m = float(np.hypot(*way_m))
    if bend == 0:
        return np.stack([start_m, end_m])
    s = np.linspace(0.0, 1.0, max(3, round(length_m / 8)))[:, None]
    left_m = np.array([-way_m[1], way_m[0]])
    return start_m + s * way_m + 4 * bend * s * (1 - s) * left_m


def turned(points_m: Float[np.ndarray, "... 2"], *, angle_rad: float) -> Float[np.ndarray, "... 2"]:
    """Points turned counter-clockwise around the origin."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return points_m @ np.array([[cos, sin], [-sin, cos]])
