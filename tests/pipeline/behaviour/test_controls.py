"""Controls in closed form."""

import numpy as np
import pytest

from pipeline.behaviour.controls import controls, start_of
from pipeline.behaviour.present import present
from tests.pipeline.behaviour.made_up_paths import NUM_FUTURE, NUM_OBSERVED, RATE_HZ, drive, scene


def along(path: np.ndarray, heading: np.ndarray | None = None, *, valid=None):
    seen, later = scene(path, heading, valid=valid)
    start = start_of(seen, rate_hz=RATE_HZ)
    found = controls(later.xy_m[:, None], start=start, rate_hz=RATE_HZ, valid=later.valid)
    return found.accel_mps2[0, 0], found.curvature_1pm[0, 0], found.speed_mps[0, 0]


@pytest.mark.parametrize("accel", [0.0, 1.5, -2.0])
def test_constant_acceleration(accel: float) -> None:
    found, curvature, speed = along(*drive(lambda t: 10.0 + accel * t))
    np.testing.assert_allclose(found, accel, atol=1e-3)
    np.testing.assert_allclose(curvature, 0.0, atol=1e-9)
    time_s = np.arange(1, NUM_FUTURE + 1) / RATE_HZ
    np.testing.assert_allclose(speed[3:-3], (10.0 + accel * time_s)[3:-3], atol=0.05)


@pytest.mark.parametrize(("radius_m", "speed"), [(50.0, 10.0), (-20.0, 8.0), (6.0, 4.0), (-6.0, 4.0)])
def test_a_circle(radius_m: float, speed: float) -> None:
    accel, curvature, _ = along(*drive(lambda t: speed + 0 * t, lambda t: speed / radius_m + 0 * t, heading=3.0))
    np.testing.assert_allclose(curvature, 1 / radius_m, rtol=0.02)
    np.testing.assert_allclose(accel[6:], 0.0, atol=1e-3)
    np.testing.assert_allclose(
        accel[:6], 0.0, atol=0.2
    )  # a parabola is no circle, so the speed at the start is not exact


def test_a_circle_that_is_driven_faster_and_faster() -> None:
    def speed(t: np.ndarray) -> np.ndarray:
        return 6.0 + 1.0 * t

    accel, curvature, _ = along(*drive(speed, lambda t: speed(t) / 15.0))
    np.testing.assert_allclose(curvature[6:], 1 / 15.0, rtol=0.01)
    np.testing.assert_allclose(curvature, 1 / 15.0, rtol=0.05)
    np.testing.assert_allclose(accel, 1.0, atol=0.15)


def test_nearly_standing_has_an_acceleration_and_no_curvature() -> None:
    accel, curvature, speed = along(*drive(lambda t: np.clip(3.0 - 3.0 * np.clip(t, 0, None), 0, None)))
    assert np.isfinite(accel).all()
    assert np.isnan(curvature[speed < 1.0]).all()
    assert np.isfinite(curvature[speed >= 1.0]).all()
    assert (speed < 1.0).any()
    np.testing.assert_allclose(accel[-8:], 0.0, atol=1e-9)


def test_a_jump_of_speed_at_the_start_is_an_acceleration() -> None:
    path, heading = drive(lambda t: 10.0 + 0 * t)
    path[NUM_OBSERVED:] = path[NUM_OBSERVED - 1] + 0.5 * (path[NUM_OBSERVED:] - path[NUM_OBSERVED - 1])
    accel, _, _ = along(path, heading)
    assert accel[0] < -2.0
    np.testing.assert_allclose(accel[6:], 0.0, atol=1e-9)


def test_missing_steps_have_no_controls_and_spoil_no_others() -> None:
    path, heading = drive(lambda t: 8.0 + 0.5 * t, lambda t: 0.3 + 0 * t)
    valid = np.ones(len(path), bool)
    valid[NUM_OBSERVED + np.array([4, 5, 12])] = False
    spoilt = np.where(valid[:, None], path, 1e6)
    there = valid[NUM_OBSERVED:]
    accel, curvature, _ = along(spoilt, heading, valid=valid)
    assert np.isnan(accel[~there]).all()
    assert np.isfinite(accel[there]).all()
    np.testing.assert_allclose(accel[there], along(path, heading)[0][there], atol=0.05)
    np.testing.assert_allclose(curvature[there], along(path, heading)[1][there], atol=2e-3)


def test_jitter_costs_little() -> None:
    path, _ = drive(lambda t: 8.0 + 0 * t, lambda t: 0.2 + 0 * t)
    noisy = path + np.random.default_rng(0).normal(0.0, 0.05, (300, *path.shape))
    seen, later = scene(noisy)
    found = controls(later.xy_m[:, None], start=start_of(seen, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    assert np.sqrt(np.mean(found.accel_mps2**2)) < 0.35
    assert np.sqrt(np.mean((found.curvature_1pm - 0.025) ** 2)) < 0.006


def test_a_stale_agent_starts_where_it_was_last_seen() -> None:
    path, heading = drive(lambda t: 8.0 + 1.0 * t)
    valid = np.ones(len(path), bool)
    valid[[NUM_OBSERVED - 1, NUM_OBSERVED - 2]] = False
    accel, curvature, _ = along(path, heading, valid=valid)
    np.testing.assert_allclose(accel, 1.0, atol=1e-3)
    np.testing.assert_allclose(curvature, 0.0, atol=1e-9)


def test_the_present_motion_is_that_of_the_history() -> None:
    seen, _ = scene(*drive(lambda t: 8.0 + 1.5 * t, lambda t: (8.0 + 1.5 * t) / 80.0))
    now = present(seen, rate_hz=RATE_HZ)
    np.testing.assert_allclose(np.hypot(*now.velocity_mps[0]), 8.0, atol=0.1)
    np.testing.assert_allclose(now.accel_mps2, 1.5, atol=0.1)
    np.testing.assert_allclose(now.curvature_1pm, 1 / 80.0, rtol=0.15)
    valid = np.zeros(NUM_OBSERVED + NUM_FUTURE, bool)
    valid[[NUM_OBSERVED - 3, NUM_OBSERVED - 1]] = True
    seen, _ = scene(*drive(lambda t: 8.0 + 0 * t), valid=valid)
    two = present(seen, rate_hz=RATE_HZ)
    np.testing.assert_allclose(np.hypot(*two.velocity_mps[0]), 8.0, atol=1e-3)
    assert (two.known[0], two.accel_mps2[0], two.curvature_1pm[0]) == (True, 0.0, 0.0)
    valid[NUM_OBSERVED - 3] = False
    seen, _ = scene(*drive(lambda t: 8.0 + 0 * t), valid=valid)
    one = present(seen, rate_hz=RATE_HZ)
    assert (one.known[0], one.velocity_mps[0].tolist()) == (False, [0.0, 0.0])


def test_agents_are_taken_in_batches_and_none_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    seen, later = scene(rng.normal(size=(7, NUM_OBSERVED + NUM_FUTURE, 2)).cumsum(axis=1))
    start = start_of(seen, rate_hz=RATE_HZ)
    whole = controls(later.xy_m[:, None], start=start, rate_hz=RATE_HZ)
    monkeypatch.setattr("pipeline.behaviour.controls._PATHS", 3)
    parts = controls(later.xy_m[:, None], start=start, rate_hz=RATE_HZ)
    np.testing.assert_array_equal(whole.curvature_1pm, parts.curvature_1pm)
    assert controls(later.xy_m[:0, None], start=start.of(slice(0)), rate_hz=RATE_HZ).accel_mps2.shape == (0, 1, 20)
