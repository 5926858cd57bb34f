import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.baselines import constant_velocity, kalman
from pipeline.config import EvaluateConfig
from pipeline.drives.categories import Category
from pipeline.evaluation.plots import write_plots
from pipeline.evaluation.report import agent_metrics, evaluate
from pipeline.evaluation.scored import movers, scored_agents, slices
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future, Observed, Windows
from tests.pipeline.evaluation import made_up
from tests.small_windows import small_windows

CONFIG = EvaluateConfig(miss_m=2.0, mover_m=1.0, bootstrap=60, seed=0)


def both(windows: Windows) -> dict[str, Forecasts]:
    horizon = windows.future.valid.shape[1]
    return {
        "kalman": kalman.forecast(windows.observed, num_future=horizon, rate_hz=windows.rate_hz),
        "constant_velocity": constant_velocity.forecast(
            windows.observed, num_future=horizon, rate_hz=windows.rate_hz, num_modes=3
        ),
    }


def test_the_numbers_of_a_scene_worked_out_by_hand() -> None:
    seen = made_up.observed(
        [[[0, 0], [1, 0]], [[0, 50], [0, 50]], [[0, 100], [0, 100]], [[9, 9], [9, 9]], [[5, 5], [5, 5]]],
        category=[Category.CAR, Category.PEDESTRIAN, Category.STATIC, Category.CAR, Category.CAR],
        valid=[[1, 1], [1, 1], [1, 1], [0, 1], [1, 1]],
    )
    # The car goes 1 m a second, the pedestrian stands; the others are left out for three different reasons.
    later = made_up.future(
        [[[2, 0], [3, 0]], [[0, 50], [0, 50]], [[0, 100], [0, 100]], [[9, 9], [9, 9]], [[5, 5], [5, 5]]],
        valid=[[1, 1], [1, 1], [1, 1], [1, 1], [0, 0]],
    )
    good = made_up.forecasts([[[2, 1], [3, 0]], *later.xy_m[1:]])
    bad = made_up.forecasts([[[2, 1], [3, 5]], *later.xy_m[1:]])
    report = evaluate({"good": good, "bad": bad}, made_up.windows(seen, later), config=CONFIG)
    assert report["counts"] == {
        "scenes": 1, "drives": 1, "agents": 5, "scored_agents": 2, "scored_tracks": 2, "movers": 1,
        "left_out": {"static_category": 1, "fewer_than_2_observed_steps": 1, "no_recorded_future_step": 1},
        "manoeuvres": {
            "direction": {"keep": 2, "left": 0, "right": 0, "u_turn": 0},
            "pace": {"cruise": 2, "accelerate": 0, "brake": 0, "stop": 0, "start": 0},
        },
    }  # fmt: skip
    assert report["good"]["all"]["ade_m"] == 0.25
    assert report["good"]["movers"]["ade_m"] == report["good"]["vehicle_movers"]["ade_m"] == 0.5
    assert report["good"]["pedestrian"]["ade_m"] == 0.0
    assert "pedestrian_movers" not in report["good"]
    assert "ade_m_low" not in report["good"]["movers"]  # one track
    assert (report["bad"]["movers"]["ade_m"], report["bad"]["movers"]["fde_2s_m"]) == (3.0, 5.0)
    assert report["bad"]["movers"]["ade_1s_m"] == 1.0
    assert (report["bad"]["movers"]["miss_rate_fde_2m"], report["good"]["movers"]["miss_rate_fde_2m"]) == (1.0, 0.0)
    assert report["difference"]["good_minus_bad"]["movers"]["fde_m"] == -5.0
    assert report["recorded"]["all"]["overlap_rate"] == 0.0


def test_a_mover_leaves_the_circle_at_some_recorded_step() -> None:
    seen = made_up.observed(np.zeros((4, 2, 2)), valid=[[1, 1], [1, 1], [1, 1], [1, 0]])
    later = made_up.future(
        [[[1, 0], [0, 0]], [[0.99, 0], [0, 0]], [[9, 0], [0, 0]], [[0, 0], [0, 3]]],
        valid=[[1, 1], [1, 1], [0, 1], [1, 1]],
    )
    assert movers(seen, later, mover_m=1.0).tolist() == [True, False, False, True]
    assert scored_agents(seen, later).mask.tolist() == [True, True, True, False]


