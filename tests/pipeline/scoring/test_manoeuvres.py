"""The table of manoeuvres: one row per agent and forecast time, null where nothing can be told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.forecasts import ManoeuvreProbabilities
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import Health, input_health
from pipeline.scoring.manoeuvres import MANOEUVRE_SCHEMA, manoeuvres_file, write_manoeuvres
from tests.pipeline.scoring.made_up import T0_NS, make_forecasts, make_windows

DIRECTIONS = ["direction_keep", "direction_left", "direction_right", "direction_u_turn"]
PACES = ["pace_cruise", "pace_accelerate", "pace_brake", "pace_stop", "pace_start"]


def made_up_drive(head: ManoeuvreProbabilities | None = None) -> DriveForecast:
    """Of the first car's modes one (0.25) goes on at 2 m/s, the other (0.75) turns left and stops."""
    windows = make_windows()
    forecasts = make_forecasts(windows)
    modes = forecasts.mode_xy_m.copy()
    modes[0, 1] = [(1.0, 1.0), (1.0, 2.0), (1.0, 2.3), (1.0, 2.4)]
    return DriveForecast(
        name="a",
        windows=windows,
        forecasts=replace(forecasts, mode_xy_m=modes, manoeuvres=head),
        health=input_health(windows.observed),
    )


def written(folder: Path, *, head: ManoeuvreProbabilities | None = None) -> list[dict]:
    path = manoeuvres_file(folder / "a.parquet")
    assert path == folder / "manoeuvres" / "a.parquet"
    write_manoeuvres(path, made_up_drive(head))
    table = pq.read_table(path)
    assert table.schema.equals(MANOEUVRE_SCHEMA)
    assert table.column_names[5:] == ["direction", "pace", *DIRECTIONS, *PACES]
    return table.to_pylist()


def test_one_row_per_agent_and_time_with_the_modes_added_up(tmp_path: Path) -> None:
    rows = written(tmp_path)
    assert [row["agent_id"] for row in rows] == ["car", "cone", "car", "walker"]
    assert [row["t0_ns"] for row in rows] == [T0_NS] * 2 + [T0_NS + 500_000_000] * 2
    assert [row["health"] for row in rows] == ["ok", "static", "ok", "short_history"]
    assert {row["category"] for row in rows} == {"car", "static", "pedestrian"}
    assert [rows[0][name] for name in DIRECTIONS] == [0.25, 0.75, 0.0, 0.0]
    assert [rows[0][name] for name in PACES] == [0.25, 0.0, 0.0, 0.75, 0.0]
    assert (rows[0]["direction"], rows[0]["pace"]) == ("left", "stop")
    for row in (rows[1], rows[3]):
        assert [row[name] for name in ("direction", "pace", *DIRECTIONS, *PACES)] == [None] * 11


def test_a_head_has_its_say_and_the_modes_where_it_has_none(tmp_path: Path) -> None:
    head = ManoeuvreProbabilities.where_known(
        direction=np.tile([0.1, 0.2, 0.3, 0.4], (4, 1)),
        direction_choice=np.array([2, 0, 2, 0]),  # not the likeliest
        direction_known=np.array([1, 0, 1, 0], bool),
        pace=np.tile([0.5, 0.125, 0.125, 0.125, 0.125], (4, 1)),
        pace_known=np.array([1, 0, 0, 0], bool),
    )
    rows = written(tmp_path, head=head)
    assert [rows[0][name] for name in DIRECTIONS] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert rows[0]["pace_cruise"] == 0.5
    assert [row["direction"] for row in rows] == ["right", None, "right", None]
    assert [row["pace"] for row in rows] == ["cruise", None, "brake", None]
    assert rows[2]["direction_u_turn"] == pytest.approx(0.4)
    # The head says nothing of its pace: the modes do, of which the likelier one slows down from 2 to 1 m/s.
    assert [rows[2][name] for name in PACES] == [0.25, 0.0, 0.75, 0.0, 0.0]
    assert rows[1]["direction_keep"] is rows[3]["direction_keep"] is None
    assert {Health.OK.label, Health.STATIC.label, Health.SHORT_HISTORY.label} == {row["health"] for row in rows}


def test_the_same_forecasts_give_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_manoeuvres(path, made_up_drive())
    first = path.read_bytes()
    write_manoeuvres(path, made_up_drive())
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
