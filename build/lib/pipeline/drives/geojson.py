"""Maps as GeoJSON: what a user draws or exports, and what the simulation writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from shapely import LineString, MultiLineString, MultiPolygon, Polygon

from pipeline.drives.json_file import read_json
from pipeline.drives.map import DriveMap, lines, polygons, union
from pipeline.drives.map_file import MapRead
from pipeline.errors import Dropped, InputError
from pipeline.files import whole_file

LANE: Final = "lane"
CROSSING: Final = "crossing"
DRIVABLE_AREA: Final = "drivable_area"
CENTERLINE: Final = "centerline"
SURFACES: Final = (LANE, CROSSING, DRIVABLE_AREA)
KINDS: Final = (*SURFACES, CENTERLINE)
_GRID_M: Final = 0.001
_MOST_MB: Final = 20  # some square kilometres of a detailed city map
_MAX_POSITION_M: Final = 1e8  # as ingest has it for tracks
_LEAST_EXTENT_M: Final = 1.0  # no road is smaller; a town in degrees is
_EXAMPLE: Final = '{"type": "FeatureCollection", "features": [...]}'


def write_map(path: Path, drive_map: DriveMap) -> None:
    """Write a map as a GeoJSON FeatureCollection, rounded to the millimetre.

    One feature per lane, per crossing, per part of the drivable area and per centre line, in this order;
    ``properties.kind`` says which. What is thinner or shorter than the rounding is lost. Coordinates are metres in the
    drive's world frame, not longitude and latitude as GeoJSON's standard (RFC 7946) has it.
    """
    by_kind: dict[str, Sequence[Polygon]] = {
        LANE: drive_map.lanes,
        CROSSING: drive_map.crossings,
        DRIVABLE_AREA: tuple(drive_map.drivable_area.geoms),
    }
    features = [_surface(kind, part) for kind, parts in by_kind.items() for part in _rounded(parts)]
    features += [_line(line) for line in _rounded_lines(drive_map.centerlines)]
    # A feature on each line: people can read it, and tools can compare it.
    lines = ",\n".join(json.dumps(feature, allow_nan=False, separators=(",", ":")) for feature in features)
    with whole_file(path) as temporary:
        text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
        temporary.write_text(text, encoding="utf-8")


def _rounded(parts: Sequence[Polygon]) -> list[Polygon]:
    """Polygons on the grid of millimetres, still valid: rounding each corner alone can make edges cross.

    Rings start where ``shapely.normalize`` has it, so that a map that was read is written as the same bytes.
    """
    snapped = shapely.normalize(shapely.set_precision(np.array([*parts], dtype=object), _GRID_M))
    return [part for part in shapely.get_parts(snapped) if not part.is_empty]


def _rounded_lines(parts: Sequence[LineString]) -> tuple[LineString, ...]:
    """Lines on the grid of millimetres, in their direction; neighbouring points that fall together are one."""
    snapped = [LineString(np.round(shapely.get_coordinates(part), 3)) for part in parts]
    return lines(shapely.remove_repeated_points(snapped))


def _surface(kind: str, polygon: Polygon) -> dict[str, Any]:
    rings = (polygon.exterior, *polygon.interiors)
    return _feature(kind, "Polygon", [np.round(shapely.get_coordinates(ring), 3).tolist() for ring in rings])


def _line(line: LineString) -> dict[str, Any]:
    return _feature(CENTERLINE, "LineString", shapely.get_coordinates(line).tolist())


def _feature(kind: str, geometry: str, coordinates: list[Any]) -> dict[str, Any]:
    shape = {"type": geometry, "coordinates": coordinates}
    return {"type": "Feature", "properties": {"kind": kind}, "geometry": shape}


def read_map(path: Path) -> MapRead:
    """Read a FeatureCollection with ``properties.kind``, in metres in the world frame.

    Surfaces are Polygons and MultiPolygons, centre lines LineStrings and MultiLineStrings. Features of other kinds than
    ``KINDS`` are left alone. Without a drivable area, it is the union of the lanes.

    Returns:
        The map; notes on what was mended or not used; what was dropped because it has no area or no length.

    Raises:
        InputError: There is no map in it that can be trusted; the message names the feature (counted from 0).
    """
    content = read_json(path, most_mb=_MOST_MB, smaller="cut it to the drive's surroundings", example=_EXAMPLE)
    features = content.get("features")
    if content.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise InputError(path, "is no GeoJSON FeatureCollection", f"write one like {_EXAMPLE}")
    parts: dict[str, list[Polygon]] = {kind: [] for kind in SURFACES}
    centerlines: list[LineString] = []
    others: Counter[str] = Counter()
    mended: list[int] = []
    flat: list[int] = []
    short: list[int] = []
    for index, feature in enumerate(features):
        kind = _kind(feature, where=f"{path}: features[{index}]")
        if kind not in KINDS:
            others[repr(kind)[:40]] += 1
            continue
        where = f"{path}: features[{index}]"
        if kind == CENTERLINE:
            found_lines = lines([_lines(feature, where=where)])
            centerlines += found_lines
            if not found_lines:
                short.append(index)
            continue
        geometry = _polygons(feature, where=where)
        found = polygons([geometry])
        parts[kind] += found
        if not found:
            flat.append(index)
        elif not geometry.is_valid:
            mended.append(index)
    if not any(parts.values()) and not centerlines:
        todo = 'write "properties": {"kind": "lane"} into the features'
        raise InputError(path, f"has no feature whose kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}", todo)
    drive_map = DriveMap(
        lanes=tuple(parts[LANE]),
        crossings=tuple(parts[CROSSING]),
        drivable_area=union(parts[DRIVABLE_AREA] or parts[LANE]),
        centerlines=tuple(centerlines),
    )
    _check_extent(drive_map, path=path)
    reasons = {"map polygon without an area": flat, "map line without a length": short}
    dropped = tuple(
        Dropped(where=_named(path, left_out), reason=reason, count=len(left_out))
        for reason, left_out in reasons.items()
        if left_out
    )
    return drive_map, _notes(path, mended=mended, others=others), dropped


def _kind(feature: Any, *, where: str) -> Any:
    """The feature's kind, whatever it may be; None where it has none."""
    if not isinstance(feature, dict):
        raise InputError(where, "is no GeoJSON Feature", 'write one like {"type": "Feature", ...}')
    properties = feature.get("properties")
    return properties.get("kind") if isinstance(properties, dict) else None


