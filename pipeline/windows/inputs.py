"""What a forecaster sees, computed from what was known: by its types nothing here can reach the future."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float, Int, Shaped

from pipeline.scene.sample import sample_ahead, sample_maps
from pipeline.scene.store import SceneFeatures
from pipeline.windows.cut import History
from pipeline.windows.grid import HOLD_S, Grid
from pipeline.windows.windows import Observed


def scene_origins(history: History) -> Float[np.ndarray, "b 2"]:
    """World origin of each scene: where the ego was last known, else the mean of the agents' last known places."""
    num_scenes, scene = len(history.t0_ns), history.scene
    last = history.valid.shape[1] - 1 - np.argmax(history.valid[:, ::-1], axis=1)
    last_xy_m = history.xyz_m[np.arange(len(scene)), last, :2]
    has_ego = np.bincount(scene, weights=history.is_ego, minlength=num_scenes) > 0
    weight = np.where(has_ego[scene], history.is_ego, 1.0)
    total = np.maximum(np.bincount(scene, weights=weight, minlength=num_scenes), 1.0)
    sums = [np.bincount(scene, weights=weight * last_xy_m[:, axis], minlength=num_scenes) for axis in (0, 1)]
    return np.stack(sums, axis=-1) / total[:, None]


def observed_steps(values: Shaped[np.ndarray, "n m *_"], *, grid: Grid) -> Shaped[np.ndarray, "n t *_"]:
    """The window steps among a history's clean steps."""
    return values[:, values.shape[1] - grid.num_window_history :: grid.stride]


def observe(
    history: History, *, origin_m: Float[np.ndarray, "b 2"], features: SceneFeatures, channels: int, grid: Grid
) -> Observed:
    """The forecaster's inputs.

    Args:
        history: What was known.
        origin_m: World origin of each scene.
        features: Of the drive; only the rows that ``history`` names are read.
        channels: Of the scene features, for drives that have none.
        grid: The window steps.
    """
    valid = observed_steps(history.valid, grid=grid)
    relative_m = observed_steps(history.xyz_m, grid=grid)[..., :2] - origin_m[history.scene, None]
    return Observed(
        scene=history.scene,
        category=history.category,
        is_ego=history.is_ego,
        size_m=history.size_m.astype(np.float32),
        xy_m=np.where(valid[..., None], relative_m, 0.0).astype(np.float32),
        heading_rad=observed_steps(history.heading_rad, grid=grid).astype(np.float32),
        heading_valid=observed_steps(history.heading_valid, grid=grid),
        valid=valid,
        **_scene_features(history, features=features, channels=channels),
    )


def places(
    history: History, times_ns: Int[np.ndarray, "b q"]
) -> tuple[Float[np.ndarray, "n q 4"], Bool[np.ndarray, "n q"], Bool[np.ndarray, "n q"]]:
    """Where each agent was at other times of its scene, and where it was headed, as known by the forecast time.

    Between two successive steps that were both known the place is interpolated; otherwise it is the last known
    one for ``HOLD_S`` more; otherwise there is none.

    Args:
        history: What was known.
        times_ns: q times for each scene.

    Returns:
        World places and the heading last known (zero where there is none), where there is a place, and a heading.
    """
    num_steps = history.valid.shape[1]
    step = (history.times_ns[:, None] <= times_ns[:, :, None]).sum(axis=-1)[history.scene] - 1  # n q; -1: before all
    latest = np.maximum.accumulate(np.where(history.valid, np.arange(num_steps), -1), axis=1)
    last = np.where(step < 0, -1, np.take_along_axis(latest, np.maximum(step, 0), axis=1))
    after = np.minimum(step + 1, num_steps - 1)
    between = (last == step) & (last >= 0) & (after > step) & np.take_along_axis(history.valid, after, axis=1)

    agent = np.arange(len(history.scene))[:, None]
    last_ns = history.times_ns[history.scene[:, None], last]
    after_ns = history.times_ns[history.scene[:, None], after]
    age_ns = times_ns[history.scene] - last_ns
    share = np.where(between, age_ns / np.where(between, after_ns - last_ns, 1), 0.0)
    valid = between | ((last >= 0) & (age_ns <= HOLD_S * 1e9))
    last_m, after_m = history.xyz_m[agent, last], history.xyz_m[agent, after]
    xyz_m = np.where(valid[..., None], last_m + share[..., None] * (after_m - last_m), 0.0)
    headed = valid & history.heading_valid[agent, last]
    heading_rad = np.where(headed, history.heading_rad[agent, last], 0.0)
    return np.concatenate([xyz_m, heading_rad[..., None]], axis=-1), valid, headed


def _scene_features(history: History, *, features: SceneFeatures, channels: int) -> dict[str, np.ndarray]:
    """The fields of ``Observed`` that come from frames, by name."""
    num_agents, (num_scenes, num_cameras, num_slots) = len(history.scene), history.frame_rows.shape
    found: dict[str, np.ndarray] = {}
    for name, num in (("agent", num_agents), ("ahead", num_agents), ("frame", num_scenes)):
        found[f"{name}_feature"] = np.zeros((num, num_slots, channels), np.float32)
        found[f"{name}_feature_valid"] = np.zeros((num, num_slots), np.bool_)
    with_frames = np.flatnonzero((history.frame_rows >= 0).any(axis=(1, 2)))
    if len(with_frames):
        shown = (history.frame_rows >= 0)[history.scene]
        at, known, headed = (
            rearrange(each, "n (k f) ... -> n k f ...", k=num_cameras)
            for each in places(history, rearrange(history.frame_times_ns, "b k f -> b (k f)"))
        )
        bounds = np.searchsorted(history.scene, np.arange(num_scenes + 1))
        for i in with_frames:
            agents, rows = slice(bounds[i], bounds[i + 1]), history.frame_rows[i]
            own, seen, frame, there = sample_maps(features, rows, at[agents, ..., :3], (known & shown)[agents])
            ahead, open_road = sample_ahead(features, rows, at[agents], (headed & shown)[agents])
            found["agent_feature"][agents], found["agent_feature_valid"][agents] = own, seen
            found["ahead_feature"][agents], found["ahead_feature_valid"][agents] = ahead, open_road
            found["frame_feature"][i], found["frame_feature_valid"][i] = frame, there
    return found
