"""Windows as flat arrays: scenes around forecast times, ragged over agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

SPLITS: Final = ("train", "validation", "test")
PER_SCENE: Final = ("frame_feature", "frame_feature_valid")  # these fields of Observed have a row per scene
NAMES: Final = ("drive_names", "track_names")  # these fields of SceneIndex are no arrays
UNSPLIT: Final = -1  # the split of scenes that belong to none (scoring new drives)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """All that a forecaster may see: n agents in b scenes, t observed steps ending at the forecast time.

    Positions are in the scene frame: world axes, origin at the scene's origin. Where ``valid`` is False the
    numbers beside it mean nothing (they are zero).

    Attributes:
        scene: Index of each agent's scene, ascending.
        category: ``Category`` of each agent.
        is_ego: The recording vehicle.
        size_m: Length and width of the box; zero where unknown.
        xy_m: Box centres.
        heading_rad: In the scene frame; zero with ``heading_valid`` False where there is none.
        heading_valid: The heading is there.
        valid: The step was measured, and known by the forecast time.
        agent_feature: Scene features at each agent's own place in the images of f frame slots, oldest first.
        agent_feature_valid: There was a frame, and the agent was in view.
        ahead_feature: Scene features along the road ahead of each agent; their lamps are what signals tell it.
        ahead_feature_valid: There was a frame, and some of that road was in view, or a signal told something.
        frame_feature: Whole-frame features of b scenes.
        frame_feature_valid: There was a frame.
    """

    scene: Int[np.ndarray, " n"]
    category: Int[np.ndarray, " n"]
    is_ego: Bool[np.ndarray, " n"]
    size_m: Float[np.ndarray, "n 2"]
    xy_m: Float[np.ndarray, "n t 2"]
    heading_rad: Float[np.ndarray, "n t"]
    heading_valid: Bool[np.ndarray, "n t"]
    valid: Bool[np.ndarray, "n t"]
    agent_feature: Float[np.ndarray, "n f c"]
    agent_feature_valid: Bool[np.ndarray, "n f"]
    ahead_feature: Float[np.ndarray, "n f c"]
    ahead_feature_valid: Bool[np.ndarray, "n f"]
    frame_feature: Float[np.ndarray, "b f c"]
    frame_feature_valid: Bool[np.ndarray, "b f"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Future:
    """What was recorded after the forecast time: h steps of the same n agents, in the scene frame."""

    xy_m: Float[np.ndarray, "n h 2"]
    heading_rad: Float[np.ndarray, "n h"]
    valid: Bool[np.ndarray, "n h"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneIndex:
    """Which scene is what.

    Attributes:
        drive: Index into ``drive_names`` per scene.
        t0_ns: Forecast time per scene.
        origin_m: World position of each scene frame's origin.
        split: Index into ``SPLITS`` per scene, or ``UNSPLIT``.
        agent_offset: Agents of scene i are ``agent_offset[i]:agent_offset[i + 1]``.
        track: Per agent, index into ``track_names``: the same number is the same agent of the same drive.
        drive_names: Names of the drives.
        track_names: (drive name, agent_id) of every track.
    """

    drive: Int[np.ndarray, " b"]
    t0_ns: Int[np.ndarray, " b"]
    origin_m: Float[np.ndarray, "b 2"]
    split: Int[np.ndarray, " b"]
    agent_offset: Int[np.ndarray, " b+1"]
    track: Int[np.ndarray, " n"]
    drive_names: tuple[str, ...]
    track_names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """Scenes, what was observed and what came after, and the steps' spacing.

    Attributes:
        rate_hz: Of the observed and the future steps; the last observed step is the forecast time.
    """

    rate_hz: float
    index: SceneIndex
    observed: Observed
    future: Future


GROUPS: Final = {"index": SceneIndex, "observed": Observed, "future": Future}  # the index first: it binds b and n
