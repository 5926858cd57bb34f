import numpy as np
import pandas as pd
import pytest

from models.lamps import NUM_LAMPS
from pipeline.drives.drive import Camera
from pipeline.scene.sample import (
    ABOVE_M,
    AHEAD_M,
    ahead_points,
    frame_times,
    latest_frames,
    sample_ahead,
    sample_maps,
)
from pipeline.scene.store import FEATURE_FRAME_COLUMNS, SceneFeatures

# An image of 64 x 32 px, resized to 128 x 64 and seen through strides of 16: 8 x 4 cells. It looks along +z.
CAMERA = Camera(width_px=64, height_px=32, fx_px=32.0, fy_px=32.0, cx_px=32.0, cy_px=16.0)
SECOND = 1_000_000_000


def make_features(
    times_s: list[float], *, cameras: list[str] | None = None, ok: list[bool] | None = None, seed: int = 0
) -> SceneFeatures:
    num_frames = len(times_s)
    frames = pd.DataFrame({
        "timestamp_ns": np.round(np.asarray(times_s) * SECOND).astype(np.int64),
        "camera": pd.Series(cameras or ["front"] * num_frames, dtype="str"),
        "path": pd.Series([f"{i}.png" for i in range(num_frames)], dtype="str"),
        **dict.fromkeys(("x_m", "y_m", "z_m"), 0.0),
        "qw": 1.0,
        **dict.fromkeys(("qx", "qy", "qz"), 0.0),
        "ok": ok or [True] * num_frames,
    })  # fmt: skip
    return SceneFeatures(
        name="a",
        frames=frames[list(FEATURE_FRAME_COLUMNS)],
        cameras=dict.fromkeys(sorted(set(cameras or ["front"])), CAMERA),
        maps=np.random.default_rng(seed).normal(size=(num_frames, 2 + NUM_LAMPS, 4, 8)).astype(np.float16),
        digest="d",
        input_px=(128, 64),
        stride_px=16,
    )


def point_at(u_px: float, v_px: float, *, depth_m: float = 10.0) -> list[float]:
    return [(u_px - 32.0) / 32.0 * depth_m, (v_px - 16.0) / 32.0 * depth_m, depth_m]


def sample_one(features: SceneFeatures, point_m: list[float], *, valid: bool = True) -> tuple[np.ndarray, bool]:
    rows = latest_frames(features, np.asarray([SECOND]), max_age_s=10.0)
    points = np.broadcast_to(np.asarray(point_m), (1, len(rows), 1, 3))
    feature, seen, _, _ = sample_maps(features, rows, points, np.full((1, len(rows), 1), valid))
    return feature[0, 0], bool(seen[0, 0])


def test_the_latest_readable_frame_that_is_young_enough_and_not_after_the_slot() -> None:
    features = make_features(
        [1.0, 1.1, 1.2, 1.0, 3.0],
        cameras=["front", "front", "front", "side", "side"],
        ok=[True, True, False, True, True],
    )
    times = np.asarray([0.999, 1.0, 1.15, 1.25, 1.6, 1.601]) * SECOND
    rows = latest_frames(features, np.round(times).astype(np.int64), max_age_s=0.5)
    # At 1.25 s the frame of 1.2 s is broken, so that of 1.1 s stands in; the frame at 3.0 s is always in the future.
    np.testing.assert_array_equal(rows, [[-1, 0, 1, 1, 1, -1], [-1, 3, 3, 3, -1, -1]])
    taken = frame_times(features, rows)
    np.testing.assert_array_equal(taken[0], np.asarray([0, 1.0, 1.1, 1.1, 1.1, 0]) * SECOND)


def test_the_same_rows_whatever_the_order_of_the_frames() -> None:
    features = make_features([1.0, 1.1, 1.2, 1.3])
    order = [2, 0, 3, 1]
    shuffled = SceneFeatures(
        name="a", frames=features.frames.iloc[order].reset_index(drop=True), cameras=features.cameras,
        maps=features.maps[order], digest="d", input_px=features.input_px, stride_px=16,
    )  # fmt: skip
    times = np.asarray([1_050_000_000, 1_250_000_000])
    found = np.asarray(order)[latest_frames(shuffled, times, max_age_s=1.0)]
    np.testing.assert_array_equal(found, latest_frames(features, times, max_age_s=1.0))


