"""Manoeuvres and controls judged, on agents made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.baselines import constant_velocity
from pipeline.behaviour.keeps import fit_keeps
from pipeline.config import EvaluateConfig
from pipeline.drives.categories import Category
from pipeline.evaluation.behaviour import RecordedBehaviour, behaviour_metrics, behaviour_of, recorded_behaviour
from pipeline.evaluation.report import evaluate
from pipeline.forecasts import ManoeuvreProbabilities
from tests.pipeline.behaviour.made_up_paths import NUM_FUTURE, NUM_OBSERVED, RATE_HZ, drive, scene
from tests.pipeline.evaluation import made_up

CONFIG = EvaluateConfig(miss_m=2.0, mover_m=1.0, bootstrap=50, seed=0)
LEFT = drive(lambda t: 8.0 + 0 * t, lambda t: 0.4 * (t > 0))
ON = drive(lambda t: 8.0 + 0 * t)
BRAKES = drive(lambda t: 8.0 - 1.5 * np.clip(t, 0, None))


def some(*paths, category=Category.CAR):
    seen, later = scene(np.stack([xy for xy, _ in paths]), np.stack([psi for _, psi in paths]), category=category)
    return made_up.windows(seen, later, rate_hz=RATE_HZ)


def velocity(windows):
    return constant_velocity.forecast(windows.observed, num_future=NUM_FUTURE, rate_hz=RATE_HZ)


def test_brier_and_controls_by_hand() -> None:
    windows = some(LEFT, ON, BRAKES)
    recorded = recorded_behaviour(windows)
    found = behaviour_metrics(behaviour_of(velocity(windows), windows.observed, rate_hz=RATE_HZ), recorded)
    np.testing.assert_allclose(found["direction_brier"].value, [2.0, 0.0, 0.0])
    np.testing.assert_allclose(found["pace_brier"].value, [0.0, 0.0, 2.0])
    np.testing.assert_allclose(found["curvature_mae_1pm"].value, [0.05, 0.0, 0.0], atol=4e-3)
    np.testing.assert_allclose(found["accel_mae_mps2"].value, [0.0, 0.0, 1.5], atol=0.12)
    # A head's own probabilities are judged in place of those of the paths.
    head = ManoeuvreProbabilities.where_known(
        direction=np.tile([0.5, 0.3, 0.2, 0.0], (3, 1)),
        direction_known=np.array([1, 1, 0], bool),  # of the third the modes tell: one that goes straight on
        pace=np.tile([0.2] * 5, (3, 1)),
        pace_known=np.ones(3, bool),
    )
    told = behaviour_of(replace(velocity(windows), manoeuvres=head), windows.observed, rate_hz=RATE_HZ)
    found = behaviour_metrics(told, recorded)
    np.testing.assert_allclose(found["direction_brier"].value, [0.78, 0.38, 0.0])
    assert found["direction_brier"].valid.all()
    np.testing.assert_allclose(found["pace_brier"].value, 0.8)


def test_modes_are_weighed() -> None:
    windows = some(LEFT, ON)
    modes = np.stack([LEFT[0], ON[0]])[None, :, NUM_OBSERVED:].repeat(2, axis=0)
    one = made_up.forecasts(modes[:, 1], modes=modes, probability=[[0.75, 0.25]] * 2)
    found = behaviour_metrics(behaviour_of(one, windows.observed, rate_hz=RATE_HZ), recorded_behaviour(windows))
    np.testing.assert_allclose(found["direction_brier"].value, [2 * 0.25**2, 2 * 0.75**2])


def test_controls_are_those_of_what_is_on_wheels_and_moves() -> None:
    crawl = drive(lambda t: 0.8 + 0 * t)
    recorded = recorded_behaviour(some(ON, crawl))
    assert recorded.accel_valid.all(axis=1).tolist() == [True, False]
    slow = drive(lambda t: 1.5 + 0 * t)
    recorded = recorded_behaviour(some(ON, slow))
    assert recorded.accel_valid.all()
    assert recorded.curvature_valid.all(axis=1).tolist() == [True, False]
    recorded = recorded_behaviour(some(ON, category=Category.PEDESTRIAN))
    assert not recorded.accel_valid.any()
    assert not recorded.curvature_valid.any()
    assert recorded.manoeuvres.pace_valid.all()


def test_the_report_sets_every_forecaster_beside_the_baseline() -> None:
    windows = some(*[LEFT] * 6, *[ON] * 10, *[BRAKES] * 4)
    keeps = fit_keeps(windows.observed, windows.future, rate_hz=RATE_HZ)
    perfect = made_up.forecasts(windows.future.xy_m)
    report = evaluate(
        {"perfect": perfect, "velocity": velocity(windows)}, windows, config=CONFIG, overlaps=False, keeps=keeps
    )
    assert list(report) == ["perfect", "velocity", "keeps", "difference", "counts"]
    assert report["counts"]["manoeuvres"] == {
        "direction": {"keep": 14, "left": 6, "right": 0, "u_turn": 0},
        "pace": {"cruise": 16, "accelerate": 0, "brake": 4, "stop": 0, "start": 0},
    }
    perfect_cell, velocity_cell, keeps_cell = (report[name]["vehicle"] for name in ("perfect", "velocity", "keeps"))
    assert (perfect_cell["direction_macro_f1"], perfect_cell["pace_macro_f1"]) == (1.0, 1.0)
    assert (perfect_cell["direction_brier"], perfect_cell["pace_brier"]) == (0.0, 0.0)
    assert perfect_cell["accel_mae_mps2"] == perfect_cell["curvature_mae_1pm"] == 0.0
    assert velocity_cell["direction_macro_f1"] == pytest.approx(2 * 14 / 34 / 2, abs=1e-5)
    assert velocity_cell["direction_brier"] == pytest.approx(2 * 6 / 20)
    # Everyone was driving straight on at one speed: what became of these is all that can be known.
    assert keeps_cell["direction_brier"] == pytest.approx(0.3 * (0.49 + 0.49) + 0.7 * 0.18, abs=0.01)
    assert "ade_m" not in keeps_cell
    minus = report["difference"]["perfect_minus_keeps"]["all"]
    assert minus["direction_macro_f1"] == pytest.approx(1.0 - keeps_cell["direction_macro_f1"], abs=2e-5)
    assert minus["direction_brier_high"] < 0.0
    assert "ade_m" not in minus


def test_numbers_beside_absent_steps_change_nothing() -> None:
    windows = some(LEFT, ON, BRAKES)
    valid = np.ones((3, NUM_FUTURE), bool)
    valid[:, [3, 4, 11]] = False

    def spoilt(garbage: float) -> RecordedBehaviour:
        xy = np.where(valid[..., None], windows.future.xy_m, garbage)
        return recorded_behaviour(replace(windows, future=replace(windows.future, xy_m=xy, valid=valid)))

    one, two = spoilt(np.nan), spoilt(1e6)
    assert one.manoeuvres.direction.tolist() == two.manoeuvres.direction.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(one.accel_mps2, two.accel_mps2)
    np.testing.assert_array_equal(one.curvature_valid, two.curvature_valid)
    assert one.accel_valid[:, [0, 8, 19]].all()
    assert not one.accel_valid[:, [3, 4, 11]].any()
