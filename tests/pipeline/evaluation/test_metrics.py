from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pipeline.evaluation.calibration import coverage, mode_reliability
from pipeline.evaluation.likelihood import nll_mixture, nll_single
from pipeline.evaluation.metrics import PerAgent, ade, fde, min_ade, min_fde, miss_rate
from tests.pipeline.evaluation import made_up


def test_ade_and_fde_count_recorded_steps_alone() -> None:
    future = made_up.future(
        [[[1, 0], [2, 0], [3, 0]], [[1, 0], [np.nan, 7], [3, 0]], [[9, 9], [9, 9], [9, 9]]],
        valid=[[1, 1, 1], [1, 0, 1], [0, 0, 0]],
    )
    # Errors: 0, 3, 4 | 0, (not recorded), 4 | nothing recorded.
    forecasts = made_up.forecasts([[[1, 0], [2, 3], [3, 4]]] * 3)
    assert ade(forecasts, future).value == pytest.approx([7 / 3, 2.0, 0.0])
    assert ade(forecasts, future).valid.tolist() == [True, True, False]
    assert ade(forecasts, future, num_steps=2).value == pytest.approx([1.5, 0.0, 0.0])
    assert fde(forecasts, future).value == pytest.approx([4.0, 4.0, 0.0])
    assert fde(forecasts, future, num_steps=2).value == pytest.approx([3.0, 0.0, 0.0])
    assert fde(forecasts, future, num_steps=2).valid.tolist() == [True, False, False]
    assert ade(forecasts, future).mean() == pytest.approx((7 / 3 + 2.0) / 2)
    assert np.isnan(ade(forecasts, future).mean(np.array([False, False, True])))


def test_minima_are_over_the_most_probable_modes() -> None:
    future = made_up.future([[[1, 0], [2, 0]]])
    modes = [[[[1, 0], [2, 1]], [[1, 4], [2, 0]], [[1, 6], [2, 6]]]]  # ADE 0.5, 2, 6; FDE 1, 0, 6
    forecasts = made_up.forecasts([[[1, 0], [2, 0]]], modes=modes, probability=[[0.1, 0.3, 0.6]])
    for count, least_ade, least_fde in ((1, 6.0, 6.0), (2, 2.0, 0.0), (3, 0.5, 0.0), (6, 0.5, 0.0)):
        assert min_ade(forecasts, future, num_modes=count).value == pytest.approx([least_ade])
        assert min_fde(forecasts, future, num_modes=count).value == pytest.approx([least_fde])


def test_two_metres_exactly_is_no_miss() -> None:
    error = PerAgent(value=np.array([2.0, np.nextafter(2.0, 3.0), 0.0]), valid=np.array([True, True, False]))
    missed = miss_rate(error, miss_m=2.0)
    assert missed.value.tolist() == [0.0, 1.0, 0.0]
    assert missed.valid.tolist() == [True, True, False]


def test_nll_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    truth, single, modes = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 4, 3, 2))
    probability = rng.dirichlet(np.ones(4), size=2)
    valid = np.array([[1, 1, 1], [1, 0, 1]], bool)
    sigma, rho = np.array([0.7, 1.9]), -0.6
    covariance = np.array([[sigma[0] ** 2, rho * sigma.prod()], [rho * sigma.prod(), sigma[1] ** 2]])
    forecasts = made_up.forecasts(single, modes=modes, probability=probability, sigma_m=sigma, rho=rho)
    future = made_up.future(truth, valid=valid)

    def density(at: np.ndarray, mean: np.ndarray) -> float:
        return float(multivariate_normal(mean, covariance).pdf(at))

    for agent in range(2):
        steps = np.flatnonzero(valid[agent])
        alone = [-np.log(density(truth[agent, s], single[agent, s])) for s in steps]
        mixed = [
            -np.log(sum(probability[agent, k] * density(truth[agent, s], modes[agent, k, s]) for k in range(4)))
            for s in steps
        ]
        assert nll_single(forecasts, future).value[agent] == pytest.approx(np.mean(alone))
        assert nll_mixture(forecasts, future).value[agent] == pytest.approx(np.mean(mixed))


def test_a_mode_without_probability_changes_no_likelihood() -> None:
    future = made_up.future([[[1, 0], [2, 0]]])
    one = made_up.forecasts([[[1, 1], [2, 1]]])
    two = made_up.forecasts([[[1, 1], [2, 1]]], modes=[[[[1, 1], [2, 1]], [[9, 9], [9, 9]]]], probability=[[1, 0]])
    assert nll_mixture(two, future).value == pytest.approx(nll_mixture(one, future).value)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_coverage_of_true_gaussians_is_nominal(level: float) -> None:
    rng = np.random.default_rng(1)
    sigma, rho = np.array([0.5, 3.0]), 0.8
    covariance = [[sigma[0] ** 2, rho * sigma.prod()], [rho * sigma.prod(), sigma[1] ** 2]]
    truth = rng.multivariate_normal([0, 0], covariance, size=(4000, 5))
    honest = made_up.forecasts(np.zeros((4000, 5, 2)), sigma_m=sigma, rho=rho)
    narrow = made_up.forecasts(np.zeros((4000, 5, 2)), sigma_m=0.5 * sigma, rho=rho)
    assert coverage(honest, made_up.future(truth), level=level).mean() == pytest.approx(level, abs=0.012)
    assert coverage(narrow, made_up.future(truth), level=level).mean() == pytest.approx(
        1 - (1 - level) ** 0.25, abs=0.012
    )


def test_coverage_of_one_second() -> None:
    future = made_up.future([[[0, 0], [5, 0], [0.1, 0], [0, 0]]], valid=[[1, 1, 1, 0]])
    forecasts = made_up.forecasts(np.zeros((1, 4, 2)))
    assert coverage(forecasts, future, level=0.5, steps=slice(0, 2)).value == pytest.approx([0.5])
    assert coverage(forecasts, future, level=0.5, steps=slice(2, 4)).value == pytest.approx([1.0])
    assert not coverage(forecasts, future, level=0.5, steps=slice(3, 4)).valid.any()


def test_a_region_ends_at_the_forecasts_own_radius() -> None:
    future = made_up.future([[[1, 0], [2, 0], [3, 0], [4, 0]]])
    forecasts = made_up.forecasts(np.zeros((1, 4, 2)))
    wide = replace(forecasts, radius=np.array([[[1.5] * 4, [3.0] * 4]]))
    assert coverage(wide, future, level=0.5).value == pytest.approx([0.25])
    assert coverage(wide, future, level=0.9).value == pytest.approx([0.75])
    assert coverage(forecasts, future, level=0.9).value == pytest.approx([0.5])  # 2.15 deviations


def test_reliability_of_modes_by_hand() -> None:
    # Two modes; the first is the nearest of three in four agents, and is given 0.9 and of the last 0.5.
    modes = np.array([[[[0.0, 0.0]], [[9.0, 0.0]]]] * 4)
    future = made_up.future([[[0, 0]], [[0, 0]], [[9, 0]], [[0, 0]]])
    forecasts = made_up.forecasts(np.zeros((4, 1, 2)), modes=modes, probability=[[0.9, 0.1]] * 3 + [[0.5, 0.5]])
    everyone = np.ones(4, bool)
    # Bins: 0.9 x 3 where 2 came true, 0.1 x 3 where 1 did, and 0.5 x 2 where 1 did.
    assert mode_reliability(forecasts, future, mask=everyone).error == pytest.approx((0.7 + 0.7) / 4)
    assert np.isnan(mode_reliability(forecasts, future, mask=~everyone).error)
