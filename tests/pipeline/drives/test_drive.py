from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.drives.drive import Camera, project
from pipeline.drives.registry import find_drives, read_drive
from tests.small_drives import level_camera_quaternion, write_small_drive

CAMERA = Camera(width_px=200, height_px=100, fx_px=100.0, fy_px=80.0, cx_px=90.0, cy_px=50.0)


def test_a_point_projects_where_hand_computation_puts_it():
    # Looking along +y from (1, 2, 3): 2 m to the right (+x), 1 m up and 10 m ahead.
    seen = project(
        np.array([3.0, 12.0, 4.0]),
        camera=CAMERA,
        position_m=np.array([1.0, 2.0, 3.0]),
        quaternion_wxyz=level_camera_quaternion(np.pi / 2),
    )
    np.testing.assert_allclose(seen, [90.0 + 100.0 * 0.2, 50.0 - 80.0 * 0.1, 10.0], atol=1e-9)


def test_projection_undoes_any_world_from_camera_rotation_and_broadcasts():
    rng = np.random.default_rng(0)
    world_from_camera = Rotation.random(50, rng=rng)
    local, position = rng.uniform((-5, -5, 1), (5, 5, 30), (50, 3)), rng.normal(size=(50, 3)) * 100
    seen = project(
        world_from_camera.apply(local) + position,
        camera=CAMERA,
        position_m=position,
        quaternion_wxyz=world_from_camera.as_quat(scalar_first=True),
    )
    np.testing.assert_allclose(seen[:, 0], 100.0 * local[:, 0] / local[:, 2] + 90.0, atol=1e-6)
    np.testing.assert_allclose(seen[:, 1], 80.0 * local[:, 1] / local[:, 2] + 50.0, atol=1e-6)
    np.testing.assert_allclose(seen[:, 2], local[:, 2], atol=1e-9)
    points = rng.normal(size=(4, 7, 3))
    pose = {"position_m": position[:1], "quaternion_wxyz": world_from_camera.as_quat(scalar_first=True)[:1]}
    grid, single = project(points, camera=CAMERA, **pose), project(points[2, 5][None], camera=CAMERA, **pose)
    np.testing.assert_allclose(grid[2, 5], single[0])


def test_a_point_behind_the_camera_has_negative_depth():
    behind = project(
        np.array([-5.0, 0.0, 0.0]),
        camera=CAMERA,
        position_m=np.zeros(3),
        quaternion_wxyz=level_camera_quaternion(0.0),
    )
    assert behind[2] == -5.0


def test_the_small_drives_pictures_show_the_agents_where_they_project(tmp_path: Path):
    drive = read_drive(find_drives(write_small_drive(tmp_path / "one"))[0])
    camera, checked = drive.cameras["front_camera"], 0
    tracks = drive.tracks[drive.tracks.track_id == "follower"].set_index("timestamp_ns")
    for frame in drive.frames.itertuples():
        place = tracks.loc[frame.timestamp_ns]
        u, v, depth = project(
            place[["x_m", "y_m", "z_m"]].to_numpy(float),
            camera=camera,
            position_m=np.array([frame.x_m, frame.y_m, frame.z_m]),
            quaternion_wxyz=np.array([frame.qw, frame.qx, frame.qy, frame.qz]),
        )
        picture = cv2.imread(str(drive.path / frame.path))
        assert picture is not None
        assert depth > 0
        np.testing.assert_allclose(picture[round(v), round(u)], (200, 120, 40), atol=30)
        checked += 1
    assert checked == 61