def test_followers_and_yielders_are_reported_and_compared_but_for_those_that_stand_all_the_time() -> None:
    # A queue of three: the last drives up, the second stands all the time. A pedestrian crosses before the first.
    t = np.arange(-4, 9) / 2.0
    xy = np.zeros((4, len(t), 2))
    xy[0, :, 0], xy[1, :, 0], xy[2, :, 0] = 8.0, 16.0 + np.maximum(t - 2.0, 0.0) ** 2, np.minimum(2.0 * t, 2.0) - 4.0
    xy[3] = np.stack([np.full(len(t), 20.0), 1.2 * t - 2.0], axis=-1)
    seen = made_up.observed(
        xy[:, :5],
        category=[Category.CAR, Category.CAR, Category.CAR, Category.PEDESTRIAN],
        heading_rad=np.repeat([[0.0], [0.0], [0.0], [np.pi / 2]], 5, axis=1),
    )
    windows = made_up.windows(seen, made_up.future(xy[:, 5:]), rate_hz=2.0)
    parts = slices(windows, mover_m=1.0)
    assert parts["followers"].tolist() == [False, False, True, False]
    assert parts["yielders"].tolist() == [False, True, False, False]
    report = evaluate(both(windows), windows, config=CONFIG)
    assert report["kalman"]["followers"]["num_agents"] == report["kalman"]["yielders"]["num_agents"] == 1
    assert {"all", "movers", "followers", "yielders"} == set(report["difference"]["kalman_minus_constant_velocity"])


def test_the_report_is_plain_json_and_repeats() -> None:
    windows = small_windows(num_scenes=12)
    first = json.dumps(evaluate(both(windows), windows, config=CONFIG), allow_nan=False)
    assert first == json.dumps(evaluate(both(windows), windows, config=CONFIG))
    report = json.loads(first)
    cell = report["kalman"]["movers"]
    assert cell["ade_m_low"] < cell["ade_m"] < cell["ade_m_high"]
    assert {f"min_fde_{k}_m" for k in (1, 5, 6)} | {"overlap_rate", "nll", "nll_mixture", "coverage_90_4s"} <= set(cell)


def reordered(windows: Windows, order: np.ndarray) -> Windows:
    observed, future = windows.observed, windows.future
    per_scene = {"frame_feature", "frame_feature_valid"}
    return replace(
        windows,
        index=replace(windows.index, track=windows.index.track[order]),
        observed=Observed(
            **{
                name: getattr(observed, name) if name in per_scene else getattr(observed, name)[order]
                for name in Observed.__dataclass_fields__
            }
        ),
        future=Future(**{name: getattr(future, name)[order] for name in Future.__dataclass_fields__}),
    )


def test_permuting_agents_permutes_every_metric() -> None:
    windows = small_windows(num_scenes=6, agents_per_scene=12)
    rng = np.random.default_rng(0)
    order = np.lexsort([rng.random(len(windows.observed.scene)), windows.observed.scene])  # within each scene
    shuffled = reordered(windows, order)
    for name, forecasts in both(windows).items():
        before = agent_metrics(forecasts, windows, config=CONFIG)
        after = agent_metrics(both(shuffled)[name], shuffled, config=CONFIG)
        for metric, values in before.items():
            assert np.array_equal(values.valid[order], after[metric].valid), metric
            assert np.allclose(values.value[order], after[metric].value, rtol=1e-4, atol=1e-5), metric
    assert before["overlap_rate"].value.any()


@pytest.mark.parametrize("garbage", [np.nan, 1e6])
def test_numbers_beside_absent_steps_change_nothing(garbage: float) -> None:
    windows = small_windows()

    def spoil(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        mask = valid if values.ndim == valid.ndim else valid[..., None]
        return np.where(mask, values, garbage).astype(values.dtype)

    observed, future = windows.observed, windows.future
    spoilt = replace(
        windows,
        observed=replace(
            observed,
            xy_m=spoil(observed.xy_m, observed.valid),
            heading_rad=spoil(observed.heading_rad, observed.heading_valid),
        ),
        future=replace(
            future, xy_m=spoil(future.xy_m, future.valid), heading_rad=spoil(future.heading_rad, future.valid)
        ),
    )
    assert evaluate(both(windows), windows, config=CONFIG) == evaluate(both(spoilt), spoilt, config=CONFIG)


def test_plots_and_tables_are_written_and_repeat(tmp_path) -> None:
    windows = small_windows(num_scenes=6)
    for name in ("first", "second"):
        write_plots(tmp_path / name, both(windows), windows, config=CONFIG, baselines={"kalman": {"noise": []}})
    files = {path.name for path in (tmp_path / "first").iterdir()}
    expected = {"horizon.csv", "calibration.csv", "horizon.png", "calibration.png", "scene_1.png", "baselines.json"}
    expected |= {"reliability.csv", "reliability.png"}
    assert expected <= files
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_nobody_moves(tmp_path) -> None:
    seen, later = made_up.observed(np.zeros((1, 2, 2))), made_up.future(np.zeros((1, 2, 2)))
    windows = made_up.windows(seen, later)
    still = {"still": made_up.forecasts(np.zeros((1, 2, 2)))}
    report = evaluate(still, windows, config=CONFIG)
    assert "movers" not in report["still"]
    assert report["still"]["all"]["ade_m"] == 0.0
    write_plots(tmp_path / "plots", still, windows, config=CONFIG)
    assert (tmp_path / "plots" / "horizon.png").is_file()
