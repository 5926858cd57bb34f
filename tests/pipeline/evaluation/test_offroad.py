"""Off-road rates on a drivable area drawn by hand: 20 m x 20 m around the scene's origin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shapely import Polygon, affinity, box

from pipeline.config import EvaluateConfig
from pipeline.drives.categories import Category
from pipeline.drives.map import DriveMap, union
from pipeline.evaluation.offroad import offroad_rate, offroad_rate_modes, recorded_offroad_rate
from pipeline.evaluation.plots import write_plots
from pipeline.evaluation.report import evaluate
from pipeline.windows.windows import Windows
from tests.pipeline.evaluation import made_up

SQUARE = box(-10, -10, 10, 10)
CONFIG = EvaluateConfig(miss_m=2.0, mover_m=1.0, bootstrap=60, seed=0)
# A car, a bicycle, a pedestrian and a parked car that stands off the road already.
CATEGORIES = [Category.CAR, Category.BICYCLE, Category.PEDESTRIAN, Category.CAR]
SEEN = np.array([[[-1, 0], [0, 0]], [[-1, 5], [0, 5]], [[-1, 8], [0, 8]], [[0, 12], [0, 12]]], float)
ALONG_X = np.array([[4, 0], [8, 0], [12, 0], [16, 0]], float)
PATHS = np.stack([ALONG_X * scale + np.array([0, y]) for scale, y in ((1, 0), (0.25, 5), (1, 8), (0, 12))])


def map_of(*places: Polygon) -> DriveMap:
    return DriveMap(lanes=(), crossings=(), drivable_area=union(places))


def scene(valid: object = None) -> Windows:
    return made_up.windows(
        made_up.observed(SEEN, category=CATEGORIES), made_up.future(np.clip(PATHS, -9, 9), valid=valid)
    )


def test_the_share_of_a_forecast_that_lies_off_the_road() -> None:
    found = offroad_rate(made_up.forecasts(PATHS), scene(), maps={"a": map_of(SQUARE)})
    assert found.valid.tolist() == [True, True, False, False]
    assert found.value[:2].tolist() == [0.5, 0.0]
    assert recorded_offroad_rate(scene(), maps={"a": map_of(SQUARE)}).value[:2].tolist() == [0.0, 0.0]


def test_only_recorded_steps_count() -> None:
    valid = np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], bool)
    windows = scene(valid)
    spoilt = np.where(valid[..., None], PATHS, np.nan)
    found = offroad_rate(made_up.forecasts(spoilt), windows, maps={"a": map_of(SQUARE)})
    assert found.valid.tolist() == [True, False, False, False]
    assert found.value[0] == pytest.approx(1 / 3)
    # Whoever was last seen on the road is judged, whatever stands beside the steps at which it was not seen.
    observed = windows.observed
    gone = replace(observed, valid=np.array([[1, 0]] * 4, bool), xy_m=np.array([[s[0], [99, 99]] for s in SEEN]))
    later = offroad_rate(made_up.forecasts(PATHS), replace(windows, observed=gone), maps={"a": map_of(SQUARE)})
    assert later.valid.tolist() == found.valid.tolist()


def test_the_edge_is_on_the_road_and_a_hole_is_not() -> None:
    touching = made_up.forecasts(np.clip(PATHS, -10, 10))
    assert offroad_rate(touching, scene(), maps={"a": map_of(SQUARE)}).value[0] == 0.0
    ring = map_of(SQUARE.difference(box(7, -1, 9, 1)), box(15, -1, 17, 1))  # pyright: ignore[reportArgumentType]
    assert offroad_rate(made_up.forecasts(PATHS), scene(), maps={"a": ring}).value[0] == 0.5  # at 8 m and at 12 m


def test_modes_are_weighted_by_their_probability() -> None:
    modes = np.stack([PATHS, PATHS * [0.5, 1.0], PATHS * [-1.0, 1.0] - [3, 0]], axis=1)
    forecasts = made_up.forecasts(PATHS, modes=modes, probability=[[0.5, 0.3, 0.2]] * 4)
    found = offroad_rate_modes(forecasts, scene(), maps={"a": map_of(SQUARE)})
    # The car is off the road at 2, 0 and 3 of four steps; the bicycle never.
    assert found.value[:2].tolist() == pytest.approx([0.5 * 0.5 + 0.2 * 0.75, 0.0])
    assert found.valid.tolist() == [True, True, False, False]


def test_the_world_may_lie_and_turn_anywhere() -> None:
    angle, origin = 0.7, np.array([4000.5, -320.25])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    windows = made_up.windows(
        made_up.observed(SEEN @ turn, category=CATEGORIES), made_up.future(np.clip(PATHS, -9, 9) @ turn)
    )
    moved = replace(windows, index=replace(windows.index, origin_m=origin[None]))
    area = affinity.translate(affinity.rotate(SQUARE, angle, origin=(0, 0), use_radians=True), *origin)
    found = offroad_rate(made_up.forecasts(PATHS @ turn), moved, maps={"a": map_of(area)})
    assert found.valid.tolist() == [True, True, False, False]
    assert found.value[:2].tolist() == [0.5, 0.0]


def test_every_scene_has_the_map_of_its_own_drive() -> None:
    seen = made_up.observed(np.tile(SEEN[:1], (3, 1, 1)), scene=[0, 1, 2])
    windows = made_up.windows(seen, made_up.future(np.tile(ALONG_X, (3, 1, 1))))
    index = replace(windows.index, drive=np.array([0, 1, 2], np.int32), drive_names=("a", "b", "c"))
    windows = replace(windows, index=index)
    maps = {"a": map_of(SQUARE), "b": map_of(box(-1, -1, 5, 1)), "elsewhere": map_of(SQUARE)}
    found = recorded_offroad_rate(windows, maps=maps)
    assert found.valid.tolist() == [True, True, False]
    assert found.value[:2].tolist() == [0.5, 0.75]
    nowhere = map_of()
    assert not recorded_offroad_rate(windows, maps={"a": nowhere}).valid.any()


def test_the_report_has_the_rates_where_there_is_a_map_and_only_there(tmp_path: Path) -> None:
    windows, forecasts = scene(), {"car": made_up.forecasts(PATHS), "still": made_up.forecasts(PATHS * 0)}
    report = evaluate(forecasts, windows, config=CONFIG, maps={"a": map_of(SQUARE)})
    assert report["car"]["vehicle"]["offroad_rate"] == report["car"]["vehicle"]["offroad_rate_modes"] == 0.5
    assert report["car"]["all"]["offroad_rate"] == 0.25
    assert report["recorded"]["all"]["offroad_rate"] == 0.0
    assert report["difference"]["car_minus_still"]["all"]["offroad_rate"] == 0.25
    assert "offroad_rate" not in report["car"]["pedestrian"]
    without = evaluate(forecasts, windows, config=CONFIG, maps={"b": map_of(SQUARE)})
    assert "offroad_rate" not in str(without)
    assert without["car"]["all"]["ade_m"] == report["car"]["all"]["ade_m"]

    drawn = DriveMap(lanes=(SQUARE,), crossings=(box(0, 0, 2, 10),), drivable_area=union([SQUARE]))
    for name, maps in {"with": {"a": drawn}, "again": {"a": drawn}, "without": {}}.items():
        write_plots(tmp_path / name, forecasts, windows, config=CONFIG, maps=maps)
    pictures = [(tmp_path / name / "scene_1.png").read_bytes() for name in ("with", "again", "without")]
    assert pictures[0] == pictures[1] != pictures[2]
