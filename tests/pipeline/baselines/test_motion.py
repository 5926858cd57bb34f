"""What holds for every baseline: the world may be moved and turned, and what is not valid does not exist."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.baselines import constant_velocity, kalman
from tests.small_windows import small_windows

BASELINES = [constant_velocity, kalman]


def turned(values: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(values, np.float64) @ np.array([[cos, sin], [-sin, cos]])


@pytest.mark.parametrize("baseline", BASELINES)
def test_moving_and_turning_the_world_moves_and_turns_the_forecasts(baseline) -> None:
    windows, angle, shift = small_windows(num_scenes=40), 2.1, np.array([30.0, -40.0])
    observed = windows.observed
    fitted = baseline.fit(observed, windows.future, rate_hz=windows.rate_hz)
    moved = replace(observed, xy_m=turned(observed.xy_m, angle) + shift, heading_rad=observed.heading_rad + angle)
    later = replace(windows.future, xy_m=turned(windows.future.xy_m, angle) + shift)
    one, other = (
        baseline.forecast(seen, num_future=20, rate_hz=windows.rate_hz, fitted=fitted) for seen in (observed, moved)
    )
    assert np.allclose(other.single_xy_m, turned(one.single_xy_m, angle) + shift, atol=1e-3)
    # The area of the ellipse is the same, and the truth stays as likely.
    area = [each.single_sigma_m.prod(axis=-1) * np.sqrt(1 - each.single_rho**2) for each in (one, other)]
    assert np.allclose(*area, rtol=2e-2)
    again = baseline.fit(moved, later, rate_hz=windows.rate_hz)
    refit = baseline.forecast(moved, num_future=20, rate_hz=windows.rate_hz, fitted=again)
    assert np.allclose(refit.single_xy_m, other.single_xy_m, atol=0.05)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("garbage", [np.nan, 1e9])
def test_what_is_not_valid_does_not_exist(baseline, garbage: float) -> None:
    windows = small_windows(num_scenes=40)
    observed, future = windows.observed, windows.future
    seen = replace(
        observed,
        xy_m=np.where(observed.valid[..., None], observed.xy_m, garbage),
        heading_rad=np.where(observed.heading_valid & observed.valid, observed.heading_rad, garbage),
    )
    later = replace(future, xy_m=np.where(future.valid[..., None], future.xy_m, garbage))
    fits = [baseline.fit(*pair, rate_hz=windows.rate_hz) for pair in ((observed, future), (seen, later))]
    assert fits[0].to_json() == fits[1].to_json()
    one, other = (baseline.forecast(each, num_future=20, rate_hz=5.0, fitted=fits[0]) for each in (observed, seen))
    assert np.array_equal(one.single_xy_m, other.single_xy_m)
    assert np.array_equal(one.single_sigma_m, other.single_sigma_m)
