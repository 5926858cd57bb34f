"""Maps of clean drives on disk: one row per polygon, as well-known binary, which reads back to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely
from shapely import MultiPolygon, Polygon

from pipeline.drives.geojson import CROSSING, DRIVABLE_AREA, KINDS, LANE
from pipeline.drives.map import DriveMap
from pipeline.errors import InputError
from pipeline.ingest.tables import TODO, read_table, write_table

COLUMNS: Final = {"kind": "str", "polygon": "object"}


def write_map_table(path: Path, drive_map: DriveMap | None) -> None:
    """Write a map; a table without rows where there is none."""
    parts: dict[str, tuple[Polygon, ...]] = {}
    if drive_map is not None:
        area = tuple(drive_map.drivable_area.geoms)
        parts = {LANE: drive_map.lanes, CROSSING: drive_map.crossings, DRIVABLE_AREA: area}
    kinds = [kind for kind, members in parts.items() for _ in members]
    polygons = np.array([polygon for members in parts.values() for polygon in members], dtype=object)
    table = pd.DataFrame({"kind": pd.Series(kinds, dtype="str"), "polygon": shapely.to_wkb(polygons)})
    write_table(path, table, columns=COLUMNS, metadata=None)


def read_map_table(path: Path) -> DriveMap | None:
    """Read a map; None where there is none.

    Raises:
        InputError: The file is not what ``write_map_table`` writes.
    """
    table, _ = read_table(path, columns=COLUMNS)
    try:
        polygons = shapely.from_wkb(table["polygon"].to_numpy())
    except shapely.GEOSException as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", TODO) from error
    whole = (shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON) & shapely.is_valid(polygons)
    if not (whole & ~shapely.is_empty(polygons)).all() or not table["kind"].isin(KINDS).all():
        raise InputError(path, "is not a table of map polygons", TODO)
    if table.empty:
        return None
    by_kind = {kind: tuple(polygons[(table["kind"] == kind).to_numpy()].tolist()) for kind in KINDS}
    return DriveMap(
        lanes=by_kind[LANE], crossings=by_kind[CROSSING], drivable_area=MultiPolygon(list(by_kind[DRIVABLE_AREA]))
    )