def test_a_cells_centre_gives_the_cells_own_values() -> None:
    features = make_features([1.0])
    # Cell (x 3, y 1) is centred on pixel number (48, 16) of the resized frame, whose middle is 48.5, 16.5 of 128 x 64:
    # 24.25, 8.25 of the camera's 64 x 32.
    feature, seen = sample_one(features, point_at(24.25, 8.25))
    assert seen
    np.testing.assert_allclose(feature, features.maps[0, :, 1, 3], atol=1e-6)


def test_between_cells_it_is_bilinear() -> None:
    features = make_features([1.0])
    # A quarter of a cell (4 resized, 2 camera pixels) to the right and half a cell down.
    feature, _ = sample_one(features, point_at(26.25, 12.25))
    cell = features.maps[0].astype(np.float64)
    by_hand = (
        0.75 * 0.5 * cell[:, 1, 3]
        + 0.25 * 0.5 * cell[:, 1, 4]
        + 0.75 * 0.5 * cell[:, 2, 3]
        + 0.25 * 0.5 * cell[:, 2, 4]
    )
    np.testing.assert_allclose(feature, by_hand, atol=1e-6)


def test_beyond_the_last_cells_centre_the_last_cell_counts() -> None:
    features = make_features([1.0])
    feature, seen = sample_one(features, point_at(63.9, 31.9))
    assert seen
    np.testing.assert_allclose(feature, features.maps[0, :, 3, 7], atol=1e-6)


@pytest.mark.parametrize(
    ("point_m", "valid"),
    [
        (point_at(-0.1, 16.0), True),
        (point_at(64.0, 16.0), True),
        (point_at(32.0, 32.1), True),
        ([0.0, 0.0, -10.0], True),  # behind, though it projects into the middle
        ([0.0, 0.0, 0.0], True),
        ([0.0, float("nan"), 10.0], True),
        (point_at(32.0, 16.0), False),
    ],
)
def test_out_of_view_or_unknown_is_masked_and_zero(point_m: list[float], *, valid: bool) -> None:
    feature, seen = sample_one(make_features([1.0]), point_m, valid=valid)
    assert not seen
    assert not feature.any()


def test_the_frames_own_pose_is_used() -> None:
    features = make_features([1.0])
    # The camera stands at (5, 7, 2) and looks along the world's +x: its z is x, its x is -y, its y is -z.
    pose = {"x_m": 5.0, "y_m": 7.0, "z_m": 2.0, "qw": 0.5, "qx": -0.5, "qy": 0.5, "qz": -0.5}
    features.frames[list(pose)] = list(pose.values())
    # 10 m ahead, 2.5 m to the left (8 px), 2.5 m up (8 px): pixel 24, 8 and so close to cell (3, 1) (see above).
    feature, seen = sample_one(features, [15.0, 9.5, 4.5])
    assert seen
    by_hand, _ = sample_one(make_features([1.0]), point_at(24.0, 8.0))
    np.testing.assert_allclose(feature, by_hand, atol=1e-5)


def test_of_two_cameras_the_one_that_sees_the_agent_most_centrally() -> None:
    features = make_features([1.0, 1.0], cameras=["left", "right"])
    features.frames.loc[1, "x_m"] = 5.0  # 16 px to the right at 10 m
    left, _ = sample_one(features, point_at(36.0, 16.0))  # 36 in the left camera, 20 in the right one
    np.testing.assert_allclose(left, sample_one(_only(features, 0), point_at(36.0, 16.0))[0], atol=1e-6)
    right, _ = sample_one(features, point_at(50.0, 16.0))  # 50 in the left camera, 34 in the right one
    np.testing.assert_allclose(right, sample_one(_only(features, 1), point_at(50.0, 16.0))[0], atol=1e-6)


