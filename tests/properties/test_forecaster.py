"""What must hold for any weights: permutation, padding, rigid motion, one scene at a time."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from models.batch import Forecast, Observed
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from pipeline.drives.categories import Category
from pipeline.training.scenes import Room, SceneTensors
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows

PER_SCENE = ("frame_feature", "frame_feature_valid")


@pytest.fixture(
    params=[
        "lstm-none-low_rank",
        "lstm-occupancy-low_rank",
        "lstm-attention-unicycle",
        "lstm-social-autoregressive",
        "peephole-social-low_rank",
        "peephole-attention-autoregressive",
        "lstm-social-low_rank-following",
    ]
)
def model(request: pytest.FixtureRequest) -> Forecaster:
    """A forecaster with random weights everywhere, in double precision so that tolerances can be tight."""
    cell, interaction, decoder, *base = request.param.split("-")
    config = ForecasterConfig(
        cell=cell,
        interaction=interaction,
        decoder=decoder,
        base=base[0] if base else "motion",
        turn_to_heading=True,
        scene=True,
        width=16,
        num_modes=3,
        basis_rank=4,
        grid_cells=4,
        cell_m=6.0,
        pooled_width=4,
        num_heads=2,
        dropout=0.1,
        num_future=NUM_FUTURE,
        rate_hz=RATE_HZ,
        num_categories=len(Category),
        vehicle_categories=(int(Category.CAR),),
        scene_channels=NUM_CHANNELS,
        num_directions=4,
        num_paces=5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Forecaster(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        for name, buffer in model.decoder.named_buffers():
            if name.rpartition(".")[2] in ("basis", "anchors"):
                torch.nn.init.normal_(buffer, std=0.5)
        model.fading.fill_(1.0)
        model.reaction.copy_(torch.tensor([0.5, 20.0]))
    return model.double().eval()


@pytest.fixture
def scenes() -> SceneTensors:
    return SceneTensors.of(small_windows(num_scenes=6, agents_per_scene=6), device="cpu")


@pytest.fixture
def observed(scenes: SceneTensors) -> Observed:
    return in_double(scenes.gather(torch.arange(6))[0])


def in_double(observed: Observed) -> Observed:
    values = {f.name: getattr(observed, f.name) for f in fields(Observed)}
    return Observed(**{name: v.double() if v.is_floating_point() else v for name, v in values.items()})


def take(observed: Observed, agents: torch.Tensor) -> Observed:
    columns = {
        f.name: getattr(observed, f.name) if f.name in PER_SCENE else getattr(observed, f.name)[agents]
        for f in fields(Observed)
    }
    return Observed(**columns)


def flat(forecast: Forecast) -> dict[str, torch.Tensor]:
    assert forecast.manoeuvres is not None
    return {
        "direction": forecast.manoeuvres.direction,
        "pace": forecast.manoeuvres.pace,
        "single": forecast.single.xy_m,
        "single_sigma": forecast.single.sigma_m,
        "single_rho": forecast.single.rho,
        "modes": forecast.modes.xy_m,
        "sigma": forecast.modes.sigma_m,
        "rho": forecast.modes.rho,
        "log_probability": forecast.log_probability,
    }


def assert_same(one: Forecast, other: Forecast) -> None:
    for name, value in flat(one).items():
        torch.testing.assert_close(
            value, flat(other)[name], atol=1e-6, rtol=1e-6, msg=lambda m, name=name: f"{name}: {m}"
        )


@torch.no_grad()
def test_shapes_that_do_not_hang_on_the_data_change_nothing(
    model: Forecaster, observed: Observed, scenes: SceneTensors
) -> None:
    """As in a CUDA graph: room for more scenes, agents and pairs than there are, and what is not there is no number."""
    members = scenes.members(torch.tensor([0, 1, 2, 3, 4, 5, 6, 6]), room=Room(scenes=8, agents=50, pairs=200))
    padded = in_double(scenes.gather(torch.tensor([0, 1, 2, 3, 4, 5, 6, 6]), members=members)[0])
    assert members.there is not None
    assert members.there.tolist() == [True] * len(observed.scene) + [False] * (50 - len(observed.scene))
    nowhere = replace(padded, xy_m=torch.where(padded.valid[..., None], padded.xy_m, torch.nan))
    found = flat(model(nowhere, candidates=members.candidates))
    for name, value in flat(model(observed)).items():
        torch.testing.assert_close(value, found[name][: len(value)], atol=1e-9, rtol=1e-9, msg=name)


@torch.no_grad()
def test_permuting_agents_permutes_the_forecasts(model: Forecaster, observed: Observed) -> None:
    order = torch.argsort(
        observed.scene.double() + 0.9 * torch.rand(len(observed.scene), generator=torch.Generator().manual_seed(3))
    )
    assert not torch.equal(order, torch.arange(len(order)))
    forecast = flat(model(observed))
    permuted = flat(model(take(observed, order)))
    for name, value in forecast.items():
        torch.testing.assert_close(permuted[name], value[order], atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_a_batch_equals_its_scenes_one_by_one(model: Forecaster, observed: Observed) -> None:
    together = flat(model(observed))
    for scene in range(6):
        agents = torch.nonzero(observed.scene == scene).flatten()
        alone = take(observed, agents)
        alone = replace(
            alone,
            scene=torch.zeros_like(agents),
            frame_feature=observed.frame_feature[scene : scene + 1],
            frame_feature_valid=observed.frame_feature_valid[scene : scene + 1],
        )
        for name, value in flat(model(alone)).items():
            torch.testing.assert_close(value, together[name][agents], atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_padding_changes_nothing(model: Forecaster, observed: Observed) -> None:
    """Neither agents that are not there, nor steps before the first, nor garbage under the masks."""
    n = len(observed.scene)
    absent = take(observed, torch.tensor([n - 1, n - 1]))
    absent = replace(absent, valid=torch.zeros_like(absent.valid), heading_valid=torch.zeros_like(absent.valid))
    padded = Observed(
        **{
            f.name: getattr(observed, f.name)
            if f.name in PER_SCENE
            else torch.cat((getattr(observed, f.name), getattr(absent, f.name)))
            for f in fields(Observed)
        }
    )
    before = {name: torch.nn.functional.pad(getattr(observed, name), pad) for name, pad in {
        "xy_m": (0, 0, 2, 0), "heading_rad": (2, 0), "heading_valid": (2, 0), "valid": (2, 0)}.items()}  # fmt: skip
    garbage = replace(
        observed,
        xy_m=torch.where(observed.valid[..., None], observed.xy_m, 77.0),
        heading_rad=torch.where(observed.heading_valid, observed.heading_rad, 5.0),
        agent_feature=torch.where(observed.agent_feature_valid[..., None], observed.agent_feature, 1e3),
        ahead_feature=torch.where(observed.ahead_feature_valid[..., None], observed.ahead_feature, 1e3),
        frame_feature=torch.where(observed.frame_feature_valid[..., None], observed.frame_feature, 1e3),
    )
    expected = model(observed)
    kept = {name: value[:n] for name, value in flat(model(padded)).items()}
    for name, value in flat(expected).items():
        torch.testing.assert_close(kept[name], value, atol=1e-6, rtol=1e-6)
    assert all(torch.isfinite(value).all() for value in flat(model(padded)).values())
    assert_same(model(garbage), expected)
    assert_same(model(replace(observed, **before)), expected)


@torch.no_grad()
def test_moving_and_turning_the_scene_moves_and_turns_the_forecasts(model: Forecaster, observed: Observed) -> None:
    angle, shift = 1.1, torch.tensor([30.0, -12.0]).double()
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float64)
    moved = replace(observed, xy_m=observed.xy_m @ turn.T + shift, heading_rad=observed.heading_rad + angle)
    before, after = model(observed), model(moved)
    torch.testing.assert_close(after.single.xy_m, before.single.xy_m @ turn.T + shift, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after.modes.xy_m, before.modes.xy_m @ turn.T + shift, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after.log_probability, before.log_probability, atol=1e-5, rtol=1e-5)
    area = lambda paths: paths.sigma_m.prod(-1) * (1.0 - paths.rho**2).sqrt()  # noqa: E731
    torch.testing.assert_close(area(after.modes), area(before.modes), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_neighbours_matter_only_with_interaction(model: Forecaster, observed: Observed) -> None:
    counts = torch.bincount(observed.scene)
    agent = int(torch.nonzero(observed.scene == int(counts.argmax())).flatten()[1])  # the first records: all see it so
    pushed = observed.xy_m.clone()
    pushed[agent] += torch.tensor([2.0, 1.0])
    before, after = flat(model(observed))["modes"], flat(model(replace(observed, xy_m=pushed)))["modes"]
    moved = ((after - before).abs().amax(dim=(1, 2, 3)) > 1e-5).nonzero().flatten()
    others = [i for i in moved.tolist() if i != agent]
    assert all(int(observed.scene[i]) == int(observed.scene[agent]) for i in others)
    assert bool(others) == (model.config.interaction != "none")