def _polygons(feature: dict[str, Any], *, where: str) -> MultiPolygon:
    """The feature's polygons as they are written, which may cross themselves."""
    members = _members(feature, "Polygon", where=where, each="a list of rings for each polygon")
    polygons_m = [[_points(ring, word="ring", least=3, where=where) for ring in rings] for rings in members]
    return MultiPolygon([Polygon(shell, holes) for shell, *holes in polygons_m])


def _lines(feature: dict[str, Any], *, where: str) -> MultiLineString:
    """The feature's lines as they are written."""
    members = _members(feature, "LineString", where=where, each="a list of points for each line")
    return MultiLineString([_points(line, word="line", least=2, where=where) for line in members])


def _members(feature: dict[str, Any], single: str, *, where: str, each: str) -> list[list[Any]]:
    """The coordinates of a geometry (of the type ``single``) or of the members of its multiple."""
    geometry = feature.get("geometry")
    name = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or name not in (single, f"Multi{single}"):
        raise InputError(where, f"has the geometry {repr(name)[:40]}", f"give a {single} or a Multi{single}")
    coordinates = geometry.get("coordinates")
    members: list[Any] = [coordinates] if name == single else coordinates if isinstance(coordinates, list) else []
    if not members or not all(isinstance(member, list) and member for member in members):
        raise InputError(where, "has no coordinates", f"write {each}")
    return members


def _points(given: Any, *, word: str, least: int, where: str) -> np.ndarray:
    """The points of a ring or line; heights are left out."""
    try:
        points: np.ndarray = np.array(given)
    except ValueError:  # ragged
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or points.dtype.kind not in "iuf":
        raise InputError(where, f"has a {word} that is no list of [x, y] in metres", "write numbers, two per point")
    if len(points) < least:
        raise InputError(where, f"has a {word} of {len(points)} points", f"give at least {least}")
    points = points[:, :2].astype(np.float64)
    if not np.isfinite(points).all():
        raise InputError(where, "has a coordinate that is not finite", "mend it")
    if np.abs(points).max() > _MAX_POSITION_M:
        raise InputError(where, f"has a coordinate beyond {_MAX_POSITION_M:g} m", "give metres in the world frame")
    return points


def _check_extent(drive_map: DriveMap, *, path: Path) -> None:
    left, bottom, right, top = drive_map.bounds_m
    if max(right - left, top - bottom) < _LEAST_EXTENT_M:
        what = f"is {right - left:.4g} x {top - bottom:.4g} m in all, as if it were in longitude and latitude"
        raise InputError(path, what, "convert it to metres in the world frame of the tracks")


def _notes(path: Path, *, mended: Sequence[int], others: Counter[str]) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if mended:
        notes += (f"{_named(path, mended)}: cross themselves and were mended ({len(mended)} polygons)",)
    if others:
        some = ", ".join(sorted(others)[:5])
        notes += (f"{path}: {others.total()} features of other kinds ({some}) are not used",)
    return notes


def _named(path: Path, indices: Sequence[int]) -> str:
    more = " and others" if len(indices) > 5 else ""
    return f"{path}: features {', '.join(map(str, indices[:5]))}{more}"
