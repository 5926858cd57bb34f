"""Maps of clean drives on disk: one row per polygon or line, as well-known binary, which reads back to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely
from shapely import LineString, MultiPolygon, Polygon

from pipeline.drives.geojson import CENTERLINE, CROSSING, DRIVABLE_AREA, KINDS, LANE
from pipeline.drives.map import DriveMap
from pipeline.errors import InputError
from pipeline.ingest.tables import TODO, read_table, write_table

COLUMNS: Final = {"kind": "str", "geometry": "object"}


def write_map_table(path: Path, drive_map: DriveMap | None) -> None:
    """Write a map; a table without rows where there is none."""
    parts: dict[str, tuple[Polygon | LineString, ...]] = {}
    if drive_map is not None:
        area = tuple(drive_map.drivable_area.geoms)
        parts = {LANE: drive_map.lanes, CROSSING: drive_map.crossings, DRIVABLE_AREA: area}
        parts[CENTERLINE] = drive_map.centerlines
    kinds = [kind for kind, members in parts.items() for _ in members]
    geometries = np.array([geometry for members in parts.values() for geometry in members], dtype=object)
    table = pd.DataFrame({"kind": pd.Series(kinds, dtype="str"), "geometry": shapely.to_wkb(geometries)})
    write_table(path, table, columns=COLUMNS, metadata=None)


def read_map_table(path: Path) -> DriveMap | None:
    """Read a map; None where there is none.

    Raises:
        InputError: The file is not what ``write_map_table`` writes.
    """
    table, _ = read_table(path, columns=COLUMNS)
    try:
        geometries = shapely.from_wkb(table["geometry"].to_numpy())
    except shapely.GEOSException as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", TODO) from error
    line = (table["kind"] == CENTERLINE).to_numpy(dtype=bool)
    fitting = np.where(line, shapely.GeometryType.LINESTRING, shapely.GeometryType.POLYGON)
    whole = (shapely.get_type_id(geometries) == fitting) & shapely.is_valid(geometries)
    if not (whole & ~shapely.is_empty(geometries)).all() or not table["kind"].isin(KINDS).all():
        raise InputError(path, "is not a table of map polygons and lines", TODO)
    if table.empty:
        return None
    by_kind = {kind: tuple(geometries[(table["kind"] == kind).to_numpy()].tolist()) for kind in KINDS}
    return DriveMap(
        lanes=by_kind[LANE],
        crossings=by_kind[CROSSING],
        drivable_area=MultiPolygon(list(by_kind[DRIVABLE_AREA])),
        centerlines=by_kind[CENTERLINE],
    )
