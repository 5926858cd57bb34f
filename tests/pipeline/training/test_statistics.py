"""What is fitted before training."""

import pytest
import torch
from torch.nn import functional

from models.forecaster import Forecaster
from models.frames import unrotate
from pipeline.config import TrainConfig
from pipeline.training import statistics
from pipeline.training.network import forecaster_config
from pipeline.training.scenes import SceneTensors
from tests.small_windows import small_windows


def test_of_many_agents_every_second_scene_tells_the_base_path(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = small_windows(num_scenes=40, gaps=False)
    model = Forecaster(forecaster_config(config.model_copy(update={"base": "following"}), windows=windows))
    scenes = SceneTensors.of(windows, device="cpu")

    def fitted(some: torch.Tensor) -> tuple[torch.Tensor, ...]:
        observed, future = scenes.gather(some)
        frame = model.frame(observed)
        local_m = unrotate(future.xy_m - frame.origin_m[:, None], frame.axis[:, None])
        ends = torch.bincount(observed.scene).cumsum(0)
        train = SceneTensors(observed=observed, future=future, offset=functional.pad(ends, (1, 0)))
        return statistics.fit_base(model, train, local_m=local_m, whole=future.valid.all(dim=1))

    everything, half = (torch.arange(0, 40, step) for step in (1, 2))
    expected, all_of_them = fitted(half), fitted(everything)
    monkeypatch.setattr(statistics, "_MOST_AGENTS", len(windows.observed.scene) - 1)
    found = fitted(everything)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert any(not torch.equal(one, other) for one, other in zip(found, all_of_them, strict=True))
