import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.baselines.kalman import Kalman, Noise, filter_tracks, fit, forecast
from pipeline.drives.categories import Category, Group
from tests.pipeline.evaluation import made_up
from tests.small_windows import small_windows


def plain_filter(xy: np.ndarray, valid: np.ndarray, *, rate_hz: float, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """One agent, one matrix at a time: the textbook's filter over (x, y, vx, vy)."""
    dt, eye = 1.0 / rate_hz, np.eye(2)
    transition = np.kron([[1, dt], [0, 1]], eye)
    process = noise.density * np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], eye)
    measure, measured = np.kron([[1, 0]], eye), noise.measurement_m**2 * eye
    first = int(np.argmax(valid))
    state = np.concatenate([xy[first], [0, 0]])
    covariance = np.kron(np.diag([noise.measurement_m**2, noise.speed_mps**2]), eye)
    for step in range(first + 1, len(xy)):
        state, covariance = transition @ state, transition @ covariance @ transition.T + process
        if valid[step]:
            gain = covariance @ measure.T @ np.linalg.inv(measure @ covariance @ measure.T + measured)
            state = state + gain @ (xy[step] - measure @ state)
            covariance = (np.eye(4) - gain @ measure) @ covariance
    return state, covariance


def test_equals_a_plain_filter() -> None:
    rng = np.random.default_rng(0)
    n, t, rate = 40, 9, 5.0
    xy = rng.normal(size=(n, t, 2)).cumsum(axis=1)
    valid = rng.random((n, t)) < 0.6
    valid[np.arange(n), rng.integers(0, t, n)] = True
    noises = [Noise(measurement_m=m, speed_mps=s, density=d) for m, s, d in rng.uniform(0.1, 3.0, (n, 3))]
    found = filter_tracks(
        np.where(valid[..., None], xy, 0.0),
        valid,
        rate_hz=rate,
        measurement=np.array([each.measurement_m for each in noises]),
        speed=np.array([each.speed_mps for each in noises]),
        density=np.array([each.density for each in noises]),
    )
    for i, noise in enumerate(noises):
        state, covariance = plain_filter(xy[i], valid[i], rate_hz=rate, noise=noise)
        assert np.allclose(found.xy_m[i], state[:2])
        assert np.allclose(found.velocity_mps[i], state[2:])
        assert np.allclose([found.pp[i], found.pv[i], found.vv[i]], covariance[[0, 0, 2], [0, 2, 2]])


def test_the_spread_is_that_of_the_next_measurement() -> None:
    noise = Noise(measurement_m=0.3, speed_mps=4.0, density=0.7)
    xy = np.random.default_rng(1).normal(size=(1, 4, 2))
    found = forecast(made_up.observed(xy), num_future=3, rate_hz=2.0, fitted=Kalman(noise=(noise,) * len(Group)))
    # The plain filter over three more steps that are not there is the forecast.
    longer, valid = np.concatenate([xy[0], np.zeros((3, 2))]), np.array([1, 1, 1, 1, 0, 0, 0], bool)
    for step in range(1, 4):
        state, covariance = plain_filter(longer[: 4 + step], valid[: 4 + step], rate_hz=2.0, noise=noise)
        assert np.allclose(found.single_xy_m[0, step - 1], state[:2], atol=1e-5)
        assert np.allclose(found.single_sigma_m[0, step - 1] ** 2, covariance[0, 0] + 0.09, rtol=1e-5)


@settings(max_examples=50, deadline=None)
@given(valid=arrays(bool, (3, 6)), once=st.tuples(*[st.integers(0, 5)] * 3))
def test_any_mask_with_a_valid_step_gives_finite_forecasts(valid: np.ndarray, once: tuple[int, ...]) -> None:
    valid = valid.copy()
    valid[np.arange(3), once] = True
    xy = np.where(valid[..., None], np.random.default_rng(0).normal(size=(3, 6, 2)) * 30, np.nan)
    found = forecast(made_up.observed(xy, valid=valid), num_future=20, rate_hz=5.0)
    assert np.isfinite(found.single_xy_m).all()
    assert np.isfinite(found.single_sigma_m).all()
    assert (found.single_sigma_m > 0).all()


def test_fit_finds_the_noise_that_made_the_data() -> None:
    rng = np.random.default_rng(2)
    n, t, h, rate = 1500, 11, 10, 5.0
    dt = 1.0 / rate
    truth = Noise(measurement_m=0.2, speed_mps=3.0, density=0.4)
    process = np.linalg.cholesky(truth.density * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]))
    position, velocity = np.zeros((n, 2)), rng.normal(0, truth.speed_mps, (n, 2))
    path = []
    for _ in range(t + h):
        path.append(position)
        kick = rng.normal(size=(n, 2, 2)) @ process.T
        position, velocity = position + dt * velocity + kick[..., 0], velocity + kick[..., 1]
    xy = np.stack(path, axis=1) + rng.normal(0, truth.measurement_m, (n, t + h, 2))
    category = np.where(np.arange(n) < n - 10, Category.CAR, Category.BICYCLE)
    fitted = fit(made_up.observed(xy[:, :t], category=category), made_up.future(xy[:, t:]), rate_hz=rate)
    found = fitted.noise[Group.VEHICLE]
    assert found.density == pytest.approx(truth.density, rel=0.25)
    assert found.measurement_m == pytest.approx(truth.measurement_m, rel=0.25)
    # Ten bicycles are too few for a noise of their own.
    assert fitted.noise[Group.TWO_WHEELER] == fitted.noise[Group.PEDESTRIAN]


def test_the_fit_repeats_and_survives_json() -> None:
    windows = small_windows(num_scenes=60)
    fits = [fit(windows.observed, windows.future, rate_hz=windows.rate_hz) for _ in range(2)]
    assert fits[0] == fits[1]
    assert Kalman.from_json(json.loads(json.dumps(fits[0].to_json()))) == fits[0]
