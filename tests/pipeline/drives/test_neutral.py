from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.neutral import write_drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import Dropped, InputError
from tests.small_drives import write_small_drive

HEADER = "timestamp_ns,track_id,category,x_m,y_m,z_m,heading_rad,length_m,width_m,height_m\n"


def _read(folder: Path) -> Drive:
    (ref,) = find_drives(folder)
    return read_drive(ref)


def _write_tracks(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "drive.json").write_text('{"name": "hand", "rate_hz": 10}')
    (folder / "tracks.csv").write_text(text)
    return folder


def test_a_hand_written_drive_reads_as_it_stands(tmp_path: Path):
    times = [1557539956500022016, 1557539956400000001]  # a float would round both
    folder = _write_tracks(
        tmp_path / "hand",
        HEADER + f"{times[0]},7,Car,1.5,-2,0.5,0.25,4,2,1.5\n\n{times[1]},ego,ego,0,0,0,,4,2,1.5\n",
    )
    drive = _read(folder)
    assert (drive.name, drive.format, drive.path, drive.rate_hz) == ("hand", "neutral", folder, 10.0)
    assert drive.tracks.timestamp_ns.tolist() == times
    assert drive.tracks.source_row.tolist() == [2, 4]
    assert drive.tracks.track_id.tolist() == ["7", "ego"]
    assert drive.tracks.category.tolist() == [Category.CAR, Category.VEHICLE]
    assert drive.tracks.raw_category.tolist() == ["Car", "ego"]
    assert drive.tracks.is_ego.tolist() == [False, True]
    assert drive.tracks.loc[0, ["x_m", "y_m", "z_m", "heading_rad"]].tolist() == [1.5, -2.0, 0.5, 0.25]
    assert np.isnan(drive.tracks.heading_rad[1])
    assert drive.frames.empty
    assert drive.cameras == {}
    assert drive.dropped == ()


@pytest.mark.parametrize("table", ["csv", "parquet"])
def test_what_was_written_is_read_back_to_the_last_bit(tmp_path: Path, table: Literal["csv", "parquet"]):
    first = _read(write_small_drive(tmp_path / "one"))
    write_drive(first, tmp_path / "two", table=table)
    second = _read(tmp_path / "two")
    assert (tmp_path / "two" / f"tracks.{table}").is_file()
    columns = [name for name in first.tracks.columns if name != "source_row"]
    pd.testing.assert_frame_equal(second.tracks[columns], first.tracks[columns], check_exact=True)
    pd.testing.assert_frame_equal(second.frames, first.frames, rtol=1e-15)
    assert second.cameras == first.cameras
    assert second.rate_hz == first.rate_hz
    assert second.tracks.source_row[0] == (2 if table == "csv" else 1)


def test_rows_out_of_order_and_odd_cells_are_kept_for_ingest_to_judge(tmp_path: Path):
    text = HEADER + (
        "200,b,car,1,2,3,0,4,2,1\n"
        "100,a,car,wide,inf,,NaN,4,2,1\n"
        " 50 , a ,hovercraft,1,2,3,0,4,2,1\n"
        "100.0,a,car,1,2,3,0,4,2,1\n"
    )
    drive = _read(_write_tracks(tmp_path / "hand", text))
    assert drive.tracks.timestamp_ns.tolist() == [200, 100, 50, 100]
    assert drive.tracks.track_id.tolist() == ["b", "a", "a", "a"]
    assert drive.tracks.loc[1, ["x_m", "z_m", "heading_rad"]].isna().all()
    assert drive.tracks.y_m[1] == np.inf
    assert drive.notes == (
        f"{tmp_path / 'hand/tracks.csv'}: category 'hovercraft' is not known: 1 rows are taken as OTHER",
    )


def test_rows_without_a_time_or_a_track_are_dropped_by_row(tmp_path: Path):
    rest = ",car,1,2,3,0,4,2,1\n"
    text = HEADER + "".join(f"{start}{rest}" for start in ("0,a", "soon,a", ",a", "1e9,a", "1.5,a", f"{2**63},a", "9,"))
    drive = _read(_write_tracks(tmp_path / "hand", text + "9\n"))
    path = tmp_path / "hand" / "tracks.csv"
    assert len(drive.tracks) == 1
    assert drive.dropped == (
        Dropped(where=f"{path}: row 3, 4, 5, 6, 7", reason="unreadable timestamp_ns", count=5),
        Dropped(where=f"{path}: row 8, 9", reason="no track_id", count=2),
    )


