"""What the signals in view tell each agent."""

import numpy as np
import pytest

from pipeline.scene.lights import share_signal, signals, told

RED, GREEN, AMBER = np.eye(3)
QUARTER = np.pi / 2


@pytest.mark.parametrize("turn_rad", [0.0, 0.6, np.pi, -2.6])
def test_lamps_mean_the_same_to_who_drives_along_the_cameras_road(turn_rad: float) -> None:
    lamps = np.asarray([[0.1, 0.7, 0.2]])
    np.testing.assert_array_equal(told(lamps, np.asarray([turn_rad])), lamps)


@pytest.mark.parametrize(("seen", "meant"), [(RED, GREEN), (GREEN, RED), (AMBER, RED)])
@pytest.mark.parametrize("turn_rad", [QUARTER, -1.2, 5 * QUARTER])
def test_and_the_reverse_to_who_crosses_it(seen: np.ndarray, meant: np.ndarray, turn_rad: float) -> None:
    np.testing.assert_array_equal(told(seen[None], np.asarray([turn_rad]))[0], meant)


# The camera is at the origin and looks along +x.
@pytest.mark.parametrize(
    ("place_m", "heading_rad", "shared"),
    [
        ((-10.0, 3.0), 0.0, True),  # who drives behind it
        ((30.0, -3.0), 0.1, True),  # and ahead of it
        ((30.0, 40.0), 0.0, False),  # a parallel road
        ((-70.0, 0.0), 0.0, False),  # too far back
        ((50.0, 3.0), np.pi, True),  # comes the other way
        ((15.0, 3.0), np.pi, False),  # so near that the junction is behind one of them
        ((-40.0, 3.0), np.pi, False),  # has passed
        ((40.0, -25.0), QUARTER, True),  # both ways lead to (40, 0)
        ((40.0, 25.0), QUARTER, False),  # has passed it
        ((40.0, 25.0), -QUARTER, True),  # comes from the other side
        ((40.0, -80.0), QUARTER, False),  # is far from it
        ((-20.0, -25.0), QUARTER, False),  # the camera has passed where their ways meet
        ((90.0, -25.0), QUARTER, False),  # it is far from there
    ],
)
def test_who_comes_to_the_junction_ahead_of_a_camera(
    place_m: tuple[float, float], heading_rad: float, *, shared: bool
) -> None:
    moved, turned = np.asarray([100.0, -50.0]), 0.7  # wherever in the world that is
    cos, sin = np.cos(turned), np.sin(turned)
    x, y = place_m
    x_m, y_m = moved + np.asarray([cos * x - sin * y, sin * x + cos * y])
    found = share_signal(np.asarray([[x_m, y_m, heading_rad + turned]]), np.asarray([[*moved, turned]]))
    assert found.tolist() == [shared]


def test_a_signal_that_nobody_sees_is_told_by_those_of_others() -> None:
    # A camera that sees no lamps; 40 m ahead of it somebody at a red signal; who crosses; who drives elsewhere; and
    # somebody whose place is not known.
    pose = np.asarray([[40.0, 0.0, 0.0], [80.0, -30.0, QUARTER], [0.0, 200.0, 0.0], [np.nan] * 3])[:, None]
    own = np.stack([RED * 0.2, *np.zeros((3, 3))])[:, None]
    camera = np.asarray([[[0.0, 0.0, 0.0]]])
    found = signals(own, pose=pose, cameras=np.zeros((1, 1, 3)), camera_pose=camera)[:, 0]
    np.testing.assert_allclose(found, [RED * 0.4, GREEN * 0.2, np.zeros(3), np.zeros(3)])
    # A camera on the crossing road sees red, and counts four times.
    found = signals(own, pose=pose, cameras=RED[None, None] * 0.2, camera_pose=np.asarray([[[80.0, 20.0, -QUARTER]]]))
    np.testing.assert_allclose(found[1, 0], RED * 0.8 + GREEN * 0.2)
    many = signals(own * 5.0, pose=pose, cameras=np.zeros((1, 1, 3)), camera_pose=camera)[0, 0]
    np.testing.assert_allclose(many, RED)  # never more than one


def test_a_signals_votes_do_not_hang_on_who_comes_first() -> None:
    rng = np.random.default_rng(0)
    pose = np.concatenate([rng.uniform(-40.0, 40.0, (12, 2, 2)), rng.uniform(-np.pi, np.pi, (12, 2, 1))], axis=-1)
    own, cameras = rng.uniform(0.0, 0.3, (12, 2, 3)), rng.uniform(0.0, 0.3, (1, 2, 3))
    order = rng.permutation(12)
    found = signals(own, pose=pose, cameras=cameras, camera_pose=pose[:1])
    other = signals(own[order], pose=pose[order], cameras=cameras, camera_pose=pose[:1])
    np.testing.assert_allclose(other, found[order])
