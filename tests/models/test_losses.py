"""The loss against hand-computed values, and that what is masked never counts."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import multivariate_normal

from models.batch import Forecast, Future, Paths
from models.decoder import gaussian_nll
from models.losses import displacement, forecast_loss, shares

SETTINGS: dict[str, Any] = {"relaxation": 0.05, "final": 0.5, "by_likelihood": False}


def paths(xy: torch.Tensor) -> Paths:
    return Paths(xy_m=xy, sigma_m=torch.ones_like(xy), rho=torch.zeros(xy.shape[:-1]))


def test_displacement_is_over_valid_steps_and_ends_at_the_last_of_them() -> None:
    xy = torch.zeros(1, 3, 2)
    target = torch.tensor([[[3.0, 4.0], [0.0, 1.0], [100.0, 0.0]]])
    mean, last = displacement(xy, target, valid=torch.tensor([[True, True, False]]))
    assert float(mean) == pytest.approx(3.0, abs=1e-4)
    assert float(last) == pytest.approx(1.0, abs=1e-4)


def test_nll_is_the_bivariate_normal_density() -> None:
    gaussian = Paths(xy_m=torch.tensor([[1.0, 2.0]]), sigma_m=torch.tensor([[0.5, 2.0]]), rho=torch.tensor([0.4]))
    covariance = [[0.25, 0.4], [0.4, 4.0]]
    expected = -multivariate_normal([1.0, 2.0], covariance).logpdf([1.5, -1.0])
    assert float(gaussian_nll(gaussian, torch.tensor([[1.5, -1.0]]))) == pytest.approx(float(expected), rel=1e-5)


def test_loss_by_hand() -> None:
    # One agent, two modes: the first is 1 m off everywhere, the second 3 m; the single forecast 2 m.
    target = torch.zeros(1, 4, 2)
    off = torch.tensor([1.0, 0.0])
    forecast = Forecast(
        single=paths(target + 2 * off),
        modes=paths(torch.stack((target + off, target + 3 * off), dim=1)),
        log_probability=torch.log(torch.tensor([[0.25, 0.75]])),
    )
    future = Future(xy_m=target, heading_rad=torch.zeros(1, 4), valid=torch.ones(1, 4, dtype=torch.bool))
    loss = forecast_loss(forecast, future, share=torch.ones(1), **SETTINGS)
    assert float(loss.single) == pytest.approx(2.0 * 1.5, abs=1e-4)
    assert float(loss.modes) == pytest.approx(0.95 * 1.5 + 0.05 * 4.5, abs=1e-4)
    better = 1.0 / (1.0 + math.exp(-3.0))
    expected = -(better * math.log(0.25) + (1.0 - better) * math.log(0.75))
    assert float(loss.probability) == pytest.approx(expected, abs=1e-4)
    density = math.log(2.0 * math.pi)
    spread = density + 2.0 + density + better * 0.5 + (1.0 - better) * 4.5
    assert float(loss.spread) == pytest.approx(spread, abs=1e-3)


def test_what_is_not_scored_or_not_valid_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    xy = torch.randn(3, 2, 5, 2, generator=generator)
    valid = torch.rand(3, 5, generator=generator) < 0.7
    valid[2] = False
    weight = torch.tensor([2.0, 0.0, 1.0])
    forecast = Forecast(single=paths(xy[:, 0]), modes=paths(xy), log_probability=torch.full((3, 2), -math.log(2.0)))
    future = Future(xy_m=torch.randn(3, 5, 2, generator=generator), heading_rad=torch.zeros(3, 5), valid=valid)
    share = shares(weight * valid.any(dim=1))
    torch.testing.assert_close(share, torch.tensor([1.0, 0.0, 0.0]))
    before = forecast_loss(forecast, future, share=share, **SETTINGS)
    counted = (valid & (weight > 0)[:, None])[..., None]
    garbage = replace(future, xy_m=torch.where(counted, future.xy_m, 1e4))
    after = forecast_loss(forecast, garbage, share=share, **SETTINGS)
    torch.testing.assert_close(after.total, before.total)
    alone = forecast_loss(
        Forecast(single=paths(xy[:1, 0]), modes=paths(xy[:1]), log_probability=forecast.log_probability[:1]),
        Future(xy_m=future.xy_m[:1], heading_rad=future.heading_rad[:1], valid=valid[:1]),
        share=shares(weight[:1]),
        **SETTINGS,
    )
    torch.testing.assert_close(before.total, alone.total)
