"""The scene branch: what it can do without."""

from dataclasses import replace

import torch

from models.lamps import NUM_LAMPS
from models.scene import SceneCorrection, SceneEncoder
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


def test_what_does_not_hang_on_the_frames_changes_nothing_in_the_mean() -> None:
    torch.manual_seed(0)
    correction = SceneCorrection(looked_width=4, known_width=6, width=8, dropout=0.0)
    torch.nn.init.normal_(correction.change.weight)
    known, looked = torch.randn(6).expand(500, -1), torch.randn(500, 4)  # whatever is seen, it is the same agent
    sees = torch.arange(500) > 0
    optimizer = torch.optim.SGD([correction.mean], lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        changed, error = correction(known, looked=looked, sees=sees)
        error[sees].mean().backward()
        optimizer.step()
    change = changed.detach() - known
    assert change[0].abs().max() == 0.0
    assert change[1:].abs().max() > 1.0
    torch.testing.assert_close(change[1:].mean(dim=0), torch.zeros(6), rtol=0.0, atol=1e-4)
    correction.zero_grad()
    correction(known, looked=looked, sees=sees)[1].sum().backward()
    assert [name for name, weight in correction.named_parameters() if weight.grad is not None] == ["mean"]
