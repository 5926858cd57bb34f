"""The vector map of an Argoverse 2 log or scenario, ``log_map_archive_*.json``, in metres in the city frame.

Its parts, as av2-api's map README describes them: lane segments between a left and a right boundary, both in driving
direction; pedestrian crossings between two edges that run the same way; drivable areas by their outline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float
from shapely import LineString, Polygon

from pipeline.drives.json_file import read_json
from pipeline.drives.map import DriveMap, lines, polygons, union
from pipeline.drives.map_file import MapRead
from pipeline.errors import Dropped, InputError

LANES: Final = "lane_segments"
CROSSINGS: Final = "pedestrian_crossings"
AREAS: Final = "drivable_areas"
_MOST_MB: Final = 20
_MAX_POSITION_M: Final = 1e8  # as ingest has it for tracks
_TODO: Final = "take the map from the same Argoverse 2 download"
_EXAMPLE: Final = f'{{"{LANES}": {{...}}, "{CROSSINGS}": {{...}}, "{AREAS}": {{...}}}}'


def read_argoverse2_map(path: Path) -> MapRead:
    """Read lanes, their middles, crossings and drivable areas.

    A lane's middle is the one that the file gives (those of forecasting scenarios do), else midway between its
    boundaries. Without a drivable area, it is the union of the lanes.

    Returns:
        The map; notes on what was mended; what was dropped because it has no area or no length.

    Raises:
        InputError: There is no map in it that can be trusted; the message names section and key.
    """
    content = read_json(path, most_mb=_MOST_MB, smaller=_TODO, example=_EXAMPLE)
    segments = _section(content, LANES, path=path)
    given = {
        LANES: [segment.between("left_lane_boundary", "right_lane_boundary") for segment in segments],
        CROSSINGS: [crossing.between("edge1", "edge2") for crossing in _section(content, CROSSINGS, path=path)],
        AREAS: [Polygon(area.points("area_boundary", least=3)) for area in _section(content, AREAS, path=path)],
    }
    middles = lines(LineString(_middle(segment)) for segment in segments)
    surfaces = {name: polygons(parts) for name, parts in given.items()}
    if not any(surfaces.values()):
        raise InputError(path, "has no lane, crossing or drivable area", _TODO)
    drive_map = DriveMap(
        lanes=surfaces[LANES],
        crossings=surfaces[CROSSINGS],
        drivable_area=union(surfaces[AREAS] or surfaces[LANES]),
        centerlines=middles,
    )
    notes, dropped = _mended(given, path=path)
    if short := len(segments) - len(middles):
        dropped += (Dropped(where=f"{path}: {LANES}", reason="map line without a length", count=short),)
    return drive_map, notes, dropped


def midway(left: Float[np.ndarray, "m 2"], right: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "k 2"]:
    """The line midway between two: the mean of their points at equal shares of their lengths, wherever either bends."""
    sides = [(_shares(side), side) for side in (left, right)]
    every = np.union1d(*(shares for shares, _ in sides))
    points = [[np.interp(every, shares, side[:, axis]) for axis in (0, 1)] for shares, side in sides]
    return np.mean(points, axis=0).T


def _shares(line: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """How far along the line each of its points lies, from 0 to 1."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    return along / along[-1] if along[-1] > 0.0 else np.linspace(0.0, 1.0, len(line))


class _Element(NamedTuple):
    """A lane segment, crossing or drivable area."""

    where: str
    values: Mapping[str, Any]

    def points(self, key: str, *, least: int = 2) -> Float[np.ndarray, "n 2"]:
        """A line or outline; heights are left out."""
        where = f"{self.where}: {key}"
        try:
            points: np.ndarray = np.array([(point["x"], point["y"]) for point in self.values[key]])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(where, "is no list of points with x and y", _TODO) from error
        if len(points) < least:
            raise InputError(where, f"has {len(points)} points, fewer than {least}", _TODO)
        if points.ndim != 2 or points.dtype.kind not in "iuf":
            raise InputError(where, "has a coordinate that is no number", _TODO)
        points = points.astype(np.float64)
        if not (np.abs(points) <= _MAX_POSITION_M).all():  # NaN is not
            raise InputError(where, f"has a coordinate that is not within {_MAX_POSITION_M:g} m", _TODO)
        return points

    def between(self, one: str, other: str) -> Polygon:
        """The surface between two lines that run the same way."""
        return Polygon(np.concatenate([self.points(one), self.points(other)[::-1]]))


def _middle(segment: _Element) -> Float[np.ndarray, "k 2"]:
    if "centerline" in segment.values:
        return segment.points("centerline")
    return midway(segment.points("left_lane_boundary"), segment.points("right_lane_boundary"))


def _section(content: dict[str, Any], name: str, *, path: Path) -> list[_Element]:
    """The elements of a section."""
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise InputError(f"{path}: {name}", "is no object of elements by their ids", _TODO)
    elements: list[_Element] = []
    for key, values in section.items():
        where = f"{path}: {name}[{repr(key)[:40]}]"
        if not isinstance(values, dict):
            raise InputError(where, "is no object", _TODO)
        elements.append(_Element(where, values))
    return elements


def _mended(given: Mapping[str, Sequence[Polygon]], *, path: Path) -> tuple[tuple[str, ...], tuple[Dropped, ...]]:
    """What crosses itself, and what was dropped because it has no area."""
    notes: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    for name, parts in given.items():
        invalid = [part for part in parts if not part.is_valid]
        flat = sum(not polygons([part]) for part in invalid)
        if flat:
            dropped += (Dropped(where=f"{path}: {name}", reason="map polygon without an area", count=flat),)
        if len(invalid) > flat:
            notes += (f"{path}: {name}: {len(invalid) - flat} cross themselves and were mended",)
    return notes, dropped
