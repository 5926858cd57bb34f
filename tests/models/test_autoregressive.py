"""The decoder of 2016: starts at constant velocity, feeds its own output back, and sees neighbours where that is."""

from dataclasses import replace

import pytest
import torch

from models.autoregressive import normal_places
from models.batch import Observed
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from pipeline.drives.categories import Category
from pipeline.training.scenes import SceneTensors
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows


@pytest.fixture
def model() -> Forecaster:
    config = ForecasterConfig(
        cell="lstm", interaction="social", decoder="autoregressive", turn_to_heading=True, scene=False, width=8,
        num_modes=5, basis_rank=4, grid_cells=4, cell_m=6.0, pooled_width=4, num_heads=2, dropout=0.0,
        num_future=NUM_FUTURE, rate_hz=RATE_HZ, num_categories=len(Category),
        vehicle_categories=(int(Category.CAR),), scene_channels=NUM_CHANNELS,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Forecaster(config).eval()


@pytest.fixture
def observed() -> Observed:
    windows = small_windows(num_scenes=6, gaps=False)
    return SceneTensors.of(windows, device="cpu").gather(torch.arange(6))[0]


@torch.no_grad()
def test_untrained_it_goes_on_at_constant_velocity_and_modes_keep_to_their_quantiles(
    model: Forecaster, observed: Observed
) -> None:
    forecast, frame = model(observed), model.frame(observed)
    time_s = torch.arange(1, NUM_FUTURE + 1)[:, None] / RATE_HZ
    velocity = (observed.xy_m[:, -1] - observed.xy_m[:, -3]) * RATE_HZ / 2
    expected = observed.xy_m[:, -1:] + velocity[:, None] * time_s
    torch.testing.assert_close(forecast.single.xy_m, expected, atol=1e-3, rtol=1e-4)
    away = (forecast.modes.xy_m - forecast.single.xy_m[:, None]).norm(dim=-1)
    scale = (1 + frame.velocity_mps.square().sum(-1)).sqrt()
    radius = normal_places(5).norm(dim=-1)
    torch.testing.assert_close(away, (scale[:, None] * radius)[..., None].expand_as(away), atol=1e-3, rtol=1e-3)


def test_places_lie_under_a_normal_density() -> None:
    places = normal_places(2000)
    torch.testing.assert_close(places.T.cov(), torch.eye(2), atol=0.03, rtol=0.0)
    assert float((places.norm(dim=-1) < 1.1774).float().mean()) == pytest.approx(0.5, abs=0.01)


@torch.no_grad()
def test_a_neighbour_counts_at_future_steps_by_what_is_forecast_of_it(model: Forecaster, observed: Observed) -> None:
    """Far apart while observed, the two meet only in the future: nothing but the coupled roll-out can tell."""
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.3)
    for head in (model.decoder.get_submodule("start"), model.decoder.get_submodule("gaussian")):
        for value in head.parameters():
            value.mul_(0.1)
    time_s = (torch.arange(11) - 10) / RATE_HZ
    ahead = torch.stack((8.0 * time_s, 0.0 * time_s), dim=-1)
    oncoming = torch.stack((50.0 - 8.0 * time_s, 0.0 * time_s + 1.0), dim=-1)
    xy_m = torch.stack((ahead, oncoming))
    two = {name: getattr(observed, name)[:2] for name in Observed.__dataclass_fields__}
    both = replace(
        Observed(**two),
        scene=torch.zeros(2, dtype=torch.long),
        xy_m=xy_m,
        heading_rad=torch.tensor([[0.0], [3.14159265]]).expand(2, 11),
        frame_feature=observed.frame_feature[:1],
        frame_feature_valid=observed.frame_feature_valid[:1],
    )
    apart = replace(both, scene=torch.tensor([0, 1]), frame_feature=observed.frame_feature[:2],
                    frame_feature_valid=observed.frame_feature_valid[:2])  # fmt: skip
    together, alone = model(both).single.xy_m[0], model(apart).single.xy_m[0]
    moved = (together - alone).norm(dim=-1)
    assert moved[0] < 1e-4
    assert moved[-1] > 1e-3
