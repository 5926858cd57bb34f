"""Clean drives read back exactly, and damaged ones are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from shapely import LineString, Polygon, box

from pipeline.drives.drive import FRAME_COLUMNS
from pipeline.drives.map import DriveMap, polygons, union
from pipeline.errors import Dropped, InputError
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.store import clean_names, find_cleans, read_clean, read_map, read_span, write_clean, write_index
from tests.raw_drives import CAMERA, CONFIG, drawn_drive, raw_drive, raw_rows

THIRD = 1.0 / 3.0  # no number of millimetres
MAP = DriveMap(
    lanes=polygons([box(0, 0, 50, THIRD), box(0, 4, 50, 8).difference(box(1, 5, 2, 6))]),
    crossings=(box(20, 0, 24, 8),),
    centerlines=(LineString([(50, 1.7), (0, 5 / 3)]), LineString([(0, 0), (1, 1), (1, 0), (0, 1)])),
    drivable_area=union([box(0, 0, 50, 8), box(100, 0, 101, THIRD)]),
)


@pytest.fixture
def clean() -> CleanDrive:
    drive = drawn_drive(np.random.default_rng(3))
    frames = pd.DataFrame([(7, "front", "ä.jpg", 0.1, 0.2, 0.3, 1.0, 0.0, 0.0, 0.0)], columns=list(FRAME_COLUMNS))
    drive = replace(drive, frames=frames.astype(FRAME_COLUMNS), cameras={"front": CAMERA}, notes=("ü",), map=MAP)
    return ingest_drive(replace(drive, dropped=(Dropped(where="x", reason="y", count=3),)), config=CONFIG)


def assert_same(left: CleanDrive, right: CleanDrive) -> None:
    pd.testing.assert_frame_equal(left.tracks, right.tracks, check_exact=True)
    pd.testing.assert_frame_equal(left.frames, right.frames, check_exact=True)
    assert left.step_times_ns.dtype == right.step_times_ns.dtype == np.int64
    assert left.step_times_ns.tolist() == right.step_times_ns.tolist()
    for name in ("name", "source_path", "rate_hz", "cameras", "dropped", "notes", "suspicions", "num_raw_rows", "map"):
        assert getattr(left, name) == getattr(right, name), name


def test_round_trip_is_exact(tmp_path: Path, clean: CleanDrive):
    assert clean.tracks["heading_rad"].isna().any()
    assert clean.tracks["vx_mps"].isna().any()
    write_clean(tmp_path, clean)
    assert_same(clean, read_clean(tmp_path, "drive"))
    assert read_span(tmp_path, "drive") == (clean.step_times_ns[0], clean.step_times_ns[-1])
    # Without frames and map, and the same bytes each time: DVC compares them.
    bare = replace(clean, frames=clean.frames.iloc[:0], cameras={}, map=None, name="bare")
    for folder in ("one", "two"):
        write_clean(tmp_path / folder, bare)
    assert_same(bare, read_clean(tmp_path / "one", "bare"))
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_the_report_counts(tmp_path: Path):
    drive = raw_drive(
        raw_rows("5", [0, 100, 200, 300], x_m=[0.0, 1.0, 101.0, 102.0]),
        raw_rows("6", [0, 200, 1000], category=8, x_m=np.nan),
        raw_rows("7", [0, 200, 1000], category=8),
    )
    write_clean(tmp_path, ingest_drive(drive, config=CONFIG))
    report = json.loads((tmp_path / "drive.report.json").read_text())
    assert {key: report[key] for key in list(report)[2:15]} == {
        "duration_s": 1.0,
        "rate_hz": 10.0,
        "num_steps": 11,
        "num_raw_rows": 10,
        "num_rows": 8,
        "num_measured_rows": 7,
        "num_agents": 3,
        "agents_by_category": {"car": 2, "pedestrian": 1},
        "num_agents_split": 1,
        "num_gaps": 1,
        "num_frames": 0,
        "cameras": [],
        "map": None,
    }
    assert report["dropped_by_reason"] == {"nan position": 3}
    write_clean(tmp_path, ingest_drive(replace(drive, map=MAP), config=CONFIG))
    report = json.loads((tmp_path / "drive.report.json").read_text())
    assert report["map"] == {"lanes": 2, "crossings": 1, "centerlines": 2, "drivable_area_m2": 400.3}


def test_the_index_alone_says_what_is_there(tmp_path: Path, clean: CleanDrive):
    for source, names in {"one": ["b", "a"], "two": ["c"]}.items():
        for name in names:
            write_clean(tmp_path / source, replace(clean, name=name))
        write_index(tmp_path / source, drives=names, rejected={"bad": "why"})
    write_clean(tmp_path / "one", replace(clean, name="stray"))
    write_index(tmp_path / "old", drives=["z"], rejected={})
    assert clean_names(tmp_path / "one") == ["a", "b"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert find_cleans(tmp_path, sources=["one", "two"]) == {"a": one, "b": one, "c": two}
    write_index(tmp_path / "two", drives=["c", "b"], rejected={})
    with pytest.raises(InputError, match=f"drive 'b': is in both {one} and {two}"):
        find_cleans(tmp_path, sources=["one", "two"])
    with pytest.raises(InputError, match=r"missing.drives\.json: cannot be read"):
        find_cleans(tmp_path, sources=["missing"])


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a.frames", "-rf", "a\n"])
def test_a_name_that_cannot_name_a_file_is_refused(tmp_path: Path, clean: CleanDrive, name: str):
    with pytest.raises(InputError, match="cannot name a file"):
        write_clean(tmp_path, replace(clean, name=name))
    with pytest.raises(InputError, match="cannot name a file"):
        read_clean(tmp_path, name)
    (tmp_path / "drives.json").write_text(json.dumps({"drives": [name], "rejected": {}}))
    with pytest.raises(InputError, match="cannot name a file"):
        clean_names(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"drives": "a", "rejected": {}}', "[" * 100_000, "\xff"])
def test_a_damaged_index_is_an_input_error(tmp_path: Path, content: str):
    (tmp_path / "drives.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"drives\.json"):
        clean_names(tmp_path)


@pytest.mark.parametrize("ending", ["", ".steps", ".frames", ".map"])
def test_damaged_files_are_input_errors(tmp_path: Path, clean: CleanDrive, ending: str):
    write_clean(tmp_path, clean)
    path = tmp_path / f"drive{ending}.parquet"
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    flipped = [bytearray(content) for _ in range(40)]
    for one in flipped:
        one[rng.integers(len(one))] ^= 1 << rng.integers(8)
    damaged = [b"", b"PAR1", content[:-1], content[: len(content) // 2], b"x" * 1000, *map(bytes, flipped)]
    refused = 0
    for one in damaged:
        path.write_bytes(one)
        try:
            # Not every bit matters (the writer's version does not), but what is read is what was written.
            assert_same(clean, read_clean(tmp_path, "drive"))
        except InputError:
            refused += 1
    assert refused > 20
    path.unlink()
    with pytest.raises(InputError, match="FileNotFoundError"):
        read_clean(tmp_path, "drive")


def test_a_table_of_something_else_is_refused(tmp_path: Path, clean: CleanDrive):
    write_clean(tmp_path, clean)
    path = tmp_path / "drive.parquet"
    table = pq.read_table(path)
    step = table.schema.get_field_index("step")
    wrong = {
        "a column less": table.drop_columns(["z_m"]),
        "another type": table.set_column(step, "step", table["step"].cast(pa.int64())),
        "a null": table.set_column(step, "step", pa.array([None, *table["step"].to_pylist()[1:]], type=pa.int32())),
        "a step outside": table.set_column(step, "step", pa.array([9999] * len(table), type=pa.int32())),
        "another order": table.take(list(range(len(table)))[::-1]),
        "rows twice": pa.concat_tables([table, table]),
        "no rows": table.slice(0, 0),
        "another category": table.set_column(1, "category", pa.array([99] * len(table), type=pa.int8())),
        "no head": table.replace_schema_metadata({}),
        "a head of something else": table.replace_schema_metadata({b"headway": b'{"name": "drive"}'}),
    }
    for why, one in wrong.items():
        pq.write_table(one, path)
        try:
            read_clean(tmp_path, "drive")
        except InputError as error:
            problem = str(error)
        else:
            problem = "none"
        assert str(path) in problem, why
    pq.write_table(table, path)
    read_clean(tmp_path, "drive")
    write_clean(tmp_path, replace(clean, name="other"))
    path.write_bytes((tmp_path / "other.parquet").read_bytes())
    with pytest.raises(InputError, match=r"drive.parquet"):
        read_clean(tmp_path, "drive")


def test_a_map_of_something_else_is_refused(tmp_path: Path, clean: CleanDrive):
    write_clean(tmp_path, clean)
    path = tmp_path / "drive.map.parquet"
    table = pq.read_table(path)
    crossed = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    wrong = {
        "another kind": ["road", *table["kind"].to_pylist()[1:]],
        "a lane that is a line": ["lane"] * table.num_rows,
        "a centre line that is a polygon": ["centerline"] * table.num_rows,
        "no polygon": [shapely.to_wkb(shapely.Point(0, 0)), *table["geometry"].to_pylist()[1:]],
        "one that crosses itself": [shapely.to_wkb(crossed), *table["geometry"].to_pylist()[1:]],
        "no geometry": [b"\x01\x07", *table["geometry"].to_pylist()[1:]],
    }
    for values in wrong.values():
        column = "kind" if isinstance(values[0], str) else "geometry"
        index = table.schema.get_field_index(column)
        pq.write_table(table.set_column(index, column, pa.array(values, type=table.schema.field(index).type)), path)
        with pytest.raises(InputError, match=r"drive.map.parquet: (is not a table of map|cannot be read)"):
            read_map(tmp_path, "drive")
