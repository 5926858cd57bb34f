"""The scene branch: how the recording vehicle stands to whom it looks at, and what it can do without."""

import math
from dataclasses import replace

import torch

from models.frames import agent_frame
from models.lamps import NUM_LAMPS
from models.scene import SceneEncoder, view_of
from pipeline.training.scenes import SceneTensors
from tests.small_windows import NUM_CHANNELS, RATE_HZ, small_windows


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
    found = view_of(observed, frame=agent_frame(observed, rate_hz=RATE_HZ))
    # The second heads along +y: the first is 60 m behind it and 30 m to its left, heading to its right.
    expected = [[0.0, 0.0, 1.0, 0.0, 1.0], [-2.0, 1.0, 0.0, -1.0, 1.0], [0.0] * 5, [0.0] * 5]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)


def test_an_agent_may_do_without_the_cnns_channels_but_not_without_lamps() -> None:
    observed, _ = SceneTensors.of(small_windows(num_scenes=4), device="cpu").gather(torch.arange(4))
    frame = agent_frame(observed, rate_hz=RATE_HZ)
    encoder = SceneEncoder(channels=NUM_CHANNELS, width=8, dropout=1.0)
    seen = encoder(observed, frame=frame)
    of_network, of_lamps = (observed.agent_feature.clone() for _ in range(2))
    of_network[..., :-NUM_LAMPS] += 1.0
    of_lamps[..., -NUM_LAMPS:] += 1.0
    others = [replace(observed, agent_feature=feature) for feature in (of_network, of_lamps)]
    torch.testing.assert_close(encoder(others[0], frame=frame), seen)
    assert not torch.allclose(encoder(others[1], frame=frame), seen)
    encoder.eval()
    assert not torch.allclose(encoder(others[0], frame=frame), encoder(observed, frame=frame))
