"""A drive's map, drawn under a scene."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from shapely import Polygon

from pipeline.drives.map import DriveMap

GROUND: Final = "#eeeeee"
CROSSED: Final = "#d6d6d6"
LANE_EDGE: Final = "#c4c4c4"


def draw_map(axes: Axes, drive_map: DriveMap, *, origin_m: Float[np.ndarray, " 2"]) -> None:
    """Draw the drivable area, the crossings, the lanes' edges and, dashed, their centre lines.

    Args:
        axes: In metres in a scene's frame; what lies outside its limits is cut off.
        drive_map: In the world frame.
        origin_m: World position of the scene frame's origin.
    """
    area = _outline(drive_map.drivable_area.geoms, origin_m=origin_m)
    crossings = _outline(drive_map.crossings, origin_m=origin_m)
    rings = [ring for lane in drive_map.lanes for ring in (lane.exterior, *lane.interiors)]
    edges = [shapely.get_coordinates(ring) - origin_m for ring in rings]
    axes.add_patch(PathPatch(area, facecolor=GROUND, linewidth=0, zorder=0.6, label="Drivable area"))
    axes.add_patch(PathPatch(crossings, facecolor=CROSSED, linewidth=0, zorder=0.7))
    axes.add_collection(LineCollection(edges, colors=LANE_EDGE, linewidths=0.7, zorder=0.8), autolim=False)
    middles = [shapely.get_coordinates(line) - origin_m for line in drive_map.centerlines]
    dashed = LineCollection(middles, colors=LANE_EDGE, linewidths=0.7, linestyles=(0, (2, 4)), zorder=0.8)
    axes.add_collection(dashed, autolim=False)


def _outline(polygons: Iterable[Polygon], *, origin_m: Float[np.ndarray, " 2"]) -> Outline:
    """One path around all polygons; rings that turn the other way cut holes out of the one around them."""
    turned = [shapely.orient_polygons(polygon) for polygon in polygons]
    rings = [ring for polygon in turned for ring in (polygon.exterior, *polygon.interiors)]
    parts = [Outline(shapely.get_coordinates(ring) - origin_m, closed=True) for ring in rings]
    return Outline.make_compound_path(*parts)
