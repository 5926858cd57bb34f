import numpy as np

from pipeline.drives.kitti_oxts import world_from_imu

DEGREE_M = np.deg2rad(6378137.0)


def test_small_steps_at_sixty_degrees_are_metres_east_and_north():
    oxts = np.array([[np.nan] * 6, [60.0, 8.0, 50.0, 0, 0, 0], [60.0 + 1e-5, 8.0 + 1e-5, 52.0, 0, 0, 0]])
    poses = world_from_imu(oxts)
    assert np.isnan(poses[0]).all()
    np.testing.assert_array_equal(poses[1], np.eye(4))
    # A parallel at 60 degrees is half as long as the equator; a meridian is as long everywhere.
    np.testing.assert_allclose(poses[2, :3, 3], [0.5e-5 * DEGREE_M, 1e-5 * DEGREE_M, 2.0], rtol=1e-6)


def test_roll_lifts_the_left_side_pitch_lowers_the_nose_and_yaw_turns_left():
    roll, pitch, yaw = 0.1, 0.2, 0.3
    cos, sin = np.cos, np.sin
    oxts = np.array([[49, 8, 0, roll, 0, 0], [49, 8, 0, 0, pitch, 0], [49, 8, 0, 0, 0, yaw]])
    rolled, pitched, yawed = world_from_imu(oxts)
    np.testing.assert_allclose(rolled[:3, 1], [0.0, cos(roll), sin(roll)], atol=1e-12)
    np.testing.assert_allclose(pitched[:3, 0], [cos(pitch), 0.0, -sin(pitch)], atol=1e-12)
    np.testing.assert_allclose(yawed[:3, 0], [cos(yaw), sin(yaw), 0.0], atol=1e-12)
    together = world_from_imu(np.array([[49.0, 8.0, 0.0, roll, pitch, yaw]]))[0, :3, :3]
    np.testing.assert_allclose(together, yawed[:3, :3] @ pitched[:3, :3] @ rolled[:3, :3], atol=1e-12)