def test_frames_that_cannot_be_placed_are_dropped_and_quaternions_made_unit(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seconds=1.0)
    frames = pd.read_csv(folder / "frames.csv", dtype={"timestamp_ns": str})
    frames.loc[0, "timestamp_ns"] = "?"
    frames.loc[1, "camera"] = "rear"
    frames.loc[2, "qw"] = np.nan
    frames.loc[3, ["qw", "qx", "qy", "qz"]] *= 1.02
    frames.to_csv(folder / "frames.csv", index=False)
    drive = _read(folder)
    assert len(drive.frames) == 3
    np.testing.assert_allclose(np.linalg.norm(drive.frames[["qw", "qx", "qy", "qz"]], axis=1), 1.0, rtol=1e-12)
    assert [(entry.where.rsplit(": ", 1)[1], entry.reason) for entry in drive.dropped] == [
        ("row 2", "unreadable timestamp_ns"),
        ("row 3", "camera is not in the table of cameras"),
        ("row 4", "no camera pose with a unit quaternion"),
    ]


def _about(**changes: object) -> Callable[[Path], object]:
    content = {"name": "one", "rate_hz": 10.0} | changes
    kept = {key: value for key, value in content.items() if value is not None}
    return lambda folder: (folder / "drive.json").write_text(json.dumps(kept))


