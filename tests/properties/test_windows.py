from dataclasses import fields, replace

import numpy as np
import pytest

from pipeline.config import WindowsConfig
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.select import select_scenes
from pipeline.windows.windows import Future, Observed, SceneIndex
from tests.made_up_cleans import START_NS, STEP_NS, random_clean_drive

CONFIG = WindowsConfig(
    observed_s=1.0, future_s=1.0, rate_hz=5.0, every_s=0.3, max_age_s=0.4, num_frames=2, frame_spacing_s=0.5
)
SEEDS = range(8)


def make(clean):
    return build_windows([clean], {clean.name: SceneFeatures.empty(clean, 2)}, config=CONFIG, split=None)


def assert_same(one, other, kind, *, skip=(), tolerance=0.0):
    for field in fields(kind):
        if field.name not in skip:
            left, right = getattr(one, field.name), getattr(other, field.name)
            np.testing.assert_allclose(left, right, rtol=0, atol=tolerance, err_msg=field.name)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_becomes_known_later_changes_no_input(seed):
    clean, rng = random_clean_drive(seed), np.random.default_rng(seed)
    before = make(clean)
    step = int(rng.integers(4, 16)) * 3
    t0_ns = START_NS + step * STEP_NS
    later = (clean.tracks["known_at_ns"] > t0_ns).to_numpy()
    tracks = clean.tracks.copy()
    for column in ("x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m"):
        tracks[column] = np.where(later, rng.normal(0, 1000, len(tracks)), tracks[column])
    tracks["category"] = np.where(later, 10, tracks["category"]).astype(np.int8)
    tracks = tracks[~later | (rng.random(len(tracks)) < 0.5)].reset_index(drop=True)
    after = make(replace(clean, tracks=tracks))

    past = [np.flatnonzero(windows.index.t0_ns <= t0_ns) for windows in (before, after)]
    before, after = select_scenes(before, past[0]), select_scenes(after, past[1])
    assert len(before.observed.scene) > 5
    assert_same(before.observed, after.observed, Observed)
    np.testing.assert_array_equal(before.index.origin_m, after.index.origin_m)
    assert not np.array_equal(before.future.xy_m, after.future.xy_m)  # the change was one


@pytest.mark.parametrize("seed", SEEDS)
def test_renaming_agents_permutes_them(seed):
    clean = random_clean_drive(seed)
    ids = sorted(set(clean.tracks["agent_id"]))
    renamed = dict(zip(ids, np.random.default_rng(seed).permutation([f"x{i}" for i in range(len(ids))]), strict=True))
    tracks = clean.tracks.assign(agent_id=clean.tracks["agent_id"].map(renamed).astype("str"))
    tracks = tracks.sort_values(["agent_id", "step"], ignore_index=True)
    before, after = make(clean), make(replace(clean, tracks=tracks))
    names = [renamed[before.index.track_names[track][1]] for track in before.index.track]
    order = np.lexsort((names, before.observed.scene))
    assert (order != np.arange(len(order))).any()
    assert [names[i] for i in order] == [after.index.track_names[track][1] for track in after.index.track]
    np.testing.assert_allclose(before.index.origin_m, after.index.origin_m, atol=1e-9)
    for one, other, kind in ((before.observed, after.observed, Observed), (before.future, after.future, Future)):
        for field in fields(kind):
            if not field.name.startswith("frame_"):
                left, right = getattr(one, field.name), getattr(other, field.name)
                np.testing.assert_allclose(left[order], right, atol=1e-5, err_msg=field.name)


@pytest.mark.parametrize("seed", SEEDS)
def test_moving_and_turning_the_drive_turns_what_is_seen(seed):
    clean, turn, shift = random_clean_drive(seed), 0.7, np.array([5000.0, -300.0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = clean.tracks[["x_m", "y_m"]].to_numpy() @ rotation.T + shift
    heading = clean.tracks["heading_rad"] + turn
    tracks = clean.tracks.assign(x_m=moved[:, 0], y_m=moved[:, 1], heading_rad=heading)
    before, after = make(clean), make(replace(clean, tracks=tracks))
    np.testing.assert_allclose(before.index.origin_m @ rotation.T + shift, after.index.origin_m, atol=1e-8)
    for one, other in ((before.observed, after.observed), (before.future, after.future)):
        np.testing.assert_allclose(one.xy_m @ rotation.T, other.xy_m, atol=1e-4)
    there = before.observed.heading_valid
    np.testing.assert_allclose(before.observed.heading_rad[there] + turn, after.observed.heading_rad[there], atol=1e-5)
    moving = ("xy_m", "heading_rad")
    assert_same(before.observed, after.observed, Observed, skip=moving)
    assert_same(before.future, after.future, Future, skip=moving)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_equals_its_scenes_one_by_one(seed):
    windows, rng = make(random_clean_drive(seed)), np.random.default_rng(seed)
    scenes = rng.integers(0, len(windows.index.t0_ns), 7)
    batch = select_scenes(windows, scenes)
    assert_same(select_scenes(windows, np.arange(len(windows.index.t0_ns))).observed, windows.observed, Observed)
    for i, scene in enumerate(scenes):
        alone = select_scenes(windows, np.array([scene]))
        again = select_scenes(batch, np.array([i]))
        assert_same(alone.observed, again.observed, Observed)
        assert_same(alone.future, again.future, Future)
        assert_same(alone.index, again.index, SceneIndex, skip=("drive_names", "track_names"))
        agents = windows.observed.scene == scene
        np.testing.assert_array_equal(alone.observed.xy_m, windows.observed.xy_m[agents])
        np.testing.assert_array_equal(alone.index.track, windows.index.track[agents])
        np.testing.assert_array_equal(alone.index.t0_ns, windows.index.t0_ns[[scene]])
    np.testing.assert_array_equal(np.diff(batch.index.agent_offset), np.bincount(batch.observed.scene, minlength=7))
