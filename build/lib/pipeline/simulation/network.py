"""SUMO's network file, read."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree

import numpy as np
import shapely
from jaxtyping import Float

from pipeline.simulation.recording import Lane, Network, Signal

_LANE_WIDTH_M: Final = 3.2  # SUMO's default, which its network files leave out
_KINDS: Final[dict[str, Literal["road", "junction", "walk", "crossing"]]] = {
    "normal": "road",
    "internal": "junction",
    "walkingarea": "walk",
    "crossing": "crossing",
}


def read_network(path: Path) -> Network:
    """The lanes, signals and junction surfaces of a network that netconvert wrote.

    Args:
        path: A ``.net.xml`` file.
    """
    root = ElementTree.parse(path).getroot()  # noqa: S314  (SUMO's own output, written a moment ago)
    lanes = tuple(_lane(lane, edge=edge) for edge in root.iter("edge") for lane in edge.iter("lane"))
    by_id = {lane.lane_id: lane for lane in lanes}
    controlled = [link for link in root.iter("connection") if link.get("tl") is not None]
    signals = sorted((_signal(link, lanes=by_id) for link in controlled), key=lambda signal: signal.signal_id)
    surfaces = (junction.get("shape", "") for junction in root.iter("junction") if junction.get("type") != "internal")
    polygons = (_points(shape) for shape in surfaces if len(shape.split()) >= 3)
    return Network(lanes=lanes, signals=tuple(signals), junctions_m=tuple(polygons))


def read_turns(path: Path, *, vehicle_class: str) -> dict[str, tuple[str, ...]]:
    """For every road, the names of those to which a way over a junction leads vehicles of one of SUMO's classes."""
    root = ElementTree.parse(path).getroot()  # noqa: S314
    lanes = {lane.attrib["id"] for lane in root.iter("lane") if _lets_in(lane, vehicle_class=vehicle_class)}
    turns: dict[str, list[str]] = {edge.attrib["id"]: [] for edge in root.iter("edge") if edge.get("function") is None}
    for link in root.iter("connection"):
        start, end = link.attrib["from"], link.attrib["to"]
        there = {f"{start}_{link.get('fromLane')}", f"{end}_{link.get('toLane')}"}
        if start in turns and end in turns and there <= lanes and end not in turns[start]:
            turns[start].append(end)
    return {start: tuple(ends) for start, ends in turns.items()}


def _lets_in(lane: ElementTree.Element, *, vehicle_class: str) -> bool:
    allowed = lane.get("allow")
    if allowed is not None:
        return vehicle_class in allowed.split()
    return vehicle_class not in lane.get("disallow", "").split()


def _points(shape: str) -> Float[np.ndarray, "p 2"]:
    return np.array([[float(value) for value in point.split(",")[:2]] for point in shape.split()])


def _lane(lane: ElementTree.Element, *, edge: ElementTree.Element) -> Lane:
    kind = _KINDS[edge.get("function", "normal")]
    width_m = float(lane.get("width", _LANE_WIDTH_M))
    points_m = _points(lane.attrib["shape"])
    if kind == "walk":  # a corner, whose shape is its outline
        outline_m = points_m
        far = np.hypot(*(points_m[:, None] - points_m[None]).transpose(2, 0, 1))
        centre_m = points_m[list(np.unravel_index(int(far.argmax()), far.shape))]
    else:
        centre_m = points_m
        outline_m = _outline(points_m, width_m=width_m)
    return Lane(
        lane_id=lane.attrib["id"],
        edge_id=edge.attrib["id"],
        index=int(lane.attrib["index"]),
        kind="walk" if lane.get("allow") == "pedestrian" and kind == "road" else kind,
        centre_m=centre_m,
        outline_m=outline_m,
        width_m=width_m,
        speed_mps=float(lane.attrib["speed"]),
    )


def _outline(centre_m: Float[np.ndarray, "p 2"], *, width_m: float) -> Float[np.ndarray, "q 2"]:
    strip = shapely.buffer(shapely.LineString(centre_m), width_m / 2, cap_style="flat", join_style="mitre")
    assert isinstance(strip, shapely.Polygon), strip.geom_type
    return shapely.get_coordinates(strip.exterior)[:-1]


def _signal(link: ElementTree.Element, *, lanes: dict[str, Lane]) -> Signal:
    """The signal of a controlled connection; that of pedestrians stands where their crossing begins."""
    start, end = (f"{link.get(side)}_{link.get(index)}" for side, index in (("from", "fromLane"), ("to", "toLane")))
    if lanes[end].kind == "crossing":
        held, stop_m = lanes[end], lanes[end].centre_m[0]
        way_m = held.centre_m[1] - held.centre_m[0]
    else:
        held, stop_m = lanes[start], lanes[start].centre_m[-1]
        way_m = held.centre_m[-1] - held.centre_m[-2]
    return Signal(
        signal_id=f"{link.get('tl')}:{link.get('linkIndex')}",
        lane_id=held.lane_id,
        stop_m=stop_m,
        heading_rad=float(np.arctan2(way_m[1], way_m[0])),
        turn=link.attrib["dir"].lower(),  # SUMO writes partly left and right as capitals
    )
