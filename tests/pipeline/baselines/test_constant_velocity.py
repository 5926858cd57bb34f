import json

import numpy as np
import pytest

from pipeline.baselines.constant_velocity import ConstantVelocity, Motion, fit, forecast, unfitted
from pipeline.drives.categories import Category, Group
from tests.pipeline.evaluation import made_up


def with_steps(count: int, *, num_future: int) -> ConstantVelocity:
    spread = unfitted(num_future=num_future, rate_hz=2.0)
    return ConstantVelocity(rate_hz=2.0, num_steps=(count,) * len(Group), sigma_m=spread.sigma_m)


def test_extrapolates_over_the_age_from_the_steps_it_has() -> None:
    # Positions at 2 Hz; x jumps from 0, 1, 3 and 7, garbage where nothing was seen.
    xy = np.full((5, 4, 2), np.nan)
    xy[..., 1] = 0.0
    xy[:, :, 0] = [0, 1, 3, 7]
    valid = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 1]], bool)
    xy[~valid] = np.nan
    observed = made_up.observed(xy, valid=valid)
    one = forecast(observed, num_future=2, rate_hz=2.0, fitted=with_steps(1, num_future=2)).single_xy_m[..., 0]
    # 4 a step | 7 over three steps | 2 a step, already one step old | seen once | 4 a step
    assert np.allclose(one, [[11, 15], [7 + 7 / 3, 7 + 14 / 3], [7, 9], [3, 3], [11, 15]])
    two = forecast(observed, num_future=2, rate_hz=2.0, fitted=with_steps(2, num_future=2)).single_xy_m[..., 0]
    assert np.allclose(two, [[10, 13], [7 + 7 / 3, 7 + 14 / 3], [6, 7.5], [3, 3], [11, 15]])


def test_copies_of_the_mode_share_the_probability() -> None:
    found = forecast(made_up.observed(np.zeros((2, 3, 2))), num_future=4, rate_hz=2.0, num_modes=6)
    assert found.mode_xy_m.shape == (2, 6, 4, 2)
    assert np.allclose(found.probability.sum(axis=1), 1.0)


def test_fit_takes_the_steps_with_the_least_error_per_group() -> None:
    rng = np.random.default_rng(0)
    n, t, h = 400, 6, 5
    category = np.where(np.arange(n) % 2, Category.CAR, Category.PEDESTRIAN)
    speed = rng.uniform(1, 3, n)[:, None]
    path = speed * np.arange(t + h)
    # Cars brake and accelerate (the last step knows best); pedestrians are steady under noise (long is better).
    car = category[:, None] == Category.CAR
    path = np.where(car, path + rng.normal(0, 0.15, n)[:, None] * np.arange(-t + 1, h + 1) ** 2, path)
    path = path + np.where(car, 0.0, rng.normal(0, 0.3, path.shape))
    xy = np.stack([path, np.zeros_like(path)], axis=-1)
    fitted = fit(
        made_up.observed(xy[:, :t], category=category, heading_valid=np.zeros((n, t), bool)),
        made_up.future(xy[:, t:]),
        rate_hz=1.0,
    )
    assert (fitted.num_steps[Group.VEHICLE], fitted.num_steps[Group.PEDESTRIAN]) == (1, 4)


def test_the_fitted_spread_is_that_of_the_errors_along_and_across() -> None:
    rng = np.random.default_rng(1)
    n, t, h = 4000, 3, 2
    direction = rng.uniform(-np.pi, np.pi, n)
    ahead = np.stack([np.cos(direction), np.sin(direction)], axis=-1)
    left = np.stack([-np.sin(direction), np.cos(direction)], axis=-1)
    steps = np.arange(-t + 1, h + 1)
    xy = 5.0 * steps[:, None] * ahead[:, None]
    sigma = np.array([[0.5, 0.2], [1.5, 0.4]])
    error = rng.normal(size=(n, h, 2)) * sigma
    observed = made_up.observed(xy[:, :t], heading_rad=np.repeat(direction[:, None], t, axis=1))
    future = made_up.future(xy[:, t:] + error[..., :1] * ahead[:, None] + error[..., 1:] * left[:, None])
    fitted = fit(observed, future, rate_hz=1.0)
    assert np.allclose(fitted.sigma_m[Group.VEHICLE, Motion.MOVING], sigma, rtol=0.05)
    # A group that was not there takes the value of all.
    assert np.allclose(fitted.sigma_m[Group.PEDESTRIAN, Motion.MOVING], sigma, rtol=0.05)
    found = forecast(observed, num_future=h, rate_hz=1.0, fitted=fitted)
    for agent in range(5):
        turn = np.stack([ahead[agent], left[agent]], axis=1)
        expected = turn @ np.diag(fitted.sigma_m[Group.VEHICLE, Motion.MOVING, 1] ** 2) @ turn.T
        sx, sy = found.single_sigma_m[agent, 1]
        xy_covariance = found.single_rho[agent, 1] * sx * sy
        assert np.allclose([[sx**2, xy_covariance], [xy_covariance, sy**2]], expected, atol=1e-4)


def test_the_fit_survives_json_and_little_data() -> None:
    observed, future = made_up.observed(np.zeros((2, 3, 2))), made_up.future(np.zeros((2, 4, 2)))
    fitted = fit(observed, future, rate_hz=2.0)
    assert np.allclose(fitted.sigma_m, unfitted(num_future=4, rate_hz=2.0).sigma_m)
    again = ConstantVelocity.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.num_steps == fitted.num_steps
    assert again.sigma_m == pytest.approx(fitted.sigma_m, abs=1e-5)