def test_the_frame_feature_is_the_mean_over_cells_and_cameras_that_are_there() -> None:
    features = make_features([1.0, 1.0, 2.0], cameras=["left", "right", "left"])
    rows = latest_frames(features, np.asarray([0, SECOND, 2 * SECOND]), max_age_s=0.5)
    _, _, frame, there = sample_maps(features, rows, np.zeros((0, 2, 3, 3)), np.zeros((0, 2, 3), bool))
    mean = features.maps[:, :-NUM_LAMPS].astype(np.float64).mean(axis=(2, 3))
    np.testing.assert_array_equal(there, [False, True, True])
    expected = [np.zeros(2), (mean[0] + mean[1]) / 2, mean[2]]
    np.testing.assert_allclose(frame[:, :-NUM_LAMPS], expected, atol=1e-5)


def test_the_frames_lamps_are_those_above_the_road_ahead_of_a_camera() -> None:
    # Both cameras look along +x, level and 1.5 m over the ground, with the horizon in row 2.
    features = make_features([1.0, 1.0, 2.0], cameras=["left", "right", "left"])
    features.frames[["z_m", "qw", "qx", "qy", "qz"]] = [1.5, 0.5, -0.5, 0.5, -0.5]
    features.maps[:, -NUM_LAMPS:] = 0.0
    features.maps[0, -3, 0, 4] = 0.5  # straight on and high up: a red signal
    features.maps[1, -2, 0, 4] = 0.25  # in the other camera a green one
    features.maps[0, -3, 3, 4] = features.maps[2, -3, 3, 4] = 0.9  # brake lights straight on
    features.maps[0, -3, 0, 0] = features.maps[2, -3, 0, 0] = 0.8  # something red far to the left
    rows = latest_frames(features, np.asarray([SECOND, 2 * SECOND]), max_age_s=0.5)
    _, _, frame, _ = sample_maps(features, rows, np.zeros((0, 2, 2, 3)), np.zeros((0, 2, 2), bool))
    red, green, amber = frame[0, -NUM_LAMPS:]
    assert 0.1 < red <= 0.5
    assert 0.05 < green <= 0.25
    assert red == pytest.approx(2.0 * green)  # seen from one place
    assert amber == 0.0
    assert not frame[1, -NUM_LAMPS:].any()


def test_nothing_moves_when_later_frames_change() -> None:
    features, changed = make_features([1.0, 1.1, 1.2, 1.3]), make_features([1.0, 1.1, 1.2, 1.3])
    changed.maps[2:] = 9.0
    changed.frames.loc[2:, "x_m"] = 3.0
    times = np.asarray([1_050_000_000, 1_199_999_999])
    rng = np.random.default_rng(1)
    points, valid = rng.uniform([-2, -1, 5], [2, 1, 9], size=(20, 1, 2, 3)), rng.random((20, 1, 2)) < 0.8
    for one, other in zip(
        sample_maps(features, latest_frames(features, times, max_age_s=1.0), points, valid),
        sample_maps(changed, latest_frames(changed, times, max_age_s=1.0), points, valid),
        strict=True,
    ):
        assert one.any()
        np.testing.assert_array_equal(one, other)


def test_many_agents_and_slots_equal_each_alone() -> None:
    features = make_features([1.0, 1.0, 1.1, 1.1, 1.2], cameras=["left", "right", "left", "right", "left"])
    features.frames["x_m"] = np.linspace(-1.0, 1.0, 5)
    rows = latest_frames(features, np.asarray([0, 1_050_000_000, 1_200_000_000]), max_age_s=0.15)
    rng = np.random.default_rng(2)
    points = rng.uniform([-12, -6, -2], [12, 6, 12], size=(30, 2, 3, 3))
    valid = rng.random((30, 2, 3)) < 0.8
    feature, seen, _, _ = sample_maps(features, rows, points, valid)
    assert 10 < seen.sum() < 60
    for i in range(30):
        for j in range(3):
            one = sample_maps(features, rows[:, [j]], points[[i]][:, :, [j]], valid[[i]][:, :, [j]])
            np.testing.assert_array_equal(feature[i, j], one[0][0, 0])
            assert seen[i, j] == one[1][0, 0]


