import numpy as np
import pytest

from pipeline.config import WindowsConfig
from pipeline.errors import Dropped, InputError
from pipeline.ingest.split import Block, Split
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build, build_windows
from pipeline.windows.windows import UNSPLIT
from tests.made_up_cleans import START_NS, STEP_NS, clean_drive

CONFIG = WindowsConfig(
    observed_s=0.4, future_s=0.4, rate_hz=5.0, every_s=0.5, max_age_s=0.2, num_frames=2, frame_spacing_s=0.2
)
NAN = float("nan")


def blocks(*steps: tuple[int, int]) -> Split:
    """The drive in blocks, both ends included: to train, to choose."""
    times = [(START_NS + first * STEP_NS, START_NS + last * STEP_NS) for first, last in steps]
    named = [Block(split=s, start_ns=a, end_ns=b) for s, (a, b) in zip(("train", "validation"), times, strict=True)]
    return Split(method="time_blocks", why="", blocks={"drive": tuple(named)})


def make(clean, split=None, config=CONFIG):
    return build([clean], {clean.name: SceneFeatures.empty(clean, 3)}, config=config, split=split)


def along_x(steps, **columns):
    return [{"step": step, "x_m": 1000.0 + step, **columns} for step in steps]


def test_a_scene_by_hand():
    clean = clean_drive(
        {
            "ego": along_x(range(11), y_m=50.0),
            "b": [
                {"step": 3, "x_m": 900.0, "heading_rad": NAN, "length_m": NAN, "width_m": NAN, "category": 8},
                {"step": 4, "x_m": 901.0},  # between window steps
                {"step": 7, "x_m": 907.0, "y_m": 5.0, "heading_rad": 0.5},
            ],
            "c": [{"step": 1}, {"step": 2}, {"step": 8}],  # too long ago at step 5, and not known yet
            "d": [{"step": 5, "known": 6}, {"step": 8}],  # made from what was measured after step 5
        },
        num_steps=11,
    )
    windows = make(clean).windows

    np.testing.assert_array_equal(windows.index.t0_ns, START_NS + np.array([0, 5, 10]) * STEP_NS)
    np.testing.assert_array_equal(windows.index.agent_offset, [0, 1, 3, 6])
    names = [windows.index.track_names[track] for track in windows.index.track]
    assert names == [("drive", agent) for agent in ("ego", "b", "ego", "c", "d", "ego")]
    np.testing.assert_array_equal(windows.index.origin_m, [[1000.0, 50.0], [1005.0, 50.0], [1010.0, 50.0]])
    np.testing.assert_array_equal(windows.index.split, UNSPLIT)

    scene = slice(1, 3)
    observed, future = windows.observed, windows.future
    np.testing.assert_array_equal(observed.scene, [0, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(observed.valid[scene], [[False, True, False], [True, True, True]])
    np.testing.assert_array_equal(observed.xy_m[scene, :, 0], [[0.0, 900.0 - 1005.0, 0.0], [-4.0, -2.0, 0.0]])
    np.testing.assert_array_equal(observed.xy_m[scene, :, 1], [[0.0, -50.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(observed.heading_valid[scene], [[False, False, False], [True, True, True]])
    np.testing.assert_array_equal(observed.is_ego[scene], [False, True])
    np.testing.assert_array_equal(observed.size_m[scene], [[4.0, 2.0], [4.0, 2.0]])  # as known at step 4
    np.testing.assert_array_equal(observed.category[scene], [1, 1])
    np.testing.assert_array_equal(future.valid[scene], [[True, False], [True, True]])
    np.testing.assert_array_equal(future.xy_m[scene, :, 0], [[907.0 - 1005.0, 0.0], [2.0, 4.0]])
    np.testing.assert_array_equal(future.xy_m[scene, :, 1], [[5.0 - 50.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(future.heading_rad[scene], np.float32([[0.5, 0.0], [0.0, 0.0]]))
    assert not future.valid[3:].any()  # the drive is over
    assert observed.agent_feature.shape == (6, 2, 3)
    assert not observed.agent_feature_valid.any()


def test_without_the_ego_the_origin_is_the_mean_of_the_last_places():
    agents = {"a": [{"step": 4, "x_m": 10.0}, {"step": 5, "x_m": 99.0, "known": 7}], "b": [{"step": 5, "y_m": 6.0}]}
    config = CONFIG.model_copy(update={"observed_s": 0.5, "rate_hz": 10.0})
    windows = make(clean_drive(agents, num_steps=6), config=config).windows
    np.testing.assert_array_equal(windows.index.origin_m, [[5.0, 3.0]])


def test_sizes_and_headings_that_were_never_told():
    unknown = dict.fromkeys(("heading_rad", "length_m", "width_m"), NAN)
    observed = make(clean_drive({"a": along_x([0], **unknown)}, num_steps=1)).windows.observed
    np.testing.assert_array_equal(observed.size_m, [[0.0, 0.0]])
    np.testing.assert_array_equal(observed.heading_rad, [[0.0, 0.0, 0.0]])
    assert not observed.heading_valid.any()
    np.testing.assert_array_equal(observed.valid, [[False, False, True]])


def test_a_data_set_keeps_whole_scenes_of_one_block_and_counts_the_rest():
    clean = clean_drive({"ego": along_x([*range(20), *range(30, 41)])}, num_steps=41)
    built = make(clean, blocks((0, 14), (18, 40)))
    # Step 0 is clipped to the drive's start; 15 straddles; 20 reads 16; 25 has two known steps but no future at
    # 27 and 29; 30 has one known step; 40 ends with the drive.
    np.testing.assert_array_equal((built.windows.index.t0_ns - START_NS) // STEP_NS, [5, 10, 35])
    np.testing.assert_array_equal(built.windows.index.split, [0, 0, 1])
    reasons = {dropped.reason: dropped.count for dropped in built.left_out}
    assert reasons == {
        "not within one split": 2,
        "no agent known": 1,
        "no agent with two known steps": 2,
        "no agent with a recorded future": 1,
    }
    assert all(isinstance(dropped, Dropped) and dropped.where == "drive" for dropped in built.left_out)
    windows = make(clean).windows
    np.testing.assert_array_equal((windows.index.t0_ns - START_NS) // STEP_NS, [0, 5, 10, 15, 20, 30, 35, 40])


def test_no_time_of_a_held_out_scene_is_read_by_a_training_scene():
    clean = clean_drive({"ego": along_x(range(100))}, num_steps=100)
    windows = make(clean, blocks((0, 39), (50, 99)), CONFIG.model_copy(update={"every_s": 0.1})).windows
    step = (windows.index.t0_ns - START_NS) // STEP_NS
    first, last = step - 4, np.minimum(step + 4, 99)
    assert last[windows.index.split == 0].max() == 39
    assert first[windows.index.split == 1].min() == 50
    assert set(windows.index.split) == {0, 1}


def test_drives_go_one_after_the_other():
    one = clean_drive({"ego": along_x(range(11)), "a": along_x(range(11))}, num_steps=11, name="one")
    none = clean_drive({}, num_steps=11, name="none")
    two = clean_drive({"b": along_x(range(6), category=8)}, num_steps=6, name="two")
    features = {clean.name: SceneFeatures.empty(clean, 3) for clean in (one, none, two)}
    windows = build_windows([one, none, two], features, config=CONFIG, split=None)
    np.testing.assert_array_equal(windows.index.drive, [0, 0, 0, 2, 2])
    np.testing.assert_array_equal(windows.index.agent_offset, [0, 2, 4, 6, 7, 8])
    np.testing.assert_array_equal(windows.observed.scene, [0, 0, 1, 1, 2, 2, 3, 4])
    np.testing.assert_array_equal(windows.index.track, [0, 1, 0, 1, 0, 1, 2, 2])
    assert windows.index.drive_names == ("one", "none", "two")
    assert windows.index.track_names == (("one", "a"), ("one", "ego"), ("two", "b"))


def test_a_drive_without_agents_gives_no_scenes():
    windows = make(clean_drive({}, num_steps=11)).windows
    assert windows.observed.xy_m.shape == (0, 3, 2)
    np.testing.assert_array_equal(windows.index.agent_offset, [0])


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("rate_hz", 4.0, "ingest.rate_hz"),
        ("every_s", 0.25, "ingest.rate_hz"),
        ("observed_s", 0.3, "windows.rate_hz"),
        ("future_s", 0.5, "windows.rate_hz"),
    ],
)
def test_parameters_that_do_not_fit_name_both(key, value, other):
    config = CONFIG.model_copy(update={key: value})
    with pytest.raises(InputError, match=rf"windows\.{key}.*{other}"):
        make(clean_drive({}, num_steps=3), config=config)
