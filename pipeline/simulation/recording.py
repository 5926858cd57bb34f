"""What one simulation gave: the road network, every agent and every signal, without any noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

World = Literal["grid", "crossing", "roundabout", "motorway"]
WORLDS: Final[tuple[World, ...]] = ("grid", "crossing", "roundabout", "motorway")

AGENT_COLUMNS: Final[dict[str, str]] = {
    "timestamp_ns": "int64",  # from 0, every step of the drive
    "agent_id": "str",
    "category": "str",  # a word of the neutral layout: car, van, truck, bus, motorcycle, bicycle, pedestrian
    "x_m": "float64",  # box centre in the world frame
    "y_m": "float64",
    "heading_rad": "float64",  # counter-clockwise from +x, in (-pi, pi]
    "speed_mps": "float64",
    "accel_mps2": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "height_m": "float64",
    "brake": "bool",  # lights that are on
    "left": "bool",
    "right": "bool",
    "lane_id": "str",
}
SIGNAL_COLUMNS: Final[dict[str, str]] = {
    "timestamp_ns": "int64",
    "signal_id": "str",
    "state": "str",  # one of SUMO's letters: r, u (red and yellow), y, g (yield), G
}
STOP_LINE_COLUMNS: Final[dict[str, str]] = {
    "lane_id": "str",  # a road lane with signals
    "signal_id": "str",  # the one whose state its head shows
    "x_m": "float64",  # middle of the stop line
    "y_m": "float64",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A strip of the network.

    Attributes:
        lane_id: SUMO's name.
        edge_id: SUMO's name of the road that it belongs to; lanes of one road differ in ``index``.
        index: 0 is the rightmost lane of its road.
        kind: ``road``: between junctions, for vehicles; ``junction``: the way over a junction; ``walk``: sidewalks and
            the corners that join them; ``crossing``: where pedestrians cross a road.
        centre_m: The middle line, in driving direction.
        outline_m: The surface, a polygon without a repeated first point.
        width_m: Of the strip.
        speed_mps: Allowed.
    """

    lane_id: str
    edge_id: str
    index: int
    kind: Literal["road", "junction", "walk", "crossing"]
    centre_m: Float[np.ndarray, "p 2"]
    outline_m: Float[np.ndarray, "q 2"]
    width_m: float
    speed_mps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One controlled way from a lane over a signalised junction; the ways of one lane share a signal head.

    Attributes:
        signal_id: ``<traffic light>:<link index>``.
        lane_id: The lane that it holds back (a road lane, or a crossing for pedestrians).
        stop_m: The middle of the stop line.
        heading_rad: Of the traffic that it is for.
        turn: SUMO's letter for where the way leads: s straight, l left, r right, t turn round.
    """

    signal_id: str
    lane_id: str
    stop_m: Float[np.ndarray, " 2"]
    heading_rad: float
    turn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The roads, in metres in the drive's world frame; the ground is flat, at z = 0."""

    lanes: tuple[Lane, ...]
    signals: tuple[Signal, ...]
    junctions_m: tuple[Float[np.ndarray, "_ 2"], ...]  # surfaces


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """The true course of one drive.

    Attributes:
        world: Which family its roads belong to.
        network: The roads.
        rate_hz: Of the steps.
        ego_id: The recording vehicle; it is there at every step.
        agents: One row per agent and step, with ``AGENT_COLUMNS``, sorted by time, then id.
        signals: One row per signal and step, with ``SIGNAL_COLUMNS``, sorted by time, then id.
    """

    world: World
    network: Network
    rate_hz: float
    ego_id: str
    agents: pd.DataFrame
    signals: pd.DataFrame

    def __post_init__(self) -> None:
        assert list(self.agents.columns) == list(AGENT_COLUMNS), list(self.agents.columns)
        assert list(self.signals.columns) == list(SIGNAL_COLUMNS), list(self.signals.columns)
