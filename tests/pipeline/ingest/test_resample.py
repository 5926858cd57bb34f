"""The step clock, and what each step is made of."""

import numpy as np
import pytest

from pipeline.ingest.resample import sample_steps, step_clock, wrap_angle


def clock_ms(times_ms: list[float], *, rate_hz: float = 10.0, snap_s: float = 0.01) -> list[float]:
    times_ns = np.array([round(time * 1e6) for time in times_ms])
    return (step_clock(times_ns, rate_hz=rate_hz, snap_s=snap_s) / 1e6).tolist()


def test_a_step_takes_the_earliest_frame_within_the_snap():
    # 110 and 90 are exactly as far as allowed; 211 is not near; 295 and 305 are both near.
    assert clock_ms([0, 110, 211, 295, 305]) == [0, 110, 200, 295]
    assert clock_ms([0, 90, 188.9, 310]) == [0, 90, 200, 310]


def test_the_clock_ends_where_the_last_frame_can_be_reached():
    assert clock_ms([0, 191]) == [0, 100, 191]
    assert clock_ms([0, 189]) == [0, 100]
    assert clock_ms([5]) == [5]
    # The nominal time is rounded to a nanosecond, and a frame exactly there is still reached without any snap.
    assert clock_ms([0, 333.333333], rate_hz=3.0, snap_s=0.0) == [0, 333.333333]


def test_no_step_drifts_over_a_day_at_the_times_of_today():
    first = 1_800_000_000_123_456_789
    times = np.array([first, first + 86_400 * 10**9])
    steps = step_clock(times, rate_hz=10.0, snap_s=0.0)
    assert steps.tolist() == [first + k * 10**8 for k in range(864_001)]
    thirds = step_clock(times, rate_hz=3.0, snap_s=0.0)
    assert thirds[-1] == times[-1]
    assert set(np.diff(thirds).tolist()) == {333_333_333, 333_333_334}


def test_steps_lie_on_a_measurement_or_between_two_that_are_near():
    agent = np.array([0, 0, 0, 1, 1])
    times = np.array([100, 250, 700, 0, 200]) * 10**6
    steps = np.arange(8) * 10**8
    sampling = sample_steps(agent, times_ns=times, step_times_ns=steps, max_gap_s=0.4)
    # Agent 0: step 1 on its measurement, step 2 between 100 and 250; 250 to 700 is a gap; 700 on its own.
    assert sampling.step.tolist() == [1, 2, 7, 0, 1, 2]
    assert sampling.before.tolist() == [0, 0, 2, 3, 3, 4]
    assert sampling.after.tolist() == [0, 1, 2, 3, 4, 4]
    assert sampling.weight.tolist() == pytest.approx([0, 2 / 3, 0, 0, 0.5, 0])
    assert sampling.run.tolist() == [0, 0, 1, 2, 2, 2]
    values = sampling.linear(np.array([1.0, 4.0, 0.1, 0.0, 10.0]))
    assert values.tolist() == pytest.approx([1.0, 3.0, 0.1, 0.0, 5.0, 10.0])


def test_angles_go_the_short_way_round():
    sampling = sample_steps(
        np.zeros(2, dtype=np.int64),
        times_ns=np.array([0, 200]) * 10**6,
        step_times_ns=np.arange(3) * 10**8,
        max_gap_s=1.0,
    )
    angle = sampling.angle(np.array([np.pi - 0.1, -np.pi + 0.3]))
    assert angle == pytest.approx([np.pi - 0.1, -np.pi + 0.1, -np.pi + 0.3])
    assert np.isnan(sampling.angle(np.array([0.0, np.nan]))).tolist() == [False, True, True]


def test_wrapping_leaves_what_is_in_range_untouched():
    angles = np.array([3.0, -np.pi, np.pi, 3.5, -3.5, 7.0, np.nan])
    wrapped = wrap_angle(angles)
    assert wrapped[:3].tolist() == angles[:3].tolist()
    assert wrapped[3:6] == pytest.approx([3.5 - 2 * np.pi, 2 * np.pi - 3.5, 7.0 - 2 * np.pi])
    assert np.isnan(wrapped[6])
