"""Signal heads and the masts that hold them, one head per lane with signals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from jaxtyping import Float

from pipeline.simulation.mesh import Mesh, MeshBuilder
from pipeline.simulation.palettes import NUM_ROLES
from pipeline.simulation.recording import Lane, Network, Signal
from pipeline.simulation.roles import Role

RED, YELLOW, GREEN = Role.BRAKE, Role.LEFT, Role.HEAD  # the rows of a head's palette for its lamps
HEAD_MIDDLE_M: Final = 4.5
LAMP_STEP_M: Final = 0.38
LAMP_RADIUS_M: Final = 0.15
LAMP_BEFORE_M: Final = 0.17  # the lamps' plane, before the head's middle
_FORWARDS_M: Final = (8.0, 6.5, 5.0, 3.5, 2.0, 0.8)  # past the stop line, so that the first driver who waits sees it
_ASIDES_M: Final = np.arange(0.5, 9.0, 0.4)
_LIT: Final = {RED: (40, 36, 255), YELLOW: (20, 200, 255), GREEN: (90, 240, 40)}
_DARK: Final = {RED: (20, 18, 58), YELLOW: (18, 48, 60), GREEN: (26, 48, 18)}
_SHOWN: Final = {"r": (RED,), "u": (RED, YELLOW), "y": (YELLOW,), "g": (GREEN,), "G": (GREEN,)}
_TURNS: Final = "srlt"  # a head shows the state of the first of these ways


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """Something that stands at a road: a signal head, or a mast.

    Attributes:
        mesh: In its own frame: x in the traffic's direction.
        place_m: On the ground.
        heading_rad: Of the traffic.
        signal_id: Whose state it shows; "" for a mast.
    """

    mesh: Mesh
    place_m: Float[np.ndarray, "2"]
    heading_rad: float
    signal_id: str


def posts_of(network: Network) -> tuple[Post, ...]:
    """A mast for each road with signals, with an arm over its lanes and a head above each."""
    lanes = {lane.lane_id: lane for lane in network.lanes}
    shown_at = shown_signals(network)
    roads: dict[str, list[Lane]] = defaultdict(list)
    for lane_id in shown_at:
        roads[lanes[lane_id].edge_id].append(lanes[lane_id])
    driven = shapely.union_all(
        [shapely.make_valid(shapely.Polygon(lane.outline_m)) for lane in network.lanes if lane.kind != "walk"]
    )
    shapely.prepare(driven)
    posts: list[Post] = []
    for edge_id in sorted(roads):
        held = sorted(roads[edge_id], key=lambda lane: lane.index)
        shown = [shown_at[lane.lane_id] for lane in held]
        posts += _gantry(held, shown=shown, driven=driven)
    return tuple(posts)


def shown_signals(network: Network) -> dict[str, Signal]:
    """By road lane with signals, the one whose state its head shows: that of the way straight on, if there is one."""
    lanes = {lane.lane_id for lane in network.lanes if lane.kind == "road"}
    signals: dict[str, list[Signal]] = defaultdict(list)
    for signal in network.signals:
        if signal.lane_id in lanes:
            signals[signal.lane_id].append(signal)
    return {
        lane_id: min(each, key=lambda signal: _TURNS.find(signal.turn.lower())) for lane_id, each in signals.items()
    }


def head_colours(state: str) -> tuple[Float[np.ndarray, "roles 3"], tuple[Role, ...]]:
    """A head's palette in this state, and the lamps that shine."""
    colours = np.full((NUM_ROLES, 3), 40.0)
    colours[Role.METAL] = (120, 122, 122)
    colours[Role.RIM] = (200, 204, 204)
    shining = _SHOWN.get(state, ())
    for lamp in (RED, YELLOW, GREEN):
        colours[lamp] = (_LIT if lamp in shining else _DARK)[lamp]
    return colours, shining


def _gantry(lanes: list[Lane], *, shown: list[Signal], driven: shapely.Geometry) -> list[Post]:
    heading_rad = shown[0].heading_rad
    ahead = np.array([np.cos(heading_rad), np.sin(heading_rad)])
    right = np.array([ahead[1], -ahead[0]])
    edge_m = shown[0].stop_m + right * lanes[0].width_m / 2
    choices = [
        (forward_m, aside_m) for forward_m in _FORWARDS_M for aside_m in _ASIDES_M if aside_m < 6.0 or forward_m < 1
    ]
    places_m = np.array([edge_m + ahead * forward_m + right * aside_m for forward_m, aside_m in choices])
    free = ~shapely.dwithin(driven, shapely.points(places_m), 0.35)
    best = int(np.argmax(free)) if free.any() else len(choices) - 1
    place_m = places_m[best]
    lefts_m = [float((place_m - signal.stop_m) @ right) for signal in shown]
    posts = [Post(mesh=_mast(max(lefts_m)), place_m=place_m, heading_rad=heading_rad, signal_id="")]
    for signal, left_m in zip(shown, lefts_m, strict=True):
        posts.append(
            Post(
                mesh=_head(),
                place_m=place_m - right * left_m,
                heading_rad=heading_rad,
                signal_id=signal.signal_id,
            )
        )
    return posts


def _mast(arm_m: float) -> Mesh:
    builder = MeshBuilder()
    top_m = HEAD_MIDDLE_M + 0.35
    builder.frustum(
        bottom=(0.15, 0.35, 0.1, 0.0), top=(0.18, 0.32, 0.07, top_m + 0.15), roles=(Role.METAL,) * 5, layer=0
    )
    builder.box((0.19, 0.0, top_m - 0.06), (0.31, arm_m + 0.1, top_m + 0.06), Role.METAL, layer=1)
    return builder.build()


def _head() -> Mesh:
    builder = MeshBuilder()
    half_m, tall_m = 0.23, 0.64
    builder.face(
        [(0.0, y, HEAD_MIDDLE_M + z) for y, z in ((-0.36, -0.8), (0.36, -0.8), (0.36, 0.8), (-0.36, 0.8))],
        Role.RIM,
        layer=0,
        outwards=(-1, 0, 0),
    )
    plate = ((-0.33, -0.77), (0.33, -0.77), (0.33, 0.77), (-0.33, 0.77))
    builder.face([(0.0, y, HEAD_MIDDLE_M + z) for y, z in plate], Role.TRIM, layer=0)
    low, high = HEAD_MIDDLE_M - tall_m, HEAD_MIDDLE_M + tall_m
    builder.box((-LAMP_BEFORE_M, -half_m, low), (0.0, half_m, high), Role.TYRE, layer=1)
    for lamp, step in ((RED, 1), (YELLOW, 0), (GREEN, -1)):
        middle = (-LAMP_BEFORE_M, 0.0, HEAD_MIDDLE_M + step * LAMP_STEP_M)
        builder.disc(middle, LAMP_RADIUS_M, lamp, layer=2, normal=(-1.0, 0.0, 0.0))
    return builder.build()
