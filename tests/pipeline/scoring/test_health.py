"""Which forecasts are the model's own, and what stands in for the others."""

from dataclasses import fields, replace

import numpy as np
import pytest

from pipeline.baselines.history import last_xy
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.scoring.health import Health, input_health, merge, sound
from tests.pipeline.scoring.made_up import make_forecasts, make_windows


def test_health_of_the_input() -> None:
    observed = make_windows().observed
    assert list(input_health(observed)) == [Health.OK, Health.STATIC, Health.OK, Health.SHORT_HISTORY]
    valid = observed.valid.copy()
    valid[0, -1] = False
    assert input_health(replace(observed, valid=valid))[0] == Health.STALE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("single_xy_m", np.nan),
        ("mode_xy_m", np.inf),
        ("mode_xy_m", 1e4),
        ("single_sigma_m", 0.0),
        ("mode_rho", 1.0),
        ("probability", -0.5),
    ],
)
def test_one_bad_number_condemns_its_agent_alone(field: str, value: float) -> None:
    windows = make_windows()
    forecasts = make_forecasts(windows)
    assert sound(forecasts, observed=windows.observed, rate_hz=2.0, max_speed_mps=70.0).all()
    bad = getattr(forecasts, field).copy()
    bad[1].flat[-1] = value
    found = sound(replace(forecasts, **{field: bad}), observed=windows.observed, rate_hz=2.0, max_speed_mps=70.0)
    assert list(found) == [True, False, True, True]


def test_a_forecast_may_not_outrun_the_fastest() -> None:
    windows = make_windows()
    forecasts = make_forecasts(windows)  # 4 m after 2 s, and 5 m of slack
    far = replace(forecasts, single_xy_m=forecasts.single_xy_m * np.float32(1.0) + np.float32([2.5, 0.0]))
    assert sound(far, observed=windows.observed, rate_hz=2.0, max_speed_mps=1.0)[0]
    far = replace(forecasts, single_xy_m=forecasts.single_xy_m + np.float32([3.5, 0.0]))
    assert not sound(far, observed=windows.observed, rate_hz=2.0, max_speed_mps=1.0)[0]


def test_merge_takes_the_fallback_and_leaves_static_objects_where_they_are() -> None:
    windows = make_windows()
    ours = make_forecasts(windows)
    last_m = last_xy(windows.observed)
    use = np.array([True, False, True, False])
    fallback = Forecasts(**{name: array[~use] for name, array in ours.arrays().items()})
    fallback = replace(fallback, single_xy_m=fallback.single_xy_m + 100, mode_xy_m=fallback.mode_xy_m + 100)
    static = np.array([False, True, False, False])
    merged = merge(ours, fallback=fallback, use=use, last_m=last_m, static=static)
    np.testing.assert_array_equal(merged.single_xy_m[0], ours.single_xy_m[0])
    np.testing.assert_array_equal(merged.mode_xy_m[3], ours.mode_xy_m[3] + 100)
    np.testing.assert_array_equal(merged.mode_xy_m[1], np.full((2, 4, 2), 5.0))
    told = ManoeuvreProbabilities.where_known(
        direction=np.full((4, 4), 0.25),
        direction_known=np.array([1, 0, 0, 1], bool),
        pace=np.full((4, 5), 0.2),
        pace_known=np.ones(4, bool),
    )
    head = merge(replace(ours, manoeuvres=told), fallback=fallback, use=use, last_m=last_m, static=static).manoeuvres
    assert head is not None
    assert head.direction_known.tolist() == [True, False, False, False]
    assert head.pace_known.tolist() == use.tolist() == head.pace.any(axis=1).tolist()


def test_nobody_to_forecast_is_no_error() -> None:
    windows = make_windows()
    forecasts, observed = make_forecasts(windows), windows.observed
    per_scene = ("frame_feature", "frame_feature_valid")
    nobody = {f.name: getattr(observed, f.name)[:0] for f in fields(observed) if f.name not in per_scene}
    none = Forecasts(**{name: array[:0] for name, array in forecasts.arrays().items()})
    assert sound(none, observed=replace(observed, **nobody), rate_hz=2.0, max_speed_mps=70.0).shape == (0,)