def _only(features: SceneFeatures, row: int) -> SceneFeatures:
    camera = features.frames["camera"][row]
    return SceneFeatures(
        name="a", frames=features.frames.iloc[[row]].reset_index(drop=True), cameras={camera: CAMERA},
        maps=features.maps[[row]], digest="d", input_px=features.input_px, stride_px=16,
    )  # fmt: skip


def test_the_road_ahead_lies_straight_on_and_above() -> None:
    points = ahead_points(np.asarray([[1.0, 2.0, 0.5]]), np.asarray([np.pi / 2]))
    expected = [[1.0, 2.0 + ahead, 0.5 + above] for ahead in AHEAD_M for above in ABOVE_M]
    np.testing.assert_allclose(points[0], expected, atol=1e-9)


def level_features(times_s: list[float]) -> SceneFeatures:
    """The camera stands at the world's origin, 1.5 m over the ground, and looks along +x."""
    features = make_features(times_s)
    features.frames[["z_m", "qw", "qx", "qy", "qz"]] = [1.5, 0.5, -0.5, 0.5, -0.5]
    features.maps[:, -NUM_LAMPS:] = 0.0
    return features


def ahead_of(features: SceneFeatures, x_m: float, y_m: float, heading_rad: float) -> tuple[np.ndarray, bool]:
    rows = latest_frames(features, np.asarray([SECOND]), max_age_s=10.0)
    pose = np.asarray([x_m, y_m, 1.0, heading_rad]).reshape(1, 1, 1, 4)
    feature, seen = sample_ahead(features, rows, pose, np.ones((1, 1, 1), bool))
    return feature[0, 0], bool(seen[0, 0])


def test_of_the_road_ahead_the_largest_value_in_view_counts() -> None:
    features = level_features([1.0])
    feature, seen = ahead_of(features, -20.0, 2.0, 0.0)
    points = ahead_points(np.asarray([[-20.0, 2.0, 1.0]]), np.zeros(1))[0]
    each = [sample_one(features, list(point)) for point in points]
    assert seen
    assert 5 < sum(there for _, there in each) < len(points)
    expected = np.max([one for one, there in each if there], axis=0)
    np.testing.assert_allclose(feature, expected, atol=1e-6)
    feature, seen = ahead_of(features, -100.0, 0.0, 0.0)  # all of it behind the camera
    assert not seen
    assert not feature.any()


def test_lamps_count_above_the_road_alone() -> None:
    features = level_features([1.0])
    features.maps[0, -3, 3] = 0.9  # what shines on the road is no signal
    assert not ahead_of(features, 0.0, 0.0, 0.0)[0][-NUM_LAMPS:].any()
    features.maps[0, -3, 0, 4] = 0.5
    assert ahead_of(features, 0.0, 0.0, 0.0)[0][-3] > 0.1


def test_a_signal_tells_who_shares_it_though_their_own_is_not_in_view() -> None:
    features = level_features([1.0])
    features.maps[0, -3, 0, 4] = 0.5  # red to who drives as the camera looks, 8 m ahead of it
    own, _ = ahead_of(features, -5.0, 0.0, 0.0)
    towards, seen = ahead_of(features, 50.0, 3.0, np.pi)
    across, _ = ahead_of(features, 8.0, -100.0 / 3.0, np.pi / 2)
    elsewhere, aware = ahead_of(features, -50.0, 3.0, np.pi)
    np.testing.assert_allclose(own[-NUM_LAMPS:], [1.0, 0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(towards[-NUM_LAMPS:], [1.0, 0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(across[-NUM_LAMPS:], [0.2, 0.6, 0.2], atol=1e-3)  # most likely green
    assert seen
    assert not aware
    assert not elsewhere.any()
