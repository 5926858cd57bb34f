"""The map of a drive: lanes, crossings and where one can drive, in the drive's own world frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, kw_only=True, slots=True)
class DriveMap:
    """Surfaces and lines in metres, in the same world frame as the drive's tracks; heights are not kept.

    Every polygon is valid in the sense of OGC simple features (nothing crosses itself) and has an area: ``polygons``
    makes them so. Every line has a length (``lines``), and may cross itself.

    Attributes:
        lanes: The strips that traffic follows, ways over junctions included.
        crossings: Where pedestrians cross.
        drivable_area: All that vehicles and two-wheelers may drive on; empty where it is not known.
        centerlines: The middle of lanes, in the direction of driving; not one by one those of ``lanes``.
    """

    lanes: tuple[Polygon, ...]
    crossings: tuple[Polygon, ...]
    drivable_area: MultiPolygon
    centerlines: tuple[LineString, ...] = ()

    def __post_init__(self) -> None:
        assert not shapely.is_empty(self._parts()).any()
        assert shapely.is_valid(self._parts()).all()

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """Least x and y, greatest x and y of everything; NaN where there is nothing."""
        left, bottom, right, top = shapely.total_bounds(self._parts()).tolist()
        return left, bottom, right, top

    def _parts(self) -> np.ndarray:
        return np.array([*self.lanes, *self.crossings, *self.drivable_area.geoms, *self.centerlines], dtype=object)


def polygons(geometries: Iterable[BaseGeometry]) -> tuple[Polygon, ...]:
    """The polygons in geometries, in their order, mended where they cross themselves.

    What has no area (a line, a polygon flat as one) is left out. What a ring goes round twice is inside, and a figure
    of eight becomes two polygons (``shapely.make_valid``, method ``structure``).
    """
    given = np.array([*geometries], dtype=object)
    mended = np.where(
        shapely.is_valid(given), given, shapely.make_valid(given, method="structure", keep_collapsed=False)
    )
    parts = shapely.get_parts(shapely.get_parts(mended))  # a collection may hold a MultiPolygon
    flat = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return tuple(parts[flat].tolist())


def lines(geometries: Iterable[BaseGeometry]) -> tuple[LineString, ...]:
    """The lines in geometries, in their order and direction. What has no length is left out."""
    parts = shapely.get_parts(np.array([*geometries], dtype=object))
    long = (shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING) & (shapely.length(parts) > 0.0)
    return tuple(parts[long].tolist())


def union(parts: Iterable[Polygon]) -> MultiPolygon:
    """All that lies in any of the polygons."""
    whole = shapely.union_all(np.array([*parts], dtype=object))
    return MultiPolygon(list(polygons([whole])))
