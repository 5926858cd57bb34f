"""The baseline, and probabilities from paths."""

import numpy as np
import pytest

from pipeline.behaviour.keeps import fit_keeps, guess, kept_path
from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.behaviour.probabilities import manoeuvres_of_paths
from pipeline.drives.categories import Category
from tests.pipeline.behaviour.made_up_paths import NUM_FUTURE, NUM_OBSERVED, RATE_HZ, drive, scene

ALL = [
    (lambda t: 8.0 + 0 * t, lambda t: 0 * t, Direction.KEEP, Pace.CRUISE),
    (lambda t: 8.0 + 0 * t, lambda t: 0.3 + 0 * t, Direction.LEFT, Pace.CRUISE),
    (lambda t: 8.0 + 0 * t, lambda t: -0.3 + 0 * t, Direction.RIGHT, Pace.CRUISE),
    (lambda t: 8.0 + 0 * t, lambda t: 0.7 + 0 * t, Direction.U_TURN, Pace.CRUISE),
    (lambda t: 8.0 + 1.0 * t, lambda t: 0 * t, Direction.KEEP, Pace.ACCELERATE),
    (lambda t: 8.0 - 1.0 * t, lambda t: 0 * t, Direction.KEEP, Pace.BRAKE),
    (lambda t: 6.0 - 2.0 * t, lambda t: 0 * t, Direction.KEEP, Pace.STOP),
    (lambda t: 0.0 * t, lambda t: 0 * t, Direction.KEEP, Pace.CRUISE),
]


@pytest.mark.parametrize(("speed", "turn_rate", "direction", "pace"), ALL)
def test_it_goes_on_with_what_it_does(speed, turn_rate, direction, pace) -> None:
    seen, _ = scene(*drive(speed, turn_rate))
    found = guess(seen, num_future=NUM_FUTURE, rate_hz=RATE_HZ)
    assert (found.direction[0], found.pace[0]) == (direction, pace)
    assert found.direction_valid[0]
    assert found.pace_valid[0]


def test_the_kept_path_is_exact_where_nothing_changes_and_ends_where_it_stands() -> None:
    path, heading = drive(lambda t: 10.0 + 0.5 * t)
    seen, later = scene(path, heading)
    kept = kept_path(seen, num_future=NUM_FUTURE, rate_hz=RATE_HZ)
    np.testing.assert_allclose(kept, later.xy_m, atol=1e-2)
    path, heading = drive(lambda t: 4.0 - 2.0 * t, heading=0.0)
    kept = kept_path(scene(path, heading)[0], num_future=NUM_FUTURE, rate_hz=RATE_HZ)[0]
    np.testing.assert_allclose(kept[9:, 0] - path[NUM_OBSERVED - 1, 0], 4.0, atol=1e-2)
    np.testing.assert_allclose(kept[-1], kept[9])


def test_the_guess_cannot_see_the_future() -> None:
    path, heading = drive(lambda t: 8.0 + 0 * t)
    other = path.copy()
    other[NUM_OBSERVED:] = 0.0
    one, two = (guess(scene(each, heading)[0], num_future=NUM_FUTURE, rate_hz=RATE_HZ) for each in (path, other))
    assert one.pace[0] == two.pace[0]


def test_probabilities_are_how_often_each_manoeuvre_followed_the_guess() -> None:
    on, off = drive(lambda t: 8.0 + 0 * t), drive(lambda t: 8.0 - 1.5 * np.clip(t, 0, None))
    paths = np.stack([on[0]] * 60 + [off[0]] * 40)
    headings = np.stack([on[1]] * 60 + [off[1]] * 40)
    seen, later = scene(paths, headings)
    keeps = fit_keeps(seen, later, rate_hz=RATE_HZ)
    np.testing.assert_allclose(keeps.pace.sum(axis=1), 1.0)
    np.testing.assert_allclose(keeps.direction.sum(axis=1), 1.0)
    assert (keeps.pace > 0).all()
    np.testing.assert_allclose(keeps.pace[Pace.CRUISE, [Pace.CRUISE, Pace.BRAKE]], [0.6, 0.4], atol=0.01)
    # A guess that never came up says what is usual.
    np.testing.assert_allclose(keeps.pace[Pace.START, [Pace.CRUISE, Pace.BRAKE]], [0.58, 0.39], atol=0.01)
    told = keeps.probabilities(guess(seen, num_future=NUM_FUTURE, rate_hz=RATE_HZ))
    np.testing.assert_allclose(told.pace, np.tile(keeps.pace[Pace.CRUISE], (100, 1)))
    assert told.pace_known.all()


def test_paths_give_their_probabilities_to_their_manoeuvres() -> None:
    turns = (0.0, 0.0, 0.35, -0.35)
    paths = [drive(lambda t: 6.0 + 0 * t, lambda t, turn=turn: turn * (t > 0)) for turn in turns]
    stop = drive(lambda t: np.clip(6.0 - 2.5 * np.clip(t, 0, None), 0, None))
    modes = np.stack([path for path, _ in [*paths, stop]])[:, NUM_OBSERVED:]
    seen, _ = scene(paths[0][0], paths[0][1])
    told = manoeuvres_of_paths(seen, modes[None], probability=np.array([[0.1, 0.2, 0.3, 0.15, 0.25]]), rate_hz=RATE_HZ)
    np.testing.assert_allclose(told.direction, [[0.55, 0.3, 0.15, 0.0]])
    np.testing.assert_allclose(told.pace, [[0.75, 0.0, 0.0, 0.25, 0.0]])
    assert told.direction_known.all()
    assert told.pace_known.all()


def test_nobody_knows_what_was_seen_once_or_is_static() -> None:
    path, heading = drive(lambda t: 6.0 + 0 * t)
    once = np.zeros(len(path), bool)
    once[NUM_OBSERVED - 1] = True
    modes = path[None, None, NUM_OBSERVED:]
    for seen in (scene(path, heading, valid=once)[0], scene(path, heading, category=Category.STATIC)[0]):
        told = manoeuvres_of_paths(seen, modes, probability=np.ones((1, 1)), rate_hz=RATE_HZ)
        assert not told.direction_known.any()
        assert not told.pace_known.any()
        assert not told.pace.any()
    # One that stood without a heading has no direction where some path moves off.
    standing, _ = scene(0.0 * path)
    away = np.stack([0.0 * modes[0, 0], modes[0, 0] - modes[0, 0, 0]])[None]
    told = manoeuvres_of_paths(standing, away, probability=np.array([[0.5, 0.5]]), rate_hz=RATE_HZ)
    assert (told.direction_known.tolist(), told.pace_known.tolist()) == ([False], [True])
    np.testing.assert_allclose(told.pace[0, [Pace.CRUISE, Pace.START]], 0.5)
