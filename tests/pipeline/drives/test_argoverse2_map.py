"""Argoverse 2's vector map: polygons and lines by hand, and what is wrong with one in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely import LineString

from pipeline.drives.argoverse2_map import midway, read_argoverse2_map
from pipeline.errors import InputError


def _line(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "z": 60.0} for x, y in points]


def _content(**changes: Any) -> dict[str, Any]:
    lane = {"left_lane_boundary": _line((0, 4), (10, 4)), "right_lane_boundary": _line((0, 0), (4, 0), (10, 0))}
    given = {**lane, "centerline": _line((0, 2.5), (10, 2.5))}
    crossing = {"edge1": _line((3, -1), (3, 5)), "edge2": _line((5, -1), (5, 5))}
    area = {"area_boundary": _line((-1, -1), (11, -1), (11, 5), (-1, 5), (-1, -1))}
    content = {
        "lane_segments": {"17": lane, "18": given},
        "pedestrian_crossings": {"5": crossing},
        "drivable_areas": {"9": area},
    }
    return content | changes


def _write(folder: Path, content: Any) -> Path:
    path = folder / "log_map_archive_x.json"
    path.write_text(json.dumps(content))
    return path


def test_lanes_lie_between_their_boundaries_and_crossings_between_their_edges(tmp_path: Path):
    found, notes, dropped = read_argoverse2_map(_write(tmp_path, _content()))
    assert (notes, dropped) == ((), ())
    assert [lane.bounds for lane in found.lanes] == [(0, 0, 10, 4)] * 2
    assert [lane.area for lane in found.lanes] == [40.0, 40.0]
    assert [crossing.bounds for crossing in found.crossings] == [(3, -1, 5, 5)]
    assert found.crossings[0].area == 12.0
    assert found.drivable_area.area == 72.0
    # Midway between the boundaries, which bend at 40 % of the right one; or as the file has it.
    computed, given = found.centerlines
    assert computed.coords[:] == [(0, 2), (4, 2), (10, 2)]
    assert given.coords[:] == [(0, 2.5), (10, 2.5)]


def test_midway_between_an_inner_and_an_outer_arc_is_the_arc_between():
    inner, outer = (
        radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        for radius_m, angle in ((10.0, np.linspace(0.0, np.pi / 2, 181)), (14.0, np.linspace(0.0, np.pi / 2, 46)))
    )
    line = midway(inner, outer)
    assert np.abs(np.hypot(*line.T) - 12.0).max() < 0.01
    assert LineString(line).length == pytest.approx(12.0 * np.pi / 2, rel=1e-3)
    np.testing.assert_allclose(line[[0, -1]], [[12.0, 0.0], [0.0, 12.0]], atol=1e-9)
    point = np.array([[1.0, 1.0], [1.0, 1.0]])  # a boundary without a length
    np.testing.assert_allclose(midway(point, np.array([[3.0, 1.0], [3.0, 5.0]])), [[2.0, 1.0], [2.0, 3.0]])


def test_without_drivable_areas_one_can_drive_on_the_lanes(tmp_path: Path):
    found, _, _ = read_argoverse2_map(_write(tmp_path, _content(drivable_areas={})))
    assert found.drivable_area.area == 40.0
    crossings = {"pedestrian_crossings": _content()["pedestrian_crossings"]}
    found, _, _ = read_argoverse2_map(_write(tmp_path, crossings))
    assert (found.lanes, found.centerlines, found.drivable_area.is_empty, len(found.crossings)) == ((), (), True, 1)


def test_what_crosses_itself_is_mended_and_what_is_flat_is_counted(tmp_path: Path):
    twisted = {"edge1": _line((3, -1), (3, 5)), "edge2": _line((5, 5), (5, -1))}  # the edges run against each other
    flat = {"left_lane_boundary": _line((0, 0), (9, 0)), "right_lane_boundary": _line((0, 0), (9, 0))}
    point = {"left_lane_boundary": _line((1, 1), (1, 1)), "right_lane_boundary": _line((1, 1), (1, 1))}
    content = _content(pedestrian_crossings={"1": twisted}, lane_segments={"2": flat, "3": point})
    path = _write(tmp_path, content)
    found, notes, dropped = read_argoverse2_map(path)
    assert [crossing.area for crossing in found.crossings] == [3.0, 3.0]
    assert notes == (f"{path}: pedestrian_crossings: 1 cross themselves and were mended",)
    assert found.lanes == ()
    assert [line.coords[:] for line in found.centerlines] == [[(0, 0), (9, 0)]]
    assert [(entry.where, entry.reason, entry.count) for entry in dropped] == [
        (f"{path}: lane_segments", "map polygon without an area", 2),
        (f"{path}: lane_segments", "map line without a length", 1),
    ]


def _lane(**changes: Any) -> dict[str, Any]:
    return {"lane_segments": {"17": _content()["lane_segments"]["17"] | changes}}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ([], r"is not a JSON object; write one like \{\"lane_segments\": \{\.\.\.\}"),
        ({}, r"has no lane, crossing or drivable area; take the map from the same Argoverse 2 download"),
        ({"lane_segments": [1]}, r": lane_segments: is no object of elements by their ids"),
        ({"lane_segments": {"17": 3}}, r": lane_segments\['17'\]: is no object"),
        ({"lane_segments": {"17": {}}}, r"\['17'\]: left_lane_boundary: is no list of points with x and y"),
        (_lane(right_lane_boundary=None), r"\['17'\]: right_lane_boundary: is no list of points with x and y"),
        (_lane(right_lane_boundary="xy"), r"right_lane_boundary: is no list of points with x and y"),
        (_lane(right_lane_boundary=[[1, 2], [3, 4]]), r"right_lane_boundary: is no list of points with x and y"),
        (_lane(right_lane_boundary=[{"x": 1}, {"x": 2}]), r"right_lane_boundary: is no list of points with x and y"),
        (_lane(right_lane_boundary=_line((1, 2))), r"right_lane_boundary: has 1 points, fewer than 2"),
        (_lane(right_lane_boundary=[{"x": "1", "y": "2"}] * 2), r"has a coordinate that is no number"),
        (_lane(right_lane_boundary=[{"x": [1], "y": [2]}] * 2), r"has a coordinate that is no number"),
        (_lane(right_lane_boundary=[{"x": True, "y": False}] * 2), r"has a coordinate that is no number"),
        (_lane(right_lane_boundary=[{"x": 10**400, "y": 2}] * 2), r"has a coordinate that is no number"),
        (_lane(right_lane_boundary=[{"x": [1], "y": 2}] * 2), r"is no list of points with x and y"),
        (_lane(right_lane_boundary=_line((math.nan, 0), (1, 0))), r"has a coordinate that is not within 1e\+08 m"),
        (_lane(right_lane_boundary=_line((0, -2e8), (1, 0))), r"has a coordinate that is not within 1e\+08 m"),
        (_lane(centerline=[]), r"\['17'\]: centerline: has 0 points, fewer than 2"),
        ({"drivable_areas": {"9": {"area_boundary": _line((0, 0), (1, 1))}}}, r"area_boundary: has 2 points, fewer"),
    ],
)
def test_a_map_that_cannot_be_trusted_is_said_in_one_line(tmp_path: Path, content: Any, line: str):
    path = _write(tmp_path, content)
    with pytest.raises(InputError, match=line) as caught:
        read_argoverse2_map(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1
