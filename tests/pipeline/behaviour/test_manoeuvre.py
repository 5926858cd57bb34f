"""Manoeuvres of paths made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.behaviour.manoeuvre import MIRRORED, Direction, Pace, manoeuvres
from pipeline.drives.categories import Category
from tests.pipeline.behaviour.made_up_paths import NUM_FUTURE, NUM_OBSERVED, RATE_HZ, drive, label, scene
from tests.pipeline.evaluation import made_up

KEEP, LEFT, RIGHT, U_TURN = Direction
CRUISE, ACCELERATE, BRAKE, STOP, START = Pace
AFTER = np.arange(NUM_OBSERVED + NUM_FUTURE) >= NUM_OBSERVED


def degrees(total: float, *, during: tuple[float, float] = (0.0, 3.0)):
    """A turn of so many degrees, evenly within some seconds."""
    first, last = during
    return lambda t: np.where((t >= first) & (t < last), np.radians(total) / (last - first), 0.0)


@pytest.mark.parametrize(
    ("turn_deg", "expected"),
    [(0, KEEP), (15, KEEP), (-15, KEEP), (35, LEFT), (-35, RIGHT), (90, LEFT), (-90, RIGHT), (125, LEFT), (-125, RIGHT),
     (150, U_TURN), (-150, U_TURN), (180, U_TURN), (200, U_TURN), (-200, U_TURN)],
)  # fmt: skip
@pytest.mark.parametrize("category", [Category.CAR, Category.BICYCLE, Category.PEDESTRIAN])
def test_directions_by_the_net_turn(turn_deg: float, expected: Direction, category: Category) -> None:
    speed = 1.5 if category == Category.PEDESTRIAN else 6.0
    during = (0.0, 2.0) if category == Category.PEDESTRIAN else (0.0, 3.0)
    path, heading = drive(lambda t: speed + 0 * t, degrees(turn_deg, during=during))
    assert label(*scene(path, heading, category=category)) == (expected, CRUISE)
    assert label(*scene(path, category=category)) == (expected, CRUISE)  # headings are not needed by who moves


def test_a_turn_that_is_over_at_the_forecast_time_is_none() -> None:
    assert label(*scene(*drive(lambda t: 6.0 + 0 * t, degrees(90, during=(-2.0, -0.5))))) == (KEEP, CRUISE)


@pytest.mark.parametrize(("speed", "swing_deg"), [(15.0, 8.0), (8.0, 13.0), (5.0, 22.0)])
def test_a_change_of_lane_keeps_the_direction(speed: float, swing_deg: float) -> None:
    def bends(t: np.ndarray) -> np.ndarray:
        return degrees(swing_deg, during=(0.3, 1.8))(t) + degrees(-swing_deg, during=(1.8, 3.3))(t)

    path, heading = drive(lambda t: speed + 0 * t, bends, heading=0.0)
    assert 2.5 < path[-1, 1] < 5.5  # that far to the side
    assert label(*scene(path, heading)) == (KEEP, CRUISE)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (lambda t: 10.0 + 0 * t, CRUISE),
        (lambda t: 10.0 + np.clip(t, 0, None), ACCELERATE),
        (lambda t: 10.0 - 1.5 * np.clip(t, 0, None), BRAKE),
        (lambda t: 20.0 + 0.3 * np.clip(t, 0, None), CRUISE),  # a 20th of its speed
        (lambda t: 1.5 + 0.2 * np.clip(t, 0, None), CRUISE),  # half its speed, but not a metre per second
        (lambda t: np.clip(6.0 - 2.5 * np.clip(t, 0, None), 0, None), STOP),
        (lambda t: 1.2 * np.clip(t - 0.5, 0, None), START),
        (lambda t: 0.0 * t, CRUISE),
        (lambda t: np.where((t > 1) & (t < 2), 3.0, 6.0), CRUISE),  # slower for a moment
    ],
)
def test_paces_by_the_speeds_before_and_at_the_end(speed, expected: Pace) -> None:
    assert label(*scene(*drive(speed))) == (KEEP, expected)


def test_on_foot_smaller_changes_count() -> None:
    path = drive(lambda t: 1.4 - 0.2 * np.clip(t, 0, None))
    assert label(*scene(*path, category=Category.PEDESTRIAN))[1] == BRAKE
    assert label(*scene(*path))[1] == CRUISE
    stop = drive(lambda t: np.clip(1.3 - np.clip(t, 0, None), 0, None))
    assert label(*scene(*stop, category=Category.PEDESTRIAN)) == (KEEP, STOP)


@pytest.mark.parametrize("jitter_m", [0.05, 0.15])
@pytest.mark.parametrize("category", [Category.CAR, Category.PEDESTRIAN])
def test_who_stands_with_jitter_keeps_and_cruises(jitter_m: float, category: Category) -> None:
    rng = np.random.default_rng(0)
    paths = rng.normal(0.0, jitter_m, (200, NUM_OBSERVED + NUM_FUTURE, 2))
    seen, later = scene(paths, rng.uniform(-3, 3, paths.shape[:2]), category=category)
    found = manoeuvres(seen, later, rate_hz=RATE_HZ)
    assert found.direction_valid.all()
    assert (found.direction == KEEP).all()
    assert (found.pace == CRUISE).mean() > 0.97


def test_jitter_changes_no_turn_and_no_pace() -> None:
    rng = np.random.default_rng(1)
    for turn_deg, expected in ((0, KEEP), (60, LEFT), (-60, RIGHT), (180, U_TURN)):
        path, _ = drive(lambda t: 6.0 + 0 * t, degrees(turn_deg))
        found = manoeuvres(*scene(path + rng.normal(0.0, 0.1, (200, *path.shape))), rate_hz=RATE_HZ)
        assert (found.direction == expected).mean() > 0.99
        assert (found.pace == CRUISE).all()


def test_who_starts_turns_from_its_heading() -> None:
    def speed(t: np.ndarray) -> np.ndarray:
        return 3.0 * np.clip(t, 0, None)

    path, heading = drive(speed, degrees(90, during=(1.0, 2.5)))
    assert label(*scene(path, heading)) == (LEFT, START)
    assert label(*scene(path)) == (None, START)  # no direction that it could turn from
    assert label(*scene(0.0 * path)) == (KEEP, CRUISE)  # and none that it could change


def test_reverse_gear_is_no_u_turn_and_turning_on_the_heel_is() -> None:
    def backwards(t: np.ndarray) -> np.ndarray:
        return np.where(t > 0, -2.0, 2.0) + 0 * t

    path, heading = drive(backwards)
    assert label(*scene(path, heading))[0] == KEEP
    assert label(*scene(path, heading, category=Category.PEDESTRIAN))[0] == U_TURN
    # Out of a parking bay backwards: the body turns to the left as far as the path does.
    path, heading = drive(lambda t: -2.0 * np.clip(t, 0, 1), degrees(70, during=(1.0, 3.5)))
    assert label(*scene(path, heading))[0] == LEFT


def test_steps_missing_in_the_recording_change_nothing_but_long_gaps_leave_no_label() -> None:
    path, heading = drive(lambda t: np.clip(6.0 + np.clip(t, 0, None), 0, None), degrees(80))
    step = np.arange(len(path)) - NUM_OBSERVED + 1  # 0 at the forecast time

    def without(*steps: int):
        spoilt = np.where(np.isin(step, steps)[:, None], np.nan, path)
        return label(*scene(spoilt, np.where(np.isin(step, steps), 0.0, heading), valid=~np.isin(step, steps)))

    assert without() == (LEFT, ACCELERATE)
    assert without(-9, -5, -2, 1, 2, 5, 9, 10, 11, 15) == (LEFT, ACCELERATE)
    assert without(-1, 0) == (LEFT, ACCELERATE)  # stale
    assert without(19, 20) == (LEFT, ACCELERATE)  # ends 0.4 s early
    assert without(18, 19, 20) == (None, None)
    assert without(7, 8, 9, 10) == (LEFT, ACCELERATE)  # a second without a measurement
    assert without(7, 8, 9, 10, 11) == (None, None)
    assert without(*range(1, 21)) == (None, None)
    assert without(*range(-10, -2)) == (None, None)  # two fifths of a second of history
    assert without(*range(-10, -3)) == (LEFT, ACCELERATE)


def test_no_label_of_what_is_static_or_was_seen_once() -> None:
    path, heading = drive(lambda t: 6.0 + 0 * t)
    assert label(*scene(path, heading, category=Category.STATIC)) == (None, None)
    once = AFTER.copy()
    once[NUM_OBSERVED - 1] = True
    assert label(*scene(path, heading, valid=once)) == (None, None)


def test_counts() -> None:
    paths = np.stack([drive(lambda t: 6.0 + 0 * t, degrees(turn))[0] for turn in (0, 0, 90, -90, 180)])
    found = manoeuvres(*scene(paths), rate_hz=RATE_HZ)
    directions, paces = found.counts()
    assert (directions.tolist(), paces.tolist()) == ([2, 1, 1, 1], [5, 0, 0, 0, 0])
    directions, paces = found.counts(np.array([1, 0, 1, 0, 0], bool))
    assert (directions.tolist(), paces.tolist()) == ([1, 1, 0, 0], [2, 0, 0, 0, 0])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    angle=st.floats(-np.pi, np.pi),
    shift=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    mirror=st.booleans(),
)
def test_turning_the_world_changes_nothing_and_a_mirror_swaps_left_and_right(seed, angle, shift, mirror) -> None:
    rng = np.random.default_rng(seed)
    n = 30
    speed, accel, turn_rate = rng.uniform(0, 12, n), rng.normal(0, 1.5, n), rng.normal(0, 0.5, n)
    paths = [
        drive(lambda t, i=i: np.clip(speed[i] + accel[i] * t, 0, None), lambda t, i=i: turn_rate[i] + 0 * t)
        for i in range(n)
    ]
    xy = np.stack([path for path, _ in paths])
    heading = np.stack([each for _, each in paths])
    valid = rng.random(heading.shape) > 0.1
    category = rng.choice([Category.CAR, Category.BICYCLE, Category.PEDESTRIAN], n)
    sign = np.array([1.0, -1.0 if mirror else 1.0])
    cos, sin = np.cos(angle), np.sin(angle)
    moved = (xy * sign) @ np.array([[cos, sin], [-sin, cos]]) + shift
    before = manoeuvres(*scene(xy, heading, valid=valid, category=category), rate_hz=RATE_HZ)
    after = manoeuvres(*scene(moved, heading * sign[1] + angle, valid=valid, category=category), rate_hz=RATE_HZ)
    expected = np.array(MIRRORED)[before.direction] if mirror else before.direction
    assert before.pace_valid.any()
    for name in ("direction_valid", "pace", "pace_valid"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert np.array_equal(after.direction, np.where(before.direction_valid, expected, 0))


def test_a_rate_of_one_step_a_second() -> None:
    seen = made_up.observed([[[0, 0], [3, 0]], [[0, 0], [3, 0]]], heading_rad=np.zeros((2, 2)))
    later = made_up.future([[[6, 0], [9, 0]], [[6, 0], [6, 3]]])
    found = manoeuvres(seen, later, rate_hz=1.0)
    assert found.direction.tolist() == [KEEP, LEFT]
    assert found.pace.tolist() == [CRUISE, CRUISE]
