"""The map of a simulated drive: what its road network says of lanes, crossings and where one can drive."""

from __future__ import annotations

from typing import Final

import shapely
from shapely import Polygon

from pipeline.drives.map import DriveMap, polygons, union
from pipeline.simulation.recording import Network

_SLIVER_M: Final = 0.1  # gaps up to twice this between neighbouring surfaces are closed


def map_of(network: Network) -> DriveMap:
    """The lanes, crossings and drivable area of a network.

    Drivable are the lanes and the ways over junctions, and the surfaces of junctions but for the pavements at their
    corners. Slivers between them are closed.
    """
    by_kind = {
        kind: polygons(Polygon(lane.outline_m) for lane in network.lanes if lane.kind == kind)
        for kind in ("road", "junction", "walk", "crossing")
    }
    lanes = (*by_kind["road"], *by_kind["junction"])
    surfaces = union(polygons(Polygon(outline) for outline in network.junctions_m))
    inner = polygons([shapely.difference(surfaces, union(by_kind["walk"]))])
    whole = union((*lanes, *inner))
    closed = whole.buffer(_SLIVER_M, join_style="mitre").buffer(-_SLIVER_M, join_style="mitre")
    return DriveMap(lanes=lanes, crossings=by_kind["crossing"], drivable_area=union(polygons([closed])))
