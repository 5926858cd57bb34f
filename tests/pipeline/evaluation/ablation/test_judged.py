"""Judged forecasts against the report that all else is judged by, and differences worked out by hand."""

import numpy as np
import pytest

from pipeline.baselines import constant_velocity, kalman
from pipeline.config import EvaluateConfig
from pipeline.evaluation.ablation.judged import Judged, compare, join, judge, means
from pipeline.evaluation.macro_f1 import Choices
from pipeline.evaluation.metrics import PerAgent
from pipeline.evaluation.report import evaluate
from pipeline.evaluation.scored import slices
from tests.small_windows import small_windows

CONFIG = EvaluateConfig(miss_m=2.0, mover_m=1.0, bootstrap=60, seed=0)


def judged(errors_m: list[float], chosen: list[int]) -> Judged:
    everyone = np.ones(len(errors_m), dtype=bool)
    return Judged(
        metrics={"ade_m": PerAgent(value=np.array(errors_m), valid=everyone)},
        choices={
            "pace_macro_f1": Choices(
                chosen=np.array(chosen), true=np.zeros(len(chosen), int), valid=everyone, num_classes=2
            )
        },
    )


def test_a_difference_is_own_less_reference_over_the_agents_of_a_slice() -> None:
    own, reference = judged([1.0, 2.0, 9.0], [0, 0, 1]), judged([2.0, 4.0, 0.0], [0, 1, 0])
    masks = {"movers": np.array([True, True, False])}
    found = compare(own, reference, masks=masks, track=np.array([0, 1, 2]), config=CONFIG)
    assert found["movers"]["ade_m"] == 1.5
    difference = found["difference"]["movers"]
    assert difference["ade_m"] == -1.5
    assert (difference["ade_m_low"], difference["ade_m_high"]) == (-2.0, -1.0)
    # Of two who did class 0, the reference named it for one: 2 x 1 / (1 + 2).
    assert difference["pace_macro_f1"] == pytest.approx(1.0 - 2 / 3, abs=1e-5)
    assert "difference" not in compare(own, None, masks=masks, track=np.array([0, 1, 2]), config=CONFIG)
    assert means(own, masks) == {"movers": {"ade_m": 1.5, "pace_macro_f1": 1.0}}


def test_two_seeds_are_judged_as_the_report_does() -> None:
    windows = small_windows(num_scenes=30)
    horizon = {"num_future": windows.future.valid.shape[1], "rate_hz": windows.rate_hz}
    forecasts = {
        "kalman": kalman.forecast(windows.observed, **horizon),
        "constant_velocity": constant_velocity.forecast(windows.observed, **horizon, num_modes=3),
    }
    each = {
        name: judge(forecast, windows, config=CONFIG, overlaps=True, maps={}) for name, forecast in forecasts.items()
    }
    masks = slices(windows, mover_m=CONFIG.mover_m)
    report = evaluate(forecasts, windows, config=CONFIG)
    found = compare(
        join([each["constant_velocity"]] * 2),
        join([each["kalman"]] * 2),
        masks={part: np.tile(masks[part], 2) for part in ("all", "movers")},
        track=np.tile(windows.index.track, 2),
        config=CONFIG,
    )
    for part in ("all", "movers"):
        reported = report["difference"]["kalman_minus_constant_velocity"][part]
        for metric in ("ade_m", "min_fde_6_m", "overlap_rate", "pace_brier", "pace_macro_f1"):
            assert found[part][metric] == report["constant_velocity"][part][metric], metric
            assert found["difference"][part][metric] == pytest.approx(-reported[metric], abs=2e-5), metric
            assert found["difference"][part][f"{metric}_low"] == pytest.approx(-reported[f"{metric}_high"], abs=2e-5)
        assert found[part]["num_agents"] == 2 * report["constant_velocity"][part]["num_agents"]
        assert found[part]["num_tracks"] == report["constant_velocity"][part]["num_tracks"]
