import numpy as np

from pipeline.evaluation.cases.driver import (
    ACCELERATION_MPS2,
    COMFORTABLE_MPS2,
    HARDEST_MPS2,
    STANDSTILL_GAP_M,
    Driver,
    acceleration,
    equilibrium_gap_m,
    roll_out,
)
from pipeline.evaluation.cases.scenes import NOW, NUM_STEPS, TIMES_S


def one(**values: float) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in values.items()}


def driver(*, speed: float, reacts_at: float = -2.0, desired: float | None = None) -> Driver:
    values = one(speed_mps=speed, desired_mps=desired or speed, headway_s=1.2, length_m=4.0, reacts_at_s=reacts_at)
    return Driver(**values)


def obstacle(rear_m: float) -> dict[str, np.ndarray]:
    return {"rear_m": np.full((1, NUM_STEPS), rear_m), "rear_mps": np.zeros((1, NUM_STEPS))}


def test_the_model_is_its_formula() -> None:
    (value,) = acceleration(**one(speed_mps=10.0, desired_mps=15.0, headway_s=1.5, gap_m=30.0, ahead_mps=8.0))
    wanted = STANDSTILL_GAP_M + 10.0 * 1.5 + 10.0 * 2.0 / (2.0 * (ACCELERATION_MPS2 * COMFORTABLE_MPS2) ** 0.5)
    assert np.isclose(value, ACCELERATION_MPS2 * (1.0 - (10.0 / 15.0) ** 4 - (wanted / 30.0) ** 2), rtol=1e-12)


def test_at_the_equilibrium_gap_nothing_changes() -> None:
    given = one(speed_mps=9.0, desired_mps=13.0, headway_s=1.2)
    gap = equilibrium_gap_m(**given)
    np.testing.assert_allclose(acceleration(**given, gap_m=gap, ahead_mps=np.array([9.0])), 0.0, atol=1e-12)
    assert acceleration(**given, gap_m=gap - 1.0, ahead_mps=np.array([9.0])) < 0.0
    assert acceleration(**given, gap_m=gap, ahead_mps=np.array([8.0])) < 0.0


def test_on_a_free_road_the_speed_is_held() -> None:
    x, v = roll_out(driver(speed=10.0), **obstacle(np.inf))
    np.testing.assert_allclose(v, 10.0)
    np.testing.assert_allclose(x[0], 10.0 * TIMES_S, atol=1e-9)


def test_from_rest_it_approaches_the_desired_speed_from_below() -> None:
    _, v = roll_out(driver(speed=0.1, desired=3.0), **obstacle(np.inf))
    assert (np.diff(v[0]) > 0.0).all()
    assert 2.5 < v[0, -1] < 3.0
    assert np.diff(v[0]).max() * 10.0 <= ACCELERATION_MPS2 + 1e-9


def test_it_stops_before_an_obstacle_and_never_drives_backwards() -> None:
    x, v = roll_out(driver(speed=9.0), **obstacle(20.0))
    assert (v >= 0.0).all()
    assert (np.diff(x) >= 0.0).all()
    assert v[0, -1] < 2.0
    assert 0.0 < 20.0 - x[0, -1] - 2.0 < 2.0 * STANDSTILL_GAP_M
    assert np.diff(v[0]).min() * 10.0 >= -HARDEST_MPS2 - 1e-9


def test_nothing_is_done_before_the_reaction() -> None:
    x, v = roll_out(driver(speed=9.0, reacts_at=0.2), **obstacle(30.0))
    np.testing.assert_allclose(x[0, : NOW + 3], 9.0 * TIMES_S[: NOW + 3], atol=1e-9)
    assert v[0, NOW + 3] < 9.0
