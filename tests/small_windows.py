"""Small made-up windows: agents that turn, brake and follow one another, with gaps, in ragged scenes."""

import numpy as np

from pipeline.drives.categories import Category
from pipeline.windows.windows import Future, Observed, SceneIndex, Windows

RATE_HZ = 5.0
NUM_OBSERVED, NUM_FUTURE, NUM_FRAMES, NUM_CHANNELS = 11, 20, 3, 4

NO_CHANCE = {  # in a recipe: nothing is drawn in training
    "scale_augmentation": 0.0,
    "mirror_augmentation": False,
    "noise_augmentation_m": 0.0,
    "dropout": 0.0,
    "drop_augmentation": 0.0,
    "appearance_dropout": 0.0,
}


def small_windows(*, num_scenes: int = 12, agents_per_scene: int = 5, seed: int = 0, gaps: bool = True) -> Windows:
    """Scenes of up to ``agents_per_scene`` agents on arcs with constant acceleration; of six scenes four train."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, agents_per_scene + 1, num_scenes)
    scene = np.repeat(np.arange(num_scenes), counts)
    n = len(scene)
    time = (np.arange(NUM_OBSERVED + NUM_FUTURE) - NUM_OBSERVED + 1) / RATE_HZ
    category = rng.choice([Category.CAR, Category.BICYCLE, Category.PEDESTRIAN], n)
    speed = rng.uniform(1.0, 8.0, n)[:, None]
    acceleration, turn_rate = rng.normal(0.0, 0.4, (2, n, 1))
    distance = speed * time + 0.5 * acceleration * time**2
    heading = rng.uniform(-np.pi, np.pi, n)[:, None] + turn_rate * 0.3 * time
    step = np.diff(distance, axis=1, prepend=distance[:, :1])
    xy = np.cumsum(step[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1), axis=1)
    xy += rng.uniform(-12.0, 12.0, (n, 1, 2))
    valid = np.ones((n, NUM_OBSERVED + NUM_FUTURE), dtype=bool)
    if gaps:
        valid[rng.random(valid.shape) < 0.1] = False
        valid[:, NUM_OBSERVED - 2 : NUM_OBSERVED] = True
    xy[~valid] = 0.0
    heading[~valid] = 0.0
    past, later = slice(NUM_OBSERVED), slice(NUM_OBSERVED, None)
    observed = Observed(
        scene=scene,
        category=category.astype(np.int8),
        is_ego=np.diff(scene, prepend=-1) > 0,  # the first of each scene
        size_m=np.tile(np.float32([4.0, 2.0]), (n, 1)),
        xy_m=xy[:, past].astype(np.float32),
        heading_rad=heading[:, past].astype(np.float32),
        heading_valid=valid[:, past],
        valid=valid[:, past],
        agent_feature=rng.normal(size=(n, NUM_FRAMES, NUM_CHANNELS)).astype(np.float16),
        agent_feature_valid=rng.random((n, NUM_FRAMES)) < 0.7,
        ahead_feature=rng.normal(size=(n, NUM_FRAMES, NUM_CHANNELS)).astype(np.float16),
        ahead_feature_valid=rng.random((n, NUM_FRAMES)) < 0.7,
        frame_feature=rng.normal(size=(num_scenes, NUM_FRAMES, NUM_CHANNELS)).astype(np.float16),
        frame_feature_valid=rng.random((num_scenes, NUM_FRAMES)) < 0.8,
    )
    future = Future(
        xy_m=xy[:, later].astype(np.float32), heading_rad=heading[:, later].astype(np.float32), valid=valid[:, later]
    )
    index = SceneIndex(
        drive=np.arange(num_scenes, dtype=np.int32) % 3,
        t0_ns=np.arange(num_scenes, dtype=np.int64) * 500_000_000,
        origin_m=np.zeros((num_scenes, 2)),
        split=np.array([0, 0, 0, 0, 1, 2], dtype=np.int8)[np.arange(num_scenes) % 6],
        agent_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        track=np.arange(n, dtype=np.int32),
        drive_names=("a", "b", "c"),
        track_names=tuple(("abc"[i % 3], str(i)) for i in range(n)),
    )
    return Windows(rate_hz=RATE_HZ, index=index, observed=observed, future=future)
