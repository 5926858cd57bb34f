"""Maps: what is written is read back, and what cannot be used is said in one line and costs only the map."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import LineString, Polygon, affinity, box

from pipeline.drives.geojson import read_map, write_map
from pipeline.drives.map import DriveMap, lines, polygons, union
from pipeline.drives.neutral import write_drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from tests.raw_drives import raw_drive, raw_rows

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
EIGHT = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]


def drawn_map() -> DriveMap:
    """Two lanes askew, one of them with a hole, a crossing over both, two places to drive on, and a loop of a road."""
    straight = [box(0, 0, 80, 3.3333), box(0, 4, 80, 7.3333).difference(shapely.Point(40, 5).buffer(1.0))]
    lanes = polygons(affinity.rotate(lane, 0.4, origin=(350, -120), use_radians=True) for lane in straight)
    return DriveMap(
        lanes=lanes,
        crossings=(box(20, 0, 24, 8),),
        drivable_area=union([*lanes, box(500, 500, 510, 510)]),
        centerlines=(LineString([(80, 1 / 3), (40, 40), (0, 0), (0, 0.0001), (60, 20)]),),
    )


def feature(kind: Any = "lane", rings: Any = None, geometry: str = "Polygon") -> dict[str, Any]:
    coordinates = [SQUARE] if rings is None else rings
    return {
        "type": "Feature",
        "properties": {"kind": kind},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_a_map_is_read_as_it_was_written_to_the_millimetre(tmp_path: Path) -> None:
    before = drawn_map()
    write_map(tmp_path / "map.geojson", before)
    after, notes, dropped = read_map(tmp_path / "map.geojson")
    assert (notes, dropped) == ((), ())
    pairs = zip(
        [*before.lanes, *before.crossings, before.drivable_area, *before.centerlines],
        [*after.lanes, *after.crossings, after.drivable_area, *after.centerlines],
        strict=True,
    )
    for old, new in pairs:
        assert shapely.hausdorff_distance(old, new) < 0.001
    # A line keeps its direction, and goes over itself as it did; points that fall together are one.
    assert [line.coords[:] for line in after.centerlines] == [[(80, 0.333), (40, 40), (0, 0), (60, 20)]]
    # Once rounded, nothing changes any more: the same bytes.
    write_map(tmp_path / "again.geojson", after)
    assert (tmp_path / "again.geojson").read_bytes() == (tmp_path / "map.geojson").read_bytes()
    decimals = re.findall(r"\.(\d+)", (tmp_path / "map.geojson").read_text())
    assert max(map(len, decimals)) == 3


def test_features_may_have_several_polygons_heights_and_rings_left_open(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    far = [[100, 0, 5.5], [110, 0, 5.5], [110, 10, 5.5]]
    path.write_text("\ufeff" + collection(feature("lane", [[SQUARE], [far]], "MultiPolygon"), feature("crossing")))
    found, _, _ = read_map(path)
    assert [lane.area for lane in found.lanes] == [100.0, 50.0]
    assert [crossing.bounds for crossing in found.crossings] == [(0, 0, 10, 10)]
    assert found.drivable_area.area == 150.0  # nobody said where one can drive: on the lanes
    assert found.bounds_m == (0, 0, 110, 10)


def test_centre_lines_are_read_in_their_direction_and_may_come_alone(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    there, back = [[5, 5, 1.5], [0, 0, 1.5]], [[0, 0], [5, 5]]
    point = [[7, 7], [7, 7]]
    path.write_text(
        collection(
            feature("centerline", there, "LineString"),
            feature("centerline", [back, [*back, [9, 5]]], "MultiLineString"),
            feature("centerline", point, "LineString"),
        )
    )
    found, notes, (dropped,) = read_map(path)
    assert [line.coords[:] for line in found.centerlines] == [
        [(5, 5), (0, 0)],
        [(0, 0), (5, 5)],
        [(0, 0), (5, 5), (9, 5)],
    ]
    assert (found.lanes, found.drivable_area.is_empty, found.bounds_m, notes) == ((), True, (0, 0, 9, 5), ())
    assert (dropped.where, dropped.reason, dropped.count) == (f"{path}: features 2", "map line without a length", 1)
    assert lines([LineString(point), box(0, 0, 1, 1)]) == ()


def test_a_given_drivable_area_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    shifted = (np.array(SQUARE) + 5).tolist()
    path.write_text(collection(feature("drivable_area"), feature("lane"), feature("drivable_area", [shifted])))
    found, _, _ = read_map(path)
    assert found.drivable_area.area == 175.0
    path.write_text(collection(feature("crossing")))
    assert read_map(path)[0].drivable_area.is_empty


def test_what_crosses_itself_is_mended_and_what_has_no_area_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    line = [[0, 0], [5, 0], [10, 0]]
    path.write_text(collection(feature(), feature("lane", [EIGHT]), feature("crossing", [line]), feature("sidewalk")))
    found, notes, (dropped,) = read_map(path)
    assert [lane.area for lane in found.lanes] == pytest.approx([100.0, 25.0, 25.0])
    assert found.crossings == ()
    assert notes == (
        f"{path}: features 1: cross themselves and were mended (1 polygons)",
        f"{path}: 1 features of other kinds ('sidewalk') are not used",
    )
    assert (dropped.where, dropped.reason, dropped.count) == (f"{path}: features 2", "map polygon without an area", 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", r"map.geojson: line 1: is not JSON \(Expecting value\); mend it"),
        ("{\n'kind': 1}", r"map.geojson: line 2: is not JSON"),
        ("[" * 5000, r"map.geojson: is not JSON \(RecursionError\)"),
        ("\xff", r"map.geojson: line 1: is not JSON"),
        ("[]", r"map.geojson: is not a JSON object"),
        (json.dumps(feature()), r"map.geojson: is no GeoJSON FeatureCollection; write one like \{"),
        ('{"type": "FeatureCollection"}', r"map.geojson: is no GeoJSON FeatureCollection"),
        (
            collection(),
            r"has no feature whose kind is lane, crossing, drivable_area or centerline; write \"properties\"",
        ),
        (collection(feature("road"), feature([1]), {"type": "Feature"}), r"has no feature whose kind is"),
        (collection(feature(), 7), r"features\[1\]: is no GeoJSON Feature;"),
        (collection(feature(geometry="LineString")), r"features\[0\]: has the geometry 'LineString'; give a Polygon"),
        (collection(feature() | {"geometry": None}), r"features\[0\]: has the geometry None"),
        (collection(feature(rings=[])), r"features\[0\]: has no coordinates"),
        (collection(feature(rings=7)), r"features\[0\]: has no coordinates"),
        (collection(feature(rings=SQUARE)), r"features\[0\]: has a ring that is no list of \[x, y\]"),
        (collection(feature(rings=[[["0", "0"], ["1", "0"], ["1", "1"]]])), r"has a ring that is no list of \[x, y\]"),
        (collection(feature(rings=[[[0, 0], [1], [1, 1]]])), r"has a ring that is no list of \[x, y\]"),
        (collection(feature(rings=[[[0, 0], [10**400, 0], [1, 1]]])), r"has a ring that is no list of \[x, y\]"),
        (collection(feature(rings=[SQUARE[:2]])), r"features\[0\]: has a ring of 2 points; give at least 3"),
        (collection(feature("centerline")), r"features\[0\]: has the geometry 'Polygon'; give a LineString or a Multi"),
        (collection(feature("centerline", [[0, 0]], "LineString")), r"has a line of 1 points; give at least 2"),
        (collection(feature("centerline", [0, 0], "LineString")), r"has a line that is no list of \[x, y\]"),
        (collection(feature("centerline", [], "MultiLineString")), r"has no coordinates; write a list of points for"),
        (collection(feature(rings=[[[math.nan, 0], *SQUARE]])), r"features\[0\]: has a coordinate that is not finite"),
        (collection(feature(rings=[[[1e9, 0], *SQUARE]])), r"features\[0\]: has a coordinate beyond 1e\+08 m; give"),
        (
            collection(feature(rings=[(np.array(SQUARE) * 1e-4 + [8.43, 49.01]).tolist()])),
            r"map.geojson: is 0.001 x 0.001 m in all, as if it were in longitude and latitude; convert it to metres",
        ),
    ],
)
def test_bad_content_is_said_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "map.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=line) as caught:
        read_map(tmp_path / "map.geojson")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "map.geojson").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(InputError, match=r"map.geojson: is over 20 MB; cut it to the drive's surroundings"):
        read_map(tmp_path / "map.geojson")


def test_a_drive_comes_with_its_map_and_without_a_bad_one(tmp_path: Path) -> None:
    drive_map = DriveMap(lanes=(box(0, 0, 50, 4),), crossings=(), drivable_area=union([box(-5, -5, 55, 9)]))
    rows = raw_rows("a", [0, 100], x_m=[10.0, 11.0], y_m=[2.0, 2.0])
    write_drive(raw_drive(rows, map=drive_map), tmp_path / "drive")
    path = tmp_path / "drive" / "map.geojson"
    (ref,) = find_drives(tmp_path / "drive")
    found = read_drive(ref)
    assert found.map is not None
    assert found.map.lanes[0].equals(drive_map.lanes[0])
    assert (found.notes, found.dropped) == ((), ())

    path.write_text(collection(feature(geometry="Point")))
    without = read_drive(ref)
    assert without.map is None
    assert len(without.tracks) == 2
    (dropped,) = without.dropped
    reason = "map not used: has the geometry 'Point'; give a Polygon or a MultiPolygon"
    assert (dropped.where, dropped.reason) == (f"{path}: features[0]", reason)

    path.unlink()
    assert read_drive(ref).map is None


def test_rings_of_simulated_roads_are_mended_where_they_cross_themselves() -> None:
    bent = Polygon([(0, 0), (10, 0), (10, 4), (8, -1), (0, 4)])  # the inside of a sharp bend folds over
    parts = polygons([bent, Polygon([(0, 0), (1, 0), (2, 0)])])
    assert all(part.is_valid and part.area > 0 for part in parts)
    assert union(parts).area == pytest.approx(sum(part.area for part in parts))
    with pytest.raises(AssertionError):
        DriveMap(lanes=(bent,), crossings=(), drivable_area=union([]))
