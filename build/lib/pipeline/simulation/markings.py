"""White paint on the road: lines between and beside lanes, stop lines, zebra crossings."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import shapely
from jaxtyping import Float

from pipeline.simulation.polylines import lefts, lengths_m, moved, piece, points_at, quads
from pipeline.simulation.recording import Lane, Network

LINE_WIDTH_M: Final = 0.14
_SOLID_PIECE_M: Final = 6.0  # solid lines are cut, so that far pieces can be left out
_DASH_M: Final = 3.0
_GAP_M: Final = 4.5
_STOP_WIDTH_M: Final = 0.45
_KERB_M: Final = 0.16
_STRIPE_M: Final = 0.5  # of zebra crossings, and the gaps between
_BESIDE_M: Final = 0.12  # edge and centre lines lie this far within their own lane

Quads = Float[np.ndarray, "k 4 2"]


def markings_m(network: Network) -> Quads:
    """All paint as quadrilaterals that do not overlap, in metres in the world frame."""
    roads: dict[str, list[Lane]] = defaultdict(list)
    for lane in network.lanes:
        if lane.kind == "road":
            roads[lane.edge_id].append(lane)
    held = {signal.lane_id for signal in network.signals}
    parts: list[Quads] = []
    for lanes in roads.values():
        lanes.sort(key=lambda lane: lane.index)
        parts += _road(lanes, stopped=any(lane.lane_id in held for lane in lanes))
    parts += [_zebra(lane) for lane in network.lanes if lane.kind == "crossing"]
    parts += [_stop_line(lane) for lane in network.lanes if lane.kind == "road" and lane.lane_id in held]
    return np.concatenate(parts) if parts else np.zeros((0, 4, 2))


def kerbs_m(network: Network) -> Quads:
    """Kerb stones where a road meets a sidewalk, as quadrilaterals."""
    walks, lanes, junctions = (
        shapely.union_all([shapely.make_valid(shapely.Polygon(outline_m)) for outline_m in outlines_m])
        for outlines_m in (
            [lane.outline_m for lane in network.lanes if lane.kind == "walk"],
            [lane.outline_m for lane in network.lanes if lane.kind in ("road", "junction")],
            network.junctions_m,
        )
    )
    roads = shapely.union(lanes, shapely.difference(junctions, walks))
    edges = shapely.simplify(shapely.intersection(shapely.boundary(roads), shapely.buffer(walks, 0.3)), 0.04)
    parts = [
        quads(_cut(shapely.get_coordinates(part), most_m=_SOLID_PIECE_M), width_m=_KERB_M)
        for part in shapely.get_parts(shapely.line_merge(edges))
        if part.length > 0.5
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 4, 2))


def _cut(line_m: Float[np.ndarray, "p 2"], *, most_m: float) -> Float[np.ndarray, "q 2"]:
    """The line with more points, so that none of its pieces is longer than this."""
    ways_m = lengths_m(line_m)
    end_m = float(ways_m[-1])
    cuts_m = np.linspace(0.0, end_m, max(int(np.ceil(end_m / most_m)), 1) + 1)
    return points_at(line_m, np.unique(np.concatenate([cuts_m, ways_m])))


def _road(lanes: list[Lane], *, stopped: bool) -> list[Quads]:
    """The lines along one road; short of its end where a stop line lies there."""
    short_m = 0.6 if stopped else 0.0
    right_m = moved(lanes[0].centre_m, -(lanes[0].width_m / 2 - _BESIDE_M))
    left_m = moved(lanes[-1].centre_m, lanes[-1].width_m / 2 - _BESIDE_M)
    parts = [_solid(right_m, short_m=short_m), _solid(left_m, short_m=short_m)]
    parts += [_dashes(moved(lane.centre_m, lane.width_m / 2), short_m=short_m) for lane in lanes[:-1]]
    return parts


def _solid(line_m: Float[np.ndarray, "p 2"], *, short_m: float) -> Quads:
    end_m = max(float(lengths_m(line_m)[-1]) - short_m, 0.1)
    cuts_m = np.linspace(0.0, end_m, max(int(np.ceil(end_m / _SOLID_PIECE_M)), 1) + 1)
    ways = np.unique(np.concatenate([cuts_m, lengths_m(line_m)]))
    return quads(points_at(line_m, ways[ways <= end_m]), width_m=LINE_WIDTH_M)


def _dashes(line_m: Float[np.ndarray, "p 2"], *, short_m: float) -> Quads:
    end_m = float(lengths_m(line_m)[-1]) - short_m
    starts_m = np.arange(end_m - _DASH_M, -_DASH_M, -(_DASH_M + _GAP_M))  # counted from the stop line backwards
    pieces = [
        quads(piece(line_m, start_m=max(start, 0.0), end_m=min(start + _DASH_M, end_m)), width_m=LINE_WIDTH_M)
        for start in starts_m
        if start + _DASH_M > 0.3
    ]
    return np.concatenate(pieces) if pieces else np.zeros((0, 4, 2))


def _stop_line(lane: Lane) -> Quads:
    length_m = float(lengths_m(lane.centre_m)[-1])
    line_m = piece(lane.centre_m, start_m=max(length_m - 0.1 - _STOP_WIDTH_M, 0.0), end_m=max(length_m - 0.1, 0.05))
    return quads(line_m[[0, -1]], width_m=lane.width_m - 0.05)


def _zebra(lane: Lane) -> Quads:
    """Stripes along the traffic's direction, across the pedestrians'."""
    length_m = float(lengths_m(lane.centre_m)[-1])
    count = max(int((length_m - 0.4 + _STRIPE_M) / (2 * _STRIPE_M)), 1)
    first_m = (length_m - (2 * count - 1) * _STRIPE_M) / 2
    stripes: list[np.ndarray] = []
    for start_m in first_m + 2 * _STRIPE_M * np.arange(count):
        ends_m = piece(lane.centre_m, start_m=max(start_m, 0.0), end_m=min(start_m + _STRIPE_M, length_m))[[0, -1]]
        half = lefts(ends_m) * (lane.width_m / 2 - 0.1)
        stripes.append(np.stack([ends_m[0] - half[0], ends_m[1] - half[1], ends_m[1] + half[1], ends_m[0] + half[0]]))
    return np.stack(stripes)
