"""How the recording vehicle stands to whom the scene branch looks at."""

import math
from dataclasses import replace

import torch

from models.frames import agent_frame
from models.scene import view_of
from pipeline.training.scenes import SceneTensors
from tests.small_windows import small_windows


def test_it_lies_where_it_is_seen_from_each_agent() -> None:
    observed, _ = SceneTensors.of(small_windows(num_scenes=2, agents_per_scene=2), device="cpu").gather(torch.arange(2))
    num_steps = observed.valid.shape[1]
    place = torch.tensor([[0.0, 0.0], [30.0, 60.0], [0.0, 0.0], [1.0, 1.0]])
    observed = replace(
        observed,
        scene=torch.tensor([0, 0, 1, 1]),
        is_ego=torch.tensor([True, False, False, False]),
        xy_m=place[:, None].expand(-1, num_steps, -1),
        heading_rad=torch.tensor([0.0, math.pi / 2, 0.0, 0.0])[:, None].expand(-1, num_steps),
        heading_valid=torch.ones(4, num_steps, dtype=torch.bool),
        valid=torch.ones(4, num_steps, dtype=torch.bool),
    )
    found = view_of(observed, frame=agent_frame(observed, rate_hz=5.0))
    # The second heads along +y: the first is 60 m behind it and 30 m to its left, heading to its right.
    expected = [[0.0, 0.0, 1.0, 0.0, 1.0], [-2.0, 1.0, 0.0, -1.0, 1.0], [0.0] * 5, [0.0] * 5]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)
