from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.lamps import NUM_LAMPS
from pipeline.config import WindowsConfig
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.errors import InputError
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.cut import cut
from pipeline.windows.grid import make_grid
from pipeline.windows.inputs import places
from tests.made_up_cleans import START_NS, STEP_NS, clean_drive

CONFIG = WindowsConfig(
    observed_s=0.4, future_s=0.4, rate_hz=5.0, every_s=0.5, max_age_s=0.4, num_frames=2, frame_spacing_s=0.3
)
# Looks along the world's x axis; what lies straight ahead is in the middle.
CAMERA = Camera(width_px=64, height_px=32, fx_px=32.0, fy_px=32.0, cx_px=32.0, cy_px=16.0)
AHEAD_WXYZ = (0.5, -0.5, 0.5, -0.5)


def make_frames(taken: list[tuple[float, str]]) -> pd.DataFrame:
    """One row per (step, camera)."""
    rows = [
        (START_NS + round(step * STEP_NS), camera, f"{step}.png", 0.0, 0.0, 0.0, *AHEAD_WXYZ) for step, camera in taken
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype(FRAME_COLUMNS)


def make_features(clean, *, channels=2 + NUM_LAMPS, digest="d"):
    """Maps of one cell: channel 0 is the frame's number, from 1."""
    maps = np.zeros((len(clean.frames), channels, 1, 1), np.float16)
    maps[:, 0, 0, 0] = np.arange(len(maps)) + 1
    frames = clean.frames.assign(ok=True)
    return SceneFeatures(
        name=clean.name, frames=frames, cameras=clean.cameras, maps=maps, digest=digest, input_px=(64, 32), stride_px=64
    )


def test_places_between_and_after_what_was_known():
    rows = [{"step": 0, "x_m": 0.0}, {"step": 1, "x_m": 10.0}, {"step": 4, "x_m": 40.0}, {"step": 5, "known": 6}]
    clean = clean_drive({"a": rows}, num_steps=6, cameras={"front": CAMERA}, frames=make_frames([(0, "front")]))
    grid = make_grid(CONFIG, clean_rate_hz=10.0)
    parts = cut(clean, steps=np.array([5]), features=make_features(clean), config=CONFIG, grid=grid)
    steps = np.array([-0.5, 0.0, 0.25, 1.0, 2.0, 2.6, 3.0, 4.0, 4.5, 5.0])
    at, valid, headed = places(parts.history, (START_NS + np.rint(steps * STEP_NS).astype(np.int64))[None])
    np.testing.assert_array_equal(valid[0], [False, True, True, True, True, False, False, True, True, True])
    np.testing.assert_allclose(at[0, :, 0], [0, 0, 2.5, 10, 10, 0, 0, 40, 40, 40])
    assert not (headed & ~valid).any()


def test_slots_hold_the_latest_frames_and_agents_are_seen_where_they_were():
    frames = make_frames([(2, "front"), (4.6, "front"), (5.5, "front")])  # numbers 1, 2, and 3 that is after step 5
    agents = {
        "ahead": [{"step": step, "x_m": 20.0} for step in range(6)],
        "behind": [{"step": step, "x_m": -20.0} for step in range(6)],
        "moves in": [{"step": 4, "x_m": 10.0, "y_m": 14.0}, {"step": 5, "x_m": 10.0, "y_m": 6.0}],
        "moves out": [{"step": 4, "x_m": 10.0, "y_m": 6.0}, {"step": 5, "x_m": 10.0, "y_m": 14.0}],
    }
    clean = clean_drive(agents, num_steps=6, cameras={"front": CAMERA}, frames=frames)
    windows = build_windows([clean], {"drive": make_features(clean)}, config=CONFIG, split=None)
    observed = windows.observed
    scene = observed.scene == 1  # at step 5; its slots are at steps 2 and 5
    np.testing.assert_array_equal(observed.frame_feature_valid, [[False, False], [True, True]])
    np.testing.assert_array_equal(observed.frame_feature[:, :, 0], [[0, 0], [1, 2]])
    # At step 4.6 "moves in" is at y = 9.2, inside the 45 degrees of view; at step 2 it was not there yet.
    expected = [[True, True], [False, False], [False, True], [False, False]]
    np.testing.assert_array_equal(observed.agent_feature_valid[scene], expected)
    np.testing.assert_array_equal(observed.agent_feature[scene][:, :, 0], [[1, 2], [0, 0], [0, 2], [0, 0]])
    # All are headed along x: who is behind the camera, or out of its view, still has road ahead of it that is in view.
    ahead = [[True, True], [True, True], [False, True], [False, True]]
    np.testing.assert_array_equal(observed.ahead_feature_valid[scene], ahead)
    np.testing.assert_array_equal(observed.ahead_feature[scene][:, :, 0], [[1, 2], [1, 2], [0, 2], [0, 2]])


def test_a_later_frame_or_place_changes_no_feature():
    frames = make_frames([(step + 0.3, "front") for step in range(12)])
    known = [{"step": step, "x_m": 20.0, "known": step + (step >= 4)} for step in range(12)]
    clean = clean_drive({"a": known}, num_steps=12, cameras={"front": CAMERA}, frames=frames)
    later = clean.tracks["known_at_ns"] > START_NS + 5 * STEP_NS
    changed = replace(clean, tracks=clean.tracks.assign(x_m=np.where(later, -20.0, clean.tracks["x_m"])))
    features = make_features(clean)
    other_maps = features.maps.copy()
    other_maps[frames["timestamp_ns"] > START_NS + 5 * STEP_NS] = 99
    before = build_windows([clean], {"drive": features}, config=CONFIG, split=None).observed
    after = build_windows([changed], {"drive": replace(features, maps=other_maps)}, config=CONFIG, split=None).observed
    assert before.agent_feature_valid[1].all()
    assert before.ahead_feature_valid[1].all()
    np.testing.assert_array_equal(before.agent_feature[:2], after.agent_feature[:2])
    np.testing.assert_array_equal(before.ahead_feature[:2], after.ahead_feature[:2])
    np.testing.assert_array_equal(before.frame_feature[:2], after.frame_feature[:2])
    assert not np.array_equal(before.agent_feature[2], after.agent_feature[2])


def test_drives_without_frames_take_the_channels_of_the_others():
    cameras = {"front": CAMERA}
    with_frames = clean_drive(
        {"a": [{"step": 0, "x_m": 9.0}]}, num_steps=1, name="one", cameras=cameras, frames=make_frames([(0, "front")])
    )
    without = clean_drive({"a": [{"step": 0}]}, num_steps=1, name="two")
    features = {"one": make_features(with_frames, channels=5), "two": SceneFeatures.empty(without, 2)}
    observed = build_windows([with_frames, without], features, config=CONFIG, split=None).observed
    assert observed.agent_feature.shape == (2, 2, 5)
    np.testing.assert_array_equal(observed.agent_feature_valid, [[False, True], [False, False]])

    other = replace(with_frames, name="two")
    features["two"] = make_features(other, channels=3)
    with pytest.raises(InputError, match=r"channels \(3, 5\)"):
        build_windows([with_frames, other], features, config=CONFIG, split=None)
