"""Maps as GeoJSON: what a user draws or exports, and what the simulation writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from shapely import Polygon

from pipeline.drives.map import DriveMap
from pipeline.files import whole_file

LANE: Final = "lane"
CROSSING: Final = "crossing"
DRIVABLE_AREA: Final = "drivable_area"
_GRID_M: Final = 0.001


def write_map(path: Path, drive_map: DriveMap) -> None:
    """Write a map as a GeoJSON FeatureCollection, rounded to the millimetre.

    One feature per lane, per crossing and per part of the drivable area, in this order; ``properties.kind`` says which.
    What is thinner than the rounding is lost. Coordinates are metres in the drive's world frame, not longitude and
    latitude as GeoJSON's standard (RFC 7946) has it.
    """
    by_kind: dict[str, Sequence[Polygon]] = {
        LANE: drive_map.lanes,
        CROSSING: drive_map.crossings,
        DRIVABLE_AREA: tuple(drive_map.drivable_area.geoms),
    }
    features = [_feature(kind, part) for kind, parts in by_kind.items() for part in _rounded(parts)]
    # A feature on each line: people can read it, and tools can compare it.
    lines = ",\n".join(json.dumps(feature, allow_nan=False, separators=(",", ":")) for feature in features)
    with whole_file(path) as temporary:
        text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
        temporary.write_text(text, encoding="utf-8")


def _rounded(parts: Sequence[Polygon]) -> list[Polygon]:
    """Polygons on the grid of millimetres, still valid: rounding each corner alone can make edges cross."""
    snapped = shapely.set_precision(np.array([*parts], dtype=object), _GRID_M)
    return [part for part in shapely.get_parts(snapped) if not part.is_empty]


def _feature(kind: str, polygon: Polygon) -> dict[str, Any]:
    rings = (polygon.exterior, *polygon.interiors)
    coordinates = [np.round(shapely.get_coordinates(ring), 3).tolist() for ring in rings]
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return {"type": "Feature", "properties": {"kind": kind}, "geometry": geometry}
