"""From raw rows to clean rows, by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.categories import Category
from pipeline.drives.drive import FRAME_COLUMNS
from pipeline.errors import Dropped, InputError
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from tests.raw_drives import CAMERA, CONFIG, MS, raw_drive, raw_rows

NAN = np.nan


def column(clean: CleanDrive, name: str, agent: str = "a") -> list:
    return clean.tracks.loc[clean.tracks["agent_id"] == agent, name].tolist()


def test_interpolation_knows_the_later_measurement():
    # 2 Hz to 10 Hz: 0 and 500 ms are measured, the four steps between are known only at 500 ms.
    rows = raw_rows("a", [0, 500], x_m=[0.0, 5.0], y_m=[1.0, 0.0], z_m=[0.0, 0.5], heading_rad=[3.1, -3.1])
    clean = ingest_drive(raw_drive(rows.assign(length_m=[4.0, 9.0], category=[1, 2])), config=CONFIG)
    assert column(clean, "step") == [0, 1, 2, 3, 4, 5]
    assert column(clean, "t_ns") == [k * 100 * MS for k in range(6)]
    assert column(clean, "known_at_ns") == [0, *[500 * MS] * 5]
    assert column(clean, "x_m") == pytest.approx([0, 1, 2, 3, 4, 5])
    assert column(clean, "y_m") == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    assert column(clean, "z_m") == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    turn = (2 * np.pi - 6.2) / 5
    expected = 3.1 + turn * np.arange(6)
    expected[expected > np.pi] -= 2 * np.pi
    assert column(clean, "heading_rad") == pytest.approx(expected)
    assert column(clean, "vx_mps") == pytest.approx([NAN, *[10.0] * 5], nan_ok=True)
    assert column(clean, "vy_mps") == pytest.approx([NAN, *[-2.0] * 5], nan_ok=True)
    # Size and category are those of the latest measurement up to the step: no look ahead.
    assert column(clean, "length_m") == [4.0] * 5 + [9.0]
    assert column(clean, "category") == [Category.CAR] * 5 + [Category.VAN]


def test_frames_with_jitter_need_no_interpolation():
    times_ms = [0, 103, 198, 300, 409]
    rows = raw_rows("a", times_ms, x_m=[0.0, 1.03, 1.98, 3.0, 4.09], y_m=0.1)
    clean = ingest_drive(raw_drive(rows), config=CONFIG)
    assert clean.step_times_ns.tolist() == [time * MS for time in times_ms]
    assert column(clean, "known_at_ns") == column(clean, "t_ns") == [time * MS for time in times_ms]
    assert column(clean, "x_m") == [0.0, 1.03, 1.98, 3.0, 4.09]
    assert column(clean, "vx_mps")[1:] == pytest.approx([10.0] * 4)  # by the real times


def test_a_long_gap_is_cut_and_nothing_is_extrapolated():
    rows = raw_rows("a", [50, 150, 900, 1000], x_m=[0.5, 1.5, 9.0, 10.0])
    clean = ingest_drive(raw_drive(rows, raw_rows("b", [0])), config=CONFIG)
    assert column(clean, "step") == [1, 9, 10]
    assert column(clean, "x_m") == pytest.approx([1.0, 9.0, 10.0])
    assert column(clean, "vx_mps") == pytest.approx([NAN, NAN, 10.0], nan_ok=True)
    assert column(clean, "step", "b") == [0]
    # Even where no step is missing, a velocity does not reach over a gap.
    slow = CONFIG.model_copy(update={"rate_hz": 1.0})
    clean = ingest_drive(raw_drive(raw_rows("a", [0, 1000, 1500, 2000], x_m=[0.0, 1.0, 2.0, 3.0])), config=slow)
    assert column(clean, "vx_mps") == pytest.approx([NAN, NAN, 2.0], nan_ok=True)


def test_a_jump_makes_another_agent_and_a_glitch_alone_leaves_the_track():
    times_ms = [0, 100, 200, 300, 400]
    drive = raw_drive(
        raw_rows("5", times_ms, x_m=[0.0, 1.0, 101.0, 102.0, 103.0]),
        raw_rows("7", times_ms, x_m=[0.0, 1.0, 101.0, 3.0, 4.0]),
    )
    clean = ingest_drive(drive, config=CONFIG)
    assert clean.tracks["agent_id"].tolist() == ["5"] * 2 + ["5~2"] * 3 + ["7"] * 5 + ["7~2"]
    assert column(clean, "vx_mps", "5~2") == pytest.approx([NAN, 10.0, 10.0], nan_ok=True)
    # The place of the glitch is filled in from both sides, and known when the track is back.
    assert column(clean, "x_m", "7") == pytest.approx([0, 1, 2, 3, 4])
    assert column(clean, "known_at_ns", "7") == [0, 100 * MS, 300 * MS, 300 * MS, 400 * MS]
    assert column(clean, "x_m", "7~2") == [101.0]


def test_rejected_rows_are_named_and_counted():
    good = raw_rows("a", [0, 100, 200], x_m=[0.0, 1.0, 2.0])
    bad = raw_rows("b", [0, 100, 200, 300, 400], x_m=[NAN, 1e9, 0.0, 0.0, 0.0], z_m=[0.0, 0.0, -np.inf, 0.0, 0.0])
    bad["heading_rad"] = [0.0, 0.0, 0.0, 90.0, np.inf]
    again = raw_rows("a", [100], x_m=50.0)
    clean = ingest_drive(raw_drive(good, bad, again), config=CONFIG)
    assert clean.tracks["agent_id"].unique().tolist() == ["a"]
    assert column(clean, "x_m") == [0.0, 1.0, 2.0]  # the first of the two stays
    assert clean.num_raw_rows == 9
    assert clean.dropped == (
        Dropped(where="drive: tracks row 5 (track b)", reason="nan position"),
        Dropped(where="drive: tracks row 7 (track b)", reason="nan position"),
        Dropped(where="drive: tracks row 6 (track b)", reason="absurd position"),
        Dropped(where="drive: tracks row 8 (track b)", reason="absurd heading"),
        Dropped(where="drive: tracks row 9 (track b)", reason="absurd heading"),
        Dropped(where="drive: tracks row 10 (track a)", reason="duplicate measurement"),
    )


def test_thousands_of_rejected_rows_are_a_few_entries():
    count = 3000
    bad = raw_rows("b", np.arange(count).tolist(), x_m=NAN)
    clean = ingest_drive(raw_drive(raw_rows("a", [0]), bad, dropped=(Dropped(where="x", reason="y"),)), config=CONFIG)
    assert clean.dropped[0] == Dropped(where="x", reason="y")
    assert [entry.count for entry in clean.dropped[1:]] == [1] * 5 + [count - 5]


def test_a_duplicate_of_a_rejected_row_is_not_lost():
    clean = ingest_drive(raw_drive(raw_rows("a", [0, 0], x_m=[NAN, 3.0])), config=CONFIG)
    assert column(clean, "x_m") == [3.0]


def test_sizes_that_are_none_become_zero_and_the_row_stays():
    rows = raw_rows("a", [0, 100, 200, 300, 400]).assign(length_m=[4.0, NAN, 0.0, -1.0, np.inf])
    clean = ingest_drive(raw_drive(rows), config=CONFIG)
    assert column(clean, "length_m") == [4.0, 0.0, 0.0, 0.0, 0.0]
    assert column(clean, "width_m") == [2.0] * 5
    assert [(entry.reason, entry.count) for entry in clean.dropped] == [("absurd size, taken as unknown", 1)] * 2


def test_frames_are_sorted_and_those_without_a_place_left_out():
    pose = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    rows = [
        (200, "left", "l200.jpg", *pose),
        (100, "right", "r100.jpg", *pose),
        (100, "left", "l100.jpg", *pose),
        (100, "left", "again.jpg", *pose),
        (300, "left", "nan.jpg", NAN, *pose[1:]),
        (400, "left", "zero.jpg", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ]
    frames = pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype(FRAME_COLUMNS)
    drive = raw_drive(raw_rows("a", [0]), frames=frames, cameras={"left": CAMERA}, notes=("a note",))
    clean = ingest_drive(drive, config=CONFIG)
    assert clean.frames["path"].tolist() == ["l100.jpg", "r100.jpg", "l200.jpg"]
    assert [(entry.where, entry.reason) for entry in clean.dropped] == [
        ("drive: frame nan.jpg", "camera pose not usable"),
        ("drive: frame zero.jpg", "camera pose not usable"),
        ("drive: frame again.jpg", "duplicate frame"),
    ]
    assert clean.cameras == {"left": CAMERA}
    no_ego = "drive: no track is the recording vehicle; scenes are placed by the midst of all agents"
    assert clean.notes == ("a note", no_ego)


def test_the_source_path_stays_as_given():
    clean = ingest_drive(raw_drive(raw_rows("a", [0]), path=Path("../data/x")), config=CONFIG)
    assert clean.source_path == "../data/x"


@pytest.mark.parametrize("rows", [raw_rows("a", []), raw_rows("a", [0, 100], y_m=NAN)])
def test_a_drive_without_usable_rows_is_an_error(rows: pd.DataFrame):
    with pytest.raises(InputError, match="raw/drive: has no usable measurement"):
        ingest_drive(raw_drive(rows), config=CONFIG)


def test_a_wrong_timestamp_does_not_take_all_memory():
    rows = raw_rows("a", [0, 100])
    rows.loc[1, "timestamp_ns"] = 1_700_000_000_000_000_000
    with pytest.raises(InputError, match="span 472222 hours, from 0 to 1700000000000000000 ns"):
        ingest_drive(raw_drive(rows), config=CONFIG)
    rows["timestamp_ns"] = [np.iinfo(np.int64).min, np.iinfo(np.int64).max]
    with pytest.raises(InputError, match="hours"):
        ingest_drive(raw_drive(rows), config=CONFIG)
