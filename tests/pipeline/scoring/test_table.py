"""The output contract: columns, order, world frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import input_health
from pipeline.scoring.table import SCHEMA, write_table
from tests.pipeline.scoring.made_up import NUM_FUTURE, T0_NS, make_forecasts, make_windows


def written(folder: Path, *, origin_m=(10.0, 20.0)):
    windows = make_windows(origin_m=origin_m)
    drive = DriveForecast(
        name="a", windows=windows, forecasts=make_forecasts(windows), health=input_health(windows.observed)
    )
    write_table(folder / "a.parquet", drive)
    table = pq.read_table(folder / "a.parquet")
    assert table.schema.equals(SCHEMA)
    return table.to_pylist()


def test_one_row_per_agent_time_and_mode(tmp_path: Path) -> None:
    rows = written(tmp_path)
    assert [(row["agent_id"], row["mode"]) for row in rows] == [
        (agent, mode) for agent in ("car", "cone", "car", "walker") for mode in (-1, 0, 1)
    ]
    assert [row["t0_ns"] for row in rows] == [T0_NS] * 6 + [T0_NS + 500_000_000] * 6
    assert [row["probability"] for row in rows[:3]] == [1.0, 0.75, 0.25]  # the likelier mode came second
    assert [row["health"] for row in rows[::3]] == ["ok", "static", "ok", "short_history"]
    assert {row["category"] for row in rows} == {"car", "static", "pedestrian"}
    assert {row["drive"] for row in rows} == {"a"}


def test_paths_are_in_the_world_frame(tmp_path: Path) -> None:
    single, likely, _ = written(tmp_path)[:3]
    assert single["t_s"] == [0.5, 1.0, 1.5, 2.0]
    assert single["x_m"] == [11.0, 12.0, 13.0, 14.0]
    assert single["y_m"] == [20.0] * 4
    assert single["speed_mps"] == [2.0] * 4
    assert single["heading_rad"] == [0.0] * 4
    assert single["sigma_x_m"] == [0.5] * 4
    assert single["accel_mps2"] == pytest.approx([0.0] * 4, abs=1e-6)
    assert single["curvature_1pm"] == pytest.approx([0.0] * 4, abs=1e-6)
    assert likely["x_m"] == [10.5, 11.0, 11.5, 12.0]
    assert (likely["speed_mps"], likely["sigma_y_m"], likely["rho"]) == ([1.0] * 4, [0.25] * 4, [0.0] * 4)
    assert (single["origin_x_m"], single["origin_y_m"]) == (0.0, 0.0)


def test_one_that_stands_has_an_acceleration_and_no_curvature(tmp_path: Path) -> None:
    windows = make_windows()
    still = np.repeat(windows.observed.xy_m[:, -1:], NUM_FUTURE, axis=1)
    forecasts = replace(make_forecasts(windows), single_xy_m=still)
    write_table(
        tmp_path / "a.parquet",
        DriveForecast(name="a", windows=windows, forecasts=forecasts, health=input_health(windows.observed)),
    )
    car, cone = pq.read_table(tmp_path / "a.parquet").to_pylist()[:6:3]
    assert car["accel_mps2"][0] < -0.5  # from 2 m/s to a stand
    assert cone["accel_mps2"] == [0.0] * 4
    assert car["curvature_1pm"] == cone["curvature_1pm"] == [None] * 4


def test_far_from_the_origin_centimetres_are_kept(tmp_path: Path) -> None:
    origin = (691_234.567, 5_334_321.123)  # UTM coordinates: float32 alone would be half a metre off
    for near, far in zip(written(tmp_path), written(tmp_path, origin_m=origin), strict=True):
        assert (far["origin_x_m"], far["origin_y_m"]) == (691_000.0, 5_334_000.0)
        x_m = far["origin_x_m"] + np.array(far["x_m"], float)
        y_m = far["origin_y_m"] + np.array(far["y_m"], float)
        np.testing.assert_allclose(x_m - origin[0], np.array(near["x_m"]) - 10.0, atol=1e-3)
        np.testing.assert_allclose(y_m - origin[1], np.array(near["y_m"]) - 20.0, atol=1e-3)


def test_the_same_forecasts_give_the_same_bytes(tmp_path: Path) -> None:
    drive = DriveForecast(
        name="a", windows=(w := make_windows()), forecasts=make_forecasts(w), health=input_health(w.observed)
    )
    write_table(tmp_path / "a.parquet", drive)
    first = (tmp_path / "a.parquet").read_bytes()
    write_table(tmp_path / "a.parquet", drive)
    assert (tmp_path / "a.parquet").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
