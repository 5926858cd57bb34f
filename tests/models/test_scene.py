"""The scene branch: what it can do without."""

from dataclasses import replace

import torch

from models.lamps import NUM_LAMPS
from models.scene import SceneEncoder
from pipeline.training.scenes import SceneTensors
from tests.small_windows import NUM_CHANNELS, small_windows


def test_an_agent_may_do_without_the_cnns_channels_but_not_without_lamps() -> None:
    observed, _ = SceneTensors.of(small_windows(num_scenes=4), device="cpu").gather(torch.arange(4))
    encoder = SceneEncoder(channels=NUM_CHANNELS, width=8, dropout=1.0)
    seen = encoder(observed)
    of_network, of_lamps = (observed.agent_feature.clone() for _ in range(2))
    of_network[..., :-NUM_LAMPS] += 1.0
    of_lamps[..., -NUM_LAMPS:] += 1.0
    others = [replace(observed, agent_feature=feature) for feature in (of_network, of_lamps)]
    torch.testing.assert_close(encoder(others[0]), seen)
    assert not torch.allclose(encoder(others[1]), seen)
    encoder.eval()
    assert not torch.allclose(encoder(others[0]), encoder(observed))
