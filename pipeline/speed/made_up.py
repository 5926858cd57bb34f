"""Made-up scenes of the standard size, drawn from a seed: speed asks for numbers and shapes, not for meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.drives.categories import Category
from pipeline.windows.windows import SPLITS, Future, Observed, SceneIndex, Windows

OBSERVED: Final = 8
FUTURE: Final = 12
RATE_HZ: Final = 2.5
_SIDE_M: Final = 40.0  # of the square that a scene's agents are in at the forecast time: nearly all see one another
_MAX_SPEED_MPS: Final = 8.0
_MAX_TURN_RADPS: Final = 0.2
_KINDS: Final = (Category.CAR, Category.PEDESTRIAN, Category.BICYCLE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Of a batch.

    Attributes:
        scenes: In it.
        agents: In each scene.
    """

    scenes: int
    agents: int

    @property
    def total(self) -> int:
        """Agents in the batch."""
        return self.scenes * self.agents


STANDARD: Final = Size(scenes=512, agents=8)


def made_up(size: Size, *, seed: int = 0) -> Windows:
    """Agents that drive along gentle curves near one another, each seen at every step, without frames; all to train on.

    Args:
        size: How many.
        seed: Of all that is random.
    """
    rng, number = np.random.default_rng(seed), size.total
    time_s = (np.arange(OBSERVED + FUTURE) - (OBSERVED - 1)) / RATE_HZ
    turn_radps = rng.uniform(-_MAX_TURN_RADPS, _MAX_TURN_RADPS, (number, 1))
    heading_rad = rng.uniform(-np.pi, np.pi, (number, 1)) + turn_radps * time_s
    pace_m = np.stack((np.cos(heading_rad), np.sin(heading_rad)), axis=-1) / RATE_HZ
    path_m = (pace_m * rng.uniform(0.0, _MAX_SPEED_MPS, (number, 1, 1))).cumsum(axis=1)
    place_m = rng.uniform(-_SIDE_M / 2, _SIDE_M / 2, (number, 1, 2))
    xy_m = (path_m - path_m[:, OBSERVED - 1 : OBSERVED] + place_m).astype(np.float32)
    heading_rad, there = heading_rad.astype(np.float32), np.ones((number, OBSERVED + FUTURE), np.bool_)
    past, later = slice(OBSERVED), slice(OBSERVED, None)
    nothing, never = np.zeros((number, 1, 1), np.float16), np.zeros((number, 1), np.bool_)
    observed = Observed(
        scene=np.repeat(np.arange(size.scenes), size.agents),
        category=rng.choice(_KINDS, number).astype(np.int8),
        is_ego=np.arange(number) % size.agents == 0,
        size_m=rng.uniform(0.5, 5.0, (number, 2)).astype(np.float32),
        xy_m=xy_m[:, past],
        heading_rad=heading_rad[:, past],
        heading_valid=there[:, past],
        valid=there[:, past],
        agent_feature=nothing,
        agent_feature_valid=never,
        ahead_feature=nothing,
        ahead_feature_valid=never,
        frame_feature=nothing[: size.scenes],
        frame_feature_valid=never[: size.scenes],
    )
    index = SceneIndex(
        drive=np.zeros(size.scenes, np.int32),
        t0_ns=np.arange(size.scenes),
        origin_m=np.zeros((size.scenes, 2)),
        split=np.full(size.scenes, SPLITS.index("train"), np.int8),
        agent_offset=np.arange(size.scenes + 1) * size.agents,
        track=np.arange(number),
        drive_names=("made-up",),
        track_names=tuple(("made-up", str(agent)) for agent in range(number)),
    )
    future = Future(xy_m=xy_m[:, later], heading_rad=heading_rad[:, later], valid=there[:, later])
    return Windows(rate_hz=RATE_HZ, index=index, observed=observed, future=future)
