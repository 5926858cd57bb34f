"""Headings and velocities from the past."""

import numpy as np
import pytest

from pipeline.ingest.motion import backward_velocity, fill_headings

NAN = np.nan


def headings(xy_m: list[tuple[float, float]], recorded: list[float] | None = None, **columns: list[int]) -> list[float]:
    count = len(xy_m)
    return fill_headings(
        np.full(count, NAN) if recorded is None else np.array(recorded),
        agent=np.array(columns.get("agent", [0] * count)),
        t_ns=np.array(columns.get("t_ms", [100 * k for k in range(count)])) * 10**6,
        xy_m=np.array(xy_m, dtype=np.float64),
        min_motion_m=0.5,
    ).tolist()


def test_the_heading_is_that_of_the_latest_motion_that_is_long_enough():
    # East by 0.3 m a step: enough after two; then north, where the chord from two steps back is oblique first.
    path = [(0, 0), (0.3, 0), (0.6, 0), (0.9, 0), (0.9, 0.4), (0.9, 0.8)]
    expected = [NAN, NAN, 0.0, 0.0, np.arctan2(0.4, 0.3), np.pi / 2]
    assert headings(path) == pytest.approx(expected, nan_ok=True)


def test_it_is_kept_while_standing_still():
    path = [(0, 0), (0, 1), *[(0.0, 1.0 + 0.01 * (k % 2)) for k in range(80)]]
    assert headings(path)[1:] == pytest.approx([np.pi / 2] * 81)
    # And creeping back within the least motion of everything before does not turn it round either.
    assert headings([(0, 0), (0, 0.6), (0, 0.4)])[1:] == pytest.approx([np.pi / 2] * 2)


def test_who_never_moved_has_none():
    assert np.isnan(headings([(0, 0), (0.1, 0), (0, 0.1)])).all()


def test_recorded_headings_stay_and_are_carried_over_what_is_missing():
    path = [(0, 0), (0, 0), (1, 0), (1, 0)]
    assert headings(path, [2.0, NAN, NAN, 3.0]) == pytest.approx([2.0, 2.0, 0.0, 3.0])


def test_agents_do_not_meet_and_a_long_absence_tells_no_direction():
    assert headings([(0, 0), (1, 0), (5, 5)], agent=[0, 0, 1]) == pytest.approx([NAN, 0.0, NAN], nan_ok=True)
    path = [(0, 0), (1, 0), (1, 9)]
    assert headings(path, t_ms=[0, 100, 5000])[2] == pytest.approx(np.pi / 2)
    assert headings(path, t_ms=[0, 100, 5101])[2] == 0.0


def test_velocity_looks_back_one_step_at_its_real_time():
    velocity = backward_velocity(
        np.array([[0.0, 0.0], [1.0, -2.0], [2.0, 0.0], [9.0, 9.0], [10.0, 9.0]]),
        run=np.array([0, 0, 0, 1, 1]),
        step=np.array([0, 1, 3, 4, 5]),
        t_ns=np.array([0, 110, 300, 400, 500]) * 10**6,
    )
    expected = [[NAN, NAN], [1 / 0.11, -2 / 0.11], [NAN, NAN], [NAN, NAN], [10.0, 0.0]]
    assert velocity == pytest.approx(np.array(expected), nan_ok=True)
