"""A plan written as SUMO's plain XML and made a network by its program netconvert."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Float

from pipeline.simulation.programs import run_program
from pipeline.simulation.worlds.plan import Plan

_OPTIONS = (
    *("--offset.disable-normalization", "true"),  # the world's origin stays where the plan has it
    *("--no-turnarounds", "true"),
    *("--walkingareas", "true"),
    *("--junctions.internal-link-detail", "12"),
    *("--junctions.corner-detail", "8"),
    *("--rectangular-lane-cut", "false"),
    *("--check-lane-foes.all", "false"),
    *("--tls.yellow.min-decel", "3.0"),
    *("--tls.allred.time", "2"),
    *("--tls.left-green.time", "6"),
    *("--tls.crossing-min.time", "5"),
    *("--default.crossing-width", "3.5"),
    *("--precision", "3"),
)


def build_network(plan: Plan, *, folder: Path, cycle_s: int) -> Path:
    """The network that SUMO makes of a plan.

    Args:
        plan: The world.
        folder: Where the files are written.
        cycle_s: Of the signals.

    Raises:
        InputError: netconvert failed; the message ends with what it printed.
    """
    _write(folder / "plain.nod.xml", "nodes", [_junction(plan, index) for index in range(len(plan.junctions))])
    _write(folder / "plain.edg.xml", "edges", _roads(plan))
    _write(folder / "plain.con.xml", "connections", _connections(plan))
    files = ("--node-files=plain.nod.xml", "--edge-files=plain.edg.xml", "--connection-files=plain.con.xml")
    run_program(
        "netconvert",
        (*files, "--output-file=world.net.xml", *_OPTIONS, "--tls.cycle.time", str(cycle_s)),
        folder=folder,
    )
    return folder / "world.net.xml"


def element(name: str, **attributes: object) -> str:
    """An empty element of XML; a trailing underscore in the name of an attribute is left out."""
    inside = "".join(f" {key.rstrip('_')}={quoteattr(_text(value))}" for key, value in attributes.items())
    return f"<{name}{inside}/>"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _write(path: Path, root: str, lines: list[str]) -> None:
    path.write_text("\n".join((f"<{root}>", *lines, f"</{root}>\n")), encoding="utf-8")


def _junction(plan: Plan, index: int) -> str:
    junction = plan.junctions[index]
    x_m, y_m = (float(value) for value in junction.place_m)
    return element("node", id=junction.name, x=x_m, y=y_m, type=junction.kind, radius=junction.radius_m)


def _points(shape_m: Float[np.ndarray, "p 2"]) -> str:
    return " ".join(f"{x:.3f},{y:.3f}" for x, y in shape_m)


def _roads(plan: Plan) -> list[str]:
    lines: list[str] = []
    for road in plan.roads:
        attributes: dict[str, object] = {"id": road.name, "from_": road.start, "to": road.end}
        attributes |= {"numLanes": road.num_lanes, "speed": road.speed_mps, "priority": road.priority}
        attributes["width"] = road.lane_m
        attributes |= {"spreadType": "center" if road.centred else "right", "shape": _points(road.shape_m)}
        attributes["disallow"] = "pedestrian tram rail rail_urban rail_electric rail_fast ship"
        if road.sidewalk_m > 0:
            attributes["sidewalkWidth"] = road.sidewalk_m
        lines.append(element("edge", **attributes))
    if plan.ring:
        inner = {road.name: road.start for road in plan.roads}
        nodes = " ".join(inner[name] for name in plan.ring)
        lines.append(element("roundabout", nodes=nodes, edges=" ".join(plan.ring)))
    return lines


def _connections(plan: Plan) -> list[str]:
    lines = [
        element("connection", from_=link.start, to=link.end, fromLane=link.start_lane, toLane=link.end_lane)
        for link in plan.links
    ]
    lines += [
        element("crossing", node=crosswalk.junction, edges=" ".join(crosswalk.roads), priority=crosswalk.first)
        for crosswalk in plan.crosswalks
    ]
    return lines
