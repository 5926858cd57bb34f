"""Made-up scenes, to try a forecaster on: agents that move, come late, have gaps and stand close together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from models.batch import Observed
from models.forecaster import Forecaster
from pipeline.config import WindowsConfig

_NEAR_M: Final = 20.0  # agents of a scene start within a square of twice this side
_GAPS: Final = 0.1  # share of the steps that were not measured


def made_up_scenes(forecaster: Forecaster, *, windows: WindowsConfig, num_agents: Sequence[int], seed: int) -> Observed:
    """Scenes as the forecaster is given them, in metres around the scene's origin.

    Args:
        forecaster: Says what categories there are, and what features look like.
        windows: Say how many steps and frames there are.
        num_agents: Of each scene.
        seed: Of everything random.
    """
    generator = torch.Generator().manual_seed(seed)
    config, num_steps = forecaster.config, windows.num_observed
    scene = torch.repeat_interleave(torch.arange(len(num_agents)), torch.tensor(num_agents, dtype=torch.long))
    total = len(scene)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    def features(rows: int, aim: int) -> torch.Tensor:
        values = torch.randn(rows, windows.num_frames, config.scene_channels, generator=generator)
        encoder = forecaster.scene
        return values if encoder is None else values * encoder.scale[aim] + encoder.mean[aim]

    time_s = (torch.arange(num_steps) - num_steps + 1) / windows.rate_hz
    turn_radps, heading_rad = uniform(total, 1) - 0.5, 6.28 * uniform(total, 1)
    heading_rad = heading_rad + turn_radps * time_s
    way_m = (12.0 * uniform(total, 1)) * time_s + (2.0 * uniform(total, 1) - 1.0) * time_s.square()
    ahead = torch.stack((heading_rad.cos(), heading_rad.sin()), dim=-1)
    start_m = _NEAR_M * (2.0 * uniform(total, 1, 2) - 1.0)
    valid = uniform(total, num_steps) >= _GAPS
    valid[: total // 2, -1] = True
    xy_m = start_m + way_m[..., None] * ahead
    heading_valid = valid & (uniform(total, 1) < 0.9)
    return Observed(
        scene=scene,
        category=torch.randint(config.num_categories, (total,), generator=generator),
        is_ego=uniform(total) < 0.1,
        size_m=torch.tensor([4.0, 2.0]) * (0.2 + uniform(total, 1)),
        xy_m=torch.where(valid[..., None], xy_m, 0.0),
        heading_rad=torch.where(heading_valid, heading_rad, 0.0),
        heading_valid=heading_valid,
        valid=valid,
        agent_feature=features(total, 0),
        agent_feature_valid=uniform(total, windows.num_frames) < 0.7,
        ahead_feature=features(total, 1),
        ahead_feature_valid=uniform(total, windows.num_frames) < 0.7,
        frame_feature=features(len(num_agents), 2),
        frame_feature_valid=uniform(len(num_agents), windows.num_frames) < 0.8,
    )
