"""Constant turn rate and acceleration on paths whose future is known."""

import json

import numpy as np
import pytest

from pipeline.baselines.constant_turn import LENGTHS_S, ConstantTurn, fit, forecast
from pipeline.drives.categories import Group
from tests.pipeline.evaluation import made_up

RATE_HZ, NUM_OBSERVED, NUM_FUTURE = 5.0, 11, 20
T_S = np.arange(1 - NUM_OBSERVED, NUM_FUTURE + 1) / RATE_HZ


def fitted(length_s: float = 2.0) -> ConstantTurn:
    return ConstantTurn(length_s=(length_s,) * len(Group), sigma_m=np.ones((len(Group), NUM_FUTURE, 2)))


def ahead(path: np.ndarray, *, valid: np.ndarray | None = None) -> np.ndarray:
    """What is forecast of the agents whose observed part this is, from their last place."""
    observed = made_up.observed(path[:, :NUM_OBSERVED], valid=valid)
    return forecast(observed, num_future=NUM_FUTURE, rate_hz=RATE_HZ, fitted=fitted()).single_xy_m


def straight(speed_mps: float, accel_mps2: float) -> np.ndarray:
    """Along y, with a constant acceleration before the forecast time."""
    y = speed_mps * T_S + 0.5 * accel_mps2 * T_S**2
    return np.stack([np.zeros_like(y), y], axis=-1)[None]


def test_who_accelerates_goes_on_with_it() -> None:
    path = straight(10.0, 1.5)
    assert np.allclose(ahead(path), path[:, NUM_OBSERVED:], atol=1e-3)


def test_who_brakes_stops_and_does_not_come_back() -> None:
    found = ahead(straight(6.0, -3.0))[0]
    assert found[9, 1] == pytest.approx(6.0, abs=0.02)  # 6^2 / (2 * 3) metres, after 2 s
    assert np.allclose(found[9:], found[9], atol=1e-6)


def test_who_turns_goes_on_in_the_circle() -> None:
    radius_m, turn_radps = 50.0, 0.15
    angle = turn_radps * T_S
    circle = radius_m * np.stack([np.sin(angle), 1.0 - np.cos(angle)], axis=-1)[None]
    found, truth = ahead(circle), circle[:, NUM_OBSERVED:]
    assert np.abs(found - truth).max() < 2.0  # a parabola is no circle: it is 5 % too fast
    assert truth[0, -1, 1] > 8.0  # so far off goes who keeps straight on


def test_two_steps_make_a_line_and_one_a_place() -> None:
    path = np.repeat(straight(4.0, 2.0), 2, axis=0)
    valid = np.zeros((2, NUM_OBSERVED), bool)
    valid[:, -1] = True
    valid[0, -3] = True
    speed = (path[0, NUM_OBSERVED - 1, 1] - path[0, NUM_OBSERVED - 3, 1]) / 0.4
    found = ahead(path, valid=valid)
    assert found[0, -1, 1] == pytest.approx(4.0 * speed, abs=1e-3)
    assert np.allclose(found[1], 0.0)


def test_fit_takes_the_length_with_the_least_error_and_its_spread() -> None:
    rng = np.random.default_rng(0)
    path = np.repeat(straight(8.0, 0.0), 400, axis=0) + rng.normal(0.0, 0.1, (400, len(T_S), 2))
    found = fit(made_up.observed(path[:, :NUM_OBSERVED]), made_up.future(path[:, NUM_OBSERVED:]), rate_hz=RATE_HZ)
    assert found.length_s == (LENGTHS_S[-1],) * len(Group)  # the longest has the least noise
    assert (np.diff(found.sigma_m[Group.VEHICLE, :, 0]) > 0.0).mean() > 0.9
    json.dumps(found.to_json(), allow_nan=False)
