"""A motorway with on- and off-ramps."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.simulation.worlds.plan import Junction, JunctionKind, Link, Plan, Road, turned

_SPEEDS_MPS: Final = (80 / 3.6, 100 / 3.6, 120 / 3.6, 130 / 3.6)
_RAMP_MPS: Final = 70 / 3.6
_LANE_M: Final = 3.6
_MAIN, _RAMP = 9, 2  # priorities
_POINT_EVERY_M: Final = 20.0


def plan_motorway(rng: np.random.Generator, *, duration_s: float) -> Plan:
    """Two carriageways; each has an off-ramp and an on-ramp with a lane of their own for slowing down and speeding up.

    Args:
        rng: What is drawn comes from here.
        duration_s: A car that drives through at the speed allowed is there for at least so long.
    """
    speed_mps = float(rng.choice(_SPEEDS_MPS))
    length_m = max(speed_mps * duration_s * 1.15 + 250, 1400.0)
    num_lanes = int(rng.integers(2, 5))
    axis = _Axis.draw(rng, length_m=length_m)
    median_m = float(rng.uniform(1.5, 3.0))
    junctions: list[Junction] = []
    roads: list[Road] = []
    links: list[Link] = []
    for side in ("E", "W"):
        way = axis if side == "E" else axis.reversed()
        one = _carriageway(side, way, rng=rng, num_lanes=num_lanes, speed_mps=speed_mps, median_m=median_m)
        junctions += one.junctions
        roads += one.roads
        links += one.links
    return Plan(junctions=tuple(junctions), roads=tuple(roads), links=tuple(links))


class _Axis:
    """The line between the two carriageways, a point each metre."""

    def __init__(self, points_m: Float[np.ndarray, "p 2"]) -> None:
        self.points_m = points_m

    @classmethod
    def draw(cls, rng: np.random.Generator, *, length_m: float) -> _Axis:
        s = np.arange(0.0, length_m + 1.0)
        # Wide bends. (In narrower ones SUMO's vehicles leap some decimetres as they change lanes: it counts the same
        # metres along all lanes of a road.)
        wave_m, phase_rad, swing_rad = rng.uniform(700, 1200), rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.12)
        heading_rad = swing_rad * np.sin(2 * np.pi * s / wave_m + phase_rad)
        points_m = np.cumsum(np.column_stack([np.cos(heading_rad), np.sin(heading_rad)]), axis=0)
        points_m -= points_m[len(points_m) // 2]
        return cls(turned(points_m, angle_rad=float(rng.uniform(-np.pi, np.pi))))

    def reversed(self) -> _Axis:
        return _Axis(self.points_m[::-1])

    @property
    def length_m(self) -> float:
        return float(len(self.points_m) - 1)

    def tangent(self, s_m: float) -> Float[np.ndarray, " 2"]:
        middle = int(np.clip(round(s_m), 1, len(self.points_m) - 2))
        way_m = self.points_m[middle + 1] - self.points_m[middle - 1]
        return way_m / np.hypot(*way_m)

    def place(self, s_m: float, *, right_m: float) -> Float[np.ndarray, " 2"]:
        along = self.tangent(s_m)
        on_axis_m = self.points_m[int(np.clip(round(s_m), 0, len(self.points_m) - 1))]
        return on_axis_m + right_m * np.array([along[1], -along[0]])

    def line(self, start_m: float, end_m: float, *, right_m: float) -> Float[np.ndarray, "p 2"]:
        s_m = np.linspace(start_m, end_m, max(2, round((end_m - start_m) / _POINT_EVERY_M) + 1))
        return np.stack([self.place(float(s), right_m=right_m) for s in s_m])


def _carriageway(
    side: str, axis: _Axis, *, rng: np.random.Generator, num_lanes: int, speed_mps: float, median_m: float
) -> Plan:
    """Sections: main, with a lane to slow down, main, with a lane to speed up, main."""
    off_m = float(rng.uniform(0.22, 0.28) * axis.length_m)
    on_m = float(rng.uniform(0.64, 0.7) * axis.length_m)
    slow_m, fast_m = float(rng.uniform(150, 220)), float(rng.uniform(180, 280))
    cuts_m = [0.0, off_m - slow_m, off_m, on_m, on_m + fast_m, axis.length_m]
    extra = [0, 1, 0, 1, 0]
    kinds: list[JunctionKind] = ["dead_end", "priority", "priority", "priority", "priority", "dead_end"]
    junctions = [
        Junction(name=f"{side}{index}", place_m=axis.place(s_m, right_m=median_m), kind=kind, radius_m=2.0)
        for index, (s_m, kind) in enumerate(zip(cuts_m, kinds, strict=True))
    ]
    roads = [
        Road(
            name=f"{side}{index}{side}{index + 1}",
            start=f"{side}{index}",
            end=f"{side}{index + 1}",
            shape_m=axis.line(cuts_m[index], cuts_m[index + 1], right_m=median_m),
            num_lanes=num_lanes + extra[index],
            speed_mps=speed_mps,
            priority=_MAIN,
            lane_m=_LANE_M,
            flow=0.75 * num_lanes,
        )
        for index in range(5)
    ]
    ramp_ends = [
        Junction(name=f"{side}{name}", place_m=_ramp_end(axis, s_m, sign=sign), kind="dead_end")
        for name, s_m, sign in (("off", off_m, 1.0), ("on", on_m, -1.0))
    ]
    edge_m = median_m + num_lanes * _LANE_M
    off = _ramp(axis, ramp_ends[0], s_m=off_m, right_m=edge_m, sign=1.0)
    on = _ramp(axis, ramp_ends[1], s_m=on_m, right_m=edge_m, sign=-1.0)[::-1]
    ramps = [
        Road(name=f"{side}off", start=f"{side}2", end=f"{side}off", shape_m=off, num_lanes=1, speed_mps=_RAMP_MPS,
             priority=_RAMP, lane_m=_LANE_M, flow=0.35),
        Road(name=f"{side}on", start=f"{side}on", end=f"{side}3", shape_m=on, num_lanes=1, speed_mps=_RAMP_MPS,
             priority=_RAMP, lane_m=_LANE_M, flow=0.35),
    ]  # fmt: skip
    names = [road.name for road in roads]
    links: list[Link] = []
    for lane in range(num_lanes):
        links += [
            Link(start=names[0], start_lane=lane, end=names[1], end_lane=lane + 1),
            Link(start=names[1], start_lane=lane + 1, end=names[2], end_lane=lane),
            Link(start=names[2], start_lane=lane, end=names[3], end_lane=lane + 1),
            Link(start=names[3], start_lane=lane + 1, end=names[4], end_lane=lane),
        ]
    links += [
        Link(start=names[1], start_lane=0, end=f"{side}off", end_lane=0),
        Link(start=f"{side}on", start_lane=0, end=names[3], end_lane=0),
    ]
    return Plan(junctions=(*junctions, *ramp_ends), roads=(*roads, *ramps), links=tuple(links))


def _ramp_end(axis: _Axis, s_m: float, *, sign: float) -> Float[np.ndarray, " 2"]:
    return axis.place(s_m + sign * 240.0, right_m=70.0)


def _ramp(axis: _Axis, end: Junction, *, s_m: float, right_m: float, sign: float) -> Float[np.ndarray, "p 2"]:
    """From the carriageway's right edge at ``s_m`` to the ramp's end: first along the motorway, then away from it."""
    start_m = axis.place(s_m, right_m=right_m)
    towards_m = start_m + sign * 130.0 * axis.tangent(s_m)
    t = np.linspace(0.0, 1.0, 16)[:, None]
    return (1 - t) ** 2 * start_m + 2 * t * (1 - t) * towards_m + t**2 * end.place_m
