"""What the signals in view tell each agent."""

import numpy as np
import pytest

from pipeline.scene.lights import RoadLamps, comes_to, signals, told

RED, GREEN, AMBER = np.eye(3)
QUARTER = np.pi / 2


@pytest.mark.parametrize("turn_rad", [0.0, 0.6, np.pi, -2.6])
def test_lamps_mean_the_same_to_who_drives_along_the_cameras_road(turn_rad: float) -> None:
    lamps = np.asarray([[0.1, 0.7, 0.2]])
    np.testing.assert_array_equal(told(lamps, np.asarray([turn_rad])), lamps)


@pytest.mark.parametrize(("seen", "meant"), [(RED, 0.6 * GREEN + 0.2 * AMBER + 0.2 * RED), (GREEN, RED), (AMBER, RED)])
@pytest.mark.parametrize("turn_rad", [QUARTER, -1.2, 5 * QUARTER])
def test_and_the_reverse_to_who_crosses_it(seen: np.ndarray, meant: np.ndarray, turn_rad: float) -> None:
    np.testing.assert_allclose(told(seen[None], np.asarray([turn_rad]))[0], meant)


# The camera is at the origin and looks along +x; lamps hang 40 m ahead of it.
@pytest.mark.parametrize(
    ("place_m", "heading_rad", "comes"),
    [
        ((-10.0, 3.0), 0.0, True),  # who drives behind it
        ((30.0, -3.0), 0.1, True),  # and ahead of it
        ((45.0, -3.0), 0.0, False),  # has passed the lamps
        ((30.0, 14.0), 0.0, False),  # another road
        ((-90.0, 0.0), 0.0, False),  # too far back
        ((50.0, 13.0), np.pi, True),  # comes the other way
        ((35.0, 3.0), np.pi, False),  # has passed the junction
        ((40.0, -25.0), QUARTER, True),  # both ways lead to (40, 0)
        ((40.0, 25.0), QUARTER, False),  # has passed it
        ((40.0, 4.0), QUARTER, True),  # but hardly
        ((40.0, 25.0), -QUARTER, True),  # comes from the other side
        ((40.0, -80.0), QUARTER, False),  # is far from it
        ((10.0, -25.0), QUARTER, False),  # crosses before that junction
        ((70.0, -25.0), QUARTER, False),  # and behind it
        ((np.nan, np.nan), np.nan, False),
    ],
)
def test_who_comes_to_the_junction_ahead_of_a_camera(
    place_m: tuple[float, float], heading_rad: float, *, comes: bool
) -> None:
    moved, turned = np.asarray([100.0, -50.0]), 0.7  # wherever in the world that is
    cos, sin = np.cos(turned), np.sin(turned)
    x, y = place_m
    x_m, y_m = moved + np.asarray([cos * x - sin * y, sin * x + cos * y])
    found = comes_to(np.asarray([[x_m, y_m, heading_rad + turned]]), np.asarray([*moved, turned]), ahead_m=40.0)
    assert found.tolist() == [comes]


def test_a_signal_is_told_by_the_newest_frame_that_shows_it() -> None:
    """Three slots: one camera sees red, then nothing, then green; a second one is elsewhere and sees red."""
    lamps = np.stack([np.stack([RED * 0.5, np.zeros(3), GREEN * 0.5]), np.stack([RED] * 3)])
    camera = np.stack([np.zeros((3, 3)), np.tile([0.0, 900.0, 0.0], (3, 1))])
    cameras = RoadLamps(lamps=lamps, pose=camera, ahead_m=np.full((2, 3), 40.0))
    # Behind the camera; who crosses; who drives elsewhere, with amber over its own road; whose place is not known.
    pose = np.asarray([[-10.0, 0.0, 0.0], [40.0, -20.0, QUARTER], [0.0, 200.0, 0.0], [np.nan] * 3])
    own = np.stack([np.zeros(3), RED, AMBER * 0.5, 3.0 * AMBER])
    found = signals(np.repeat(own[:, None], 3, axis=1), pose=np.repeat(pose[:, None], 3, axis=1), cameras=cameras)
    reverse = 0.6 * GREEN + 0.2 * AMBER + 0.2 * RED
    np.testing.assert_allclose(found[0], [RED, RED, GREEN])
    np.testing.assert_allclose(found[1], [reverse, reverse, RED])
    np.testing.assert_allclose(found[2], [AMBER * 0.5] * 3)
    np.testing.assert_allclose(found[3], [AMBER] * 3)  # shares are never more than one


def test_no_slot_is_told_by_a_later_one() -> None:
    rng = np.random.default_rng(0)
    pose = np.concatenate([rng.uniform(-40.0, 40.0, (12, 3, 2)), rng.uniform(-np.pi, np.pi, (12, 3, 1))], axis=-1)
    own, lamps = rng.uniform(0.0, 0.3, (12, 3, 3)), rng.uniform(0.0, 0.3, (2, 3, 3))
    cameras = RoadLamps(lamps=lamps, pose=pose[:2], ahead_m=rng.uniform(8.0, 62.0, (2, 3)))
    found = signals(own, pose=pose, cameras=cameras)
    later = RoadLamps(lamps=lamps.copy(), pose=cameras.pose, ahead_m=cameras.ahead_m)
    later.lamps[:, 2] = 1.0 - lamps[:, 2]
    other = signals(own, pose=pose, cameras=later)
    np.testing.assert_array_equal(other[:, :2], found[:, :2])
    assert np.abs(other[:, 2] - found[:, 2]).max() > 0.1
    order = rng.permutation(12)  # nor does it matter who comes first
    shuffled = signals(own[order], pose=pose[order], cameras=cameras)
    np.testing.assert_array_equal(shuffled, found[order])
