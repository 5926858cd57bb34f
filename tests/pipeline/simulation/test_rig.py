from __future__ import annotations

import numpy as np
import pytest

from pipeline.drives.drive import project
from pipeline.simulation.rig import CAMERAS, camera_of, camera_pose

CAMERA = camera_of(width_px=640, height_px=360)


@pytest.mark.parametrize("heading_rad", [0.0, 1.0, -2.5, np.pi])
@pytest.mark.parametrize("name", list(CAMERAS))
def test_what_lies_ahead_of_a_camera_is_in_the_middle_of_its_picture(name: str, heading_rad: float):
    mount = CAMERAS[name]
    position, quaternion = camera_pose(mount, x_m=12.0, y_m=-3.0, heading_rad=heading_rad)
    assert np.linalg.norm(quaternion) == pytest.approx(1.0, abs=1e-12)
    assert position[2] == 1.5
    gaze = heading_rad + mount.yaw_rad
    ahead, left = np.array([np.cos(gaze), np.sin(gaze), 0.0]), np.array([-np.sin(gaze), np.cos(gaze), 0.0])
    points = position + 20.0 * np.stack([ahead, ahead + 0.1 * left, ahead + np.array([0.0, 0.0, 0.1])])
    seen = project(points, camera=CAMERA, position_m=position, quaternion_wxyz=quaternion)
    tenth = 0.1 * CAMERA.fx_px
    expected = [[320.0, 180.0, 20.0], [320.0 - tenth, 180.0, 20.0], [320.0, 180.0 - tenth, 20.0]]
    np.testing.assert_allclose(seen, expected, atol=1e-9)


def test_the_pictures_are_seventy_degrees_wide_and_overlap_at_the_sides():
    assert np.rad2deg(2 * np.arctan(CAMERA.cx_px / CAMERA.fx_px)) == pytest.approx(70.0)
    assert CAMERA.fx_px == CAMERA.fy_px
    position, _ = camera_pose(CAMERAS["front_left"], x_m=0.0, y_m=0.0, heading_rad=np.pi / 2)
    np.testing.assert_allclose(position, [-0.5, 0.5, 1.5], atol=1e-12)
    assert CAMERAS["front_left"].yaw_rad == -CAMERAS["front_right"].yaw_rad == pytest.approx(np.pi / 3)
