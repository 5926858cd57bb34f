"""Headings and speeds along forecast paths, by hand."""

import numpy as np

from pipeline.behaviour.motion import motion_by_step


def motion(path, *, age=0, heading=0.0):
    return motion_by_step(
        np.array(path, float)[None, None],
        start_m=np.zeros((1, 2)),
        start_age=np.array([age]),
        start_heading_rad=np.array([heading]),
        rate_hz=2.0,
    )


def test_heading_and_speed_follow_the_displacement() -> None:
    heading, speed = motion([(1, 0), (1, 2), (-2, -2)])
    np.testing.assert_allclose(speed[:, 0], [2.0, 4.0, 10.0])
    np.testing.assert_allclose(heading[:, 0], [0.0, np.pi / 2, np.arctan2(-4, -3)])


def test_standing_still_keeps_the_heading_before() -> None:
    heading, speed = motion([(0, 0), (0, 1), (0, 1.01)], heading=3 * np.pi)
    np.testing.assert_allclose(np.abs(heading[0, 0]), np.pi)
    np.testing.assert_allclose(heading[1:, 0], [np.pi / 2, np.pi / 2])
    np.testing.assert_allclose(speed[:, 0], [0.0, 2.0, 0.02])


def test_no_heading_until_there_is_a_direction() -> None:
    heading, _ = motion([(0, 0), (0, -1), (0, -1)], heading=np.nan)
    np.testing.assert_array_equal(np.isnan(heading[:, 0]), [True, False, False])


def test_the_first_step_of_a_stale_agent_spans_its_age() -> None:
    _, speed = motion([(3, 0), (4, 0)], age=2)
    np.testing.assert_allclose(speed[:, 0], [2.0, 2.0])
