"""A drive's map, drawn under a scene."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.path import Path as Outline
from shapely import Polygon

from pipeline.drives.map import DriveMap

GROUND: Final = "#f3f3f3"
CROSSED: Final = "#dcdcdc"
LANE_EDGE: Final = "#cfcfcf"


def draw_map(axes: Axes, drive_map: DriveMap, *, origin_m: Float[np.ndarray, " 2"]) -> None:
    """Draw the drivable area, the crossings and the lanes' edges.

    Args:
        axes: In metres in a scene's frame; what lies outside its limits is cut off.
        drive_map: In the world frame.
        origin_m: World position of the scene frame's origin.
    """
    area = _outlines(drive_map.drivable_area.geoms, origin_m=origin_m)
    crossings = _outlines(drive_map.crossings, origin_m=origin_m)
    rings = [ring for lane in drive_map.lanes for ring in (lane.exterior, *lane.interiors)]
    edges = [shapely.get_coordinates(ring) - origin_m for ring in rings]
    for drawn in (
        PathCollection(area, facecolors=GROUND, edgecolors="none", zorder=0.4, label="Drivable area"),
        PathCollection(crossings, facecolors=CROSSED, edgecolors="none", zorder=0.5),
        LineCollection(edges, colors=LANE_EDGE, linewidths=0.7, zorder=0.6),
    ):
        axes.add_collection(drawn, autolim=False)


def _outlines(polygons: Iterable[Polygon], *, origin_m: Float[np.ndarray, " 2"]) -> list[Outline]:
    """Paths with holes: rings that turn the other way cut out of the one around them."""
    outlines: list[Outline] = []
    for polygon in polygons:
        turned = shapely.orient_polygons(polygon)
        rings = [shapely.get_coordinates(ring) - origin_m for ring in (turned.exterior, *turned.interiors)]
        outlines.append(Outline.make_compound_path(*(Outline(ring, closed=True) for ring in rings)))
    return outlines