def _frame_path(path: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        frames = pd.read_csv(folder / "frames.csv")
        frames.loc[3, "path"] = path
        frames.to_csv(folder / "frames.csv", index=False)

    return change


def _link(folder: Path) -> None:
    outside = folder.parent / "outside.jpg"
    outside.touch()
    image = sorted((folder / "frames" / "front_camera").iterdir())[3]
    image.unlink()
    image.symlink_to(outside)


def _replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no json": (lambda folder: (folder / "drive.json").unlink(), r"drive\.json: is missing"),
    "cut json": (lambda folder: (folder / "drive.json").write_text('{"name": '), r"drive\.json: line 1: is not JSON"),
    "nested bomb": (
        lambda folder: (folder / "drive.json").write_text("[" * 200_000),
        r"drive\.json: is not JSON \(RecursionError\)",
    ),
    "huge number": (
        lambda folder: (folder / "drive.json").write_text('{"rate_hz": 1' + "0" * 9000 + "}"),
        r"drive\.json: is not JSON \(ValueError\)",
    ),
    "huge json": (lambda folder: (folder / "drive.json").write_text(" " * 1_000_001), "over 1 MB"),
    "latin-1": (lambda folder: (folder / "drive.json").write_bytes(b'"\xe4"'), r"is not JSON \(UnicodeDecodeError\)"),
    "a list": (lambda folder: (folder / "drive.json").write_text("[]"), "is not a JSON object"),
    "no name": (_about(name=None), r"drive\.json: has no 'name'"),
    "no rate": (_about(rate_hz=None), r"drive\.json: has no 'rate_hz'"),
    "name leaves": (_about(name="../one"), r"drive\.json: name: '\.\./one' is no plain name"),
    "name no text": (_about(name=3), "name: 3 is no plain name"),
    "rate zero": (_about(rate_hz=0), "rate_hz: 0 is no rate"),
    "rate true": (_about(rate_hz=True), "rate_hz: True is no rate"),
    "rate nan": (_about(rate_hz=float("nan")), "rate_hz: nan is no rate"),
    "no tracks": (lambda folder: (folder / "tracks.csv").unlink(), r"tracks\.csv: is missing, and so is tracks\.parq"),
    "both": (lambda folder: (folder / "tracks.parquet").touch(), r"tracks\.csv: tracks\.parquet lies beside it"),
    "empty file": (lambda folder: (folder / "tracks.csv").write_text(""), r"tracks\.csv: is empty"),
    "header only": (lambda folder: (folder / "tracks.csv").write_text(HEADER), r"tracks\.csv: has no rows"),
    "no column": (_replace("tracks.csv", "heading_rad", "yaw"), r"tracks\.csv: lacks the column 'heading_rad'"),
    "no time": (_replace("tracks.csv", "16000000", "t"), "no row has both a timestamp_ns"),
    "long row": (
        lambda folder: (folder / "tracks.csv").write_text(HEADER + "1,a,car,1,2,3,0,4,2,1,9\n" * 2),
        r"tracks\.csv: cannot be read as UTF-8 CSV",
    ),
    "binary": (lambda folder: (folder / "tracks.csv").write_bytes(b"\xff\xfe\x00" * 50), "cannot be read as UTF-8 CSV"),
    "no cameras": (lambda folder: (folder / "cameras.csv").unlink(), r"cameras\.csv: is missing beside frames\.csv"),
    "no frames": (lambda folder: (folder / "frames.csv").unlink(), r"frames\.csv: is missing beside cameras\.csv"),
    "camera size": (_replace("cameras.csv", ",160,", ",wide,"), r"cameras\.csv: row 2: width_px: nan is no size"),
    "absolute": (_frame_path("/etc/passwd"), r"frames\.csv: row 5: path '/etc/passwd' is absolute or leaves"),
    "climbs": (_frame_path("frames/../../x.jpg"), r"frames\.csv: row 5: path 'frames/\.\./\.\./x\.jpg' is absolute or"),
    "line break": (_frame_path("/a\nb.jpg"), r"row 5: path '/a\\nb\.jpg' is absolute"),
    "link": (_link, r"frames\.csv: row 5: path .* leaves the drive's folder"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_with_file_and_place(tmp_path: Path, mistake: str):
    change, message = MISTAKES[mistake]
    folder = write_small_drive(tmp_path / "one", seconds=1.0)
    change(folder)
    (ref,) = find_drives(folder)
    with pytest.raises(InputError, match=message) as caught:
        read_drive(ref)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_parquet_file_is_told_too(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seconds=1.0, with_frames=False, table="parquet")
    content = (folder / "tracks.parquet").read_bytes()
    (folder / "tracks.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"tracks\.parquet: cannot be read as Parquet"):
        _read(folder)
    (folder / "tracks.parquet").write_bytes(content)
    table = pd.read_parquet(folder / "tracks.parquet")
    table.drop(columns="track_id").to_parquet(folder / "tracks.parquet")
    with pytest.raises(InputError, match=r"tracks\.parquet: cannot be read as Parquet \(no columns 'track_id' among"):
        _read(folder)
    for values, what in (([[1.0]], "holds list<"), ([{"a": 1.0}], "holds struct<"), ([b"1"], "holds binary, no")):
        table.assign(x_m=values * len(table)).to_parquet(folder / "tracks.parquet")
        with pytest.raises(InputError, match=rf"tracks\.parquet.*x_m'? {what}|tracks\.parquet: x_m: {what}"):
            _read(folder)
    table["timestamp_ns"] = table["timestamp_ns"].astype("Int64")
    table.loc[3, "timestamp_ns"] = pd.NA
    table.to_parquet(folder / "tracks.parquet")
    drive = _read(folder)
    assert [(entry.reason, entry.count) for entry in drive.dropped] == [("unreadable timestamp_ns", 1)]
    assert drive.tracks.timestamp_ns.min() == 1_600_000_000_000_000_000


def test_a_small_parquet_file_of_endless_rows_is_refused_unread(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seconds=1.0, with_frames=False, table="parquet")
    table = pq.read_table(folder / "tracks.parquet")
    block = pa.table({name: pa.repeat(table[name][0], 1_000_000) for name in table.schema.names})
    with pq.ParquetWriter(folder / "tracks.parquet", block.schema) as writer:
        for _ in range(6):
            writer.write_table(block)
    assert (folder / "tracks.parquet").stat().st_size < 1_000_000
    with pytest.raises(InputError, match=r"tracks\.parquet: cannot be read as Parquet \(over 5000000 rows"):
        _read(folder)
    with (folder / "tracks.csv").open("wb") as file:
        file.truncate(10**12)
    (folder / "tracks.parquet").unlink()
    with pytest.raises(InputError, match=r"tracks\.csv: is over 500 MB"):
        _read(folder)


def test_pandas_metadata_in_a_parquet_file_is_not_looked_at(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seconds=1.0, with_frames=False, table="parquet")
    tracks = _read(folder).tracks
    table = pq.read_table(folder / "tracks.parquet")
    pq.write_table(table.replace_schema_metadata({"pandas": "{"}), folder / "tracks.parquet")
    pd.testing.assert_frame_equal(_read(folder).tracks, tracks)


def test_a_cell_that_should_hold_a_number_and_holds_something_else_is_told(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seconds=1.0, with_frames=False)
    table = pd.read_csv(folder / "tracks.csv", dtype="str")
    table.loc[[0, 1, 2, 3], "length_m"] = ["4,2", "N/A", "", " 4.2 "]
    table.loc[5, "heading_rad"] = "north"
    table.to_csv(folder / "tracks.csv", index=False)
    drive = _read(folder)
    path = folder / "tracks.csv"
    assert [(entry.where, entry.reason, entry.count) for entry in drive.dropped] == [
        (f"{path}: row 7", "heading_rad is no number", 1),
        (f"{path}: row 2", "length_m is no number", 1),
    ]
    assert drive.tracks["length_m"].isna().tolist()[:5] == [True, True, True, False, False]
    assert drive.tracks["length_m"][3] == 4.2
