"""Paths that can be driven: closed forms, bounds for any weights, and controls read back from paths."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.unicycle import (
    CONTROL_TERMS,
    MAX_ACCEL_MPS2,
    MAX_BRAKE_MPS2,
    MAX_CURVATURE_1PM,
    MAX_LATERAL_MPS2,
    control_basis,
    control_coefficients,
    roll_out,
)
from pipeline.drives.categories import Category
from pipeline.training.scenes import SceneTensors
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows

NUM = 20


def drive(accel: float, curvature: float, *, speed: float) -> torch.Tensor:
    shape = torch.ones(1, 1, NUM, dtype=torch.float64)
    start = torch.tensor([speed], dtype=torch.float64)
    return roll_out(
        accel * shape, curvature_1pm=curvature * shape, speed_mps=start, heading_rad=0.0 * start, rate_hz=RATE_HZ
    )[0, 0]


def test_a_constant_acceleration_goes_as_newton_says() -> None:
    time = torch.arange(1, NUM + 1) / RATE_HZ
    accel = MAX_ACCEL_MPS2 * math.tanh(1.0 / MAX_ACCEL_MPS2)
    expected = 8.0 * time + 0.5 * accel * time**2
    torch.testing.assert_close(drive(1.0, 0.0, speed=8.0)[:, 0], expected.double())


def test_a_constant_curvature_is_a_circle() -> None:
    limit = MAX_CURVATURE_1PM
    radius = 1.0 / (limit * math.tanh(0.1 / limit))
    path = drive(0.0, 0.1, speed=3.0)
    centre = torch.tensor([0.0, radius], dtype=torch.float64)
    torch.testing.assert_close((path - centre).norm(dim=-1), torch.full((NUM,), radius, dtype=torch.float64))
    assert path[0, 1] > 0.0, "left is positive"


def test_who_brakes_to_a_stop_stays() -> None:
    path = drive(-6.0, 0.0, speed=4.0)
    assert path[-1, 0] == path[-2, 0]
    assert (path[:, 0].diff() >= 0.0).all()


def test_controls_of_a_rolled_out_path_are_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(50, 2, CONTROL_TERMS, generator=generator, dtype=torch.float64)
    coefficients *= torch.tensor([[0.3], [0.004]])
    controls = coefficients @ control_basis(NUM).double()
    start = torch.stack((torch.full((50,), 8.0), torch.zeros(50)), dim=-1).double()
    path = roll_out(
        controls[:, None, 0],
        curvature_1pm=controls[:, None, 1],
        speed_mps=start[:, 0],
        heading_rad=start[:, 1],
        rate_hz=RATE_HZ,
    )[:, 0]
    found = control_coefficients(path, start=start, rate_hz=RATE_HZ)
    again = roll_out(
        (found @ control_basis(NUM).double())[:, None, 0],
        curvature_1pm=(found @ control_basis(NUM).double())[:, None, 1],
        speed_mps=start[:, 0],
        heading_rad=start[:, 1],
        rate_hz=RATE_HZ,
    )[:, 0]
    assert (again - path).norm(dim=-1).max() < 0.3


@given(seed=st.integers(0, 10_000), size=st.sampled_from([0.1, 1.0, 10.0]))
@settings(max_examples=20, deadline=None)
def test_every_vehicle_forecast_keeps_the_bounds_for_any_weights_and_inputs(seed: int, size: float) -> None:
    config = ForecasterConfig(
        cell="lstm", interaction="social", decoder="unicycle", turn_to_heading=True, scene=False, width=8, num_modes=4,
        basis_rank=4, grid_cells=4, cell_m=6.0, pooled_width=4, num_heads=2, dropout=0.0, num_future=NUM_FUTURE,
        rate_hz=RATE_HZ, num_categories=len(Category), vehicle_categories=(int(Category.CAR),),
        scene_channels=NUM_CHANNELS,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Forecaster(config).double().eval()
        for value in (*model.parameters(), *(b for n, b in model.named_buffers() if n.endswith("anchors"))):
            torch.nn.init.normal_(value, std=size)
    observed = SceneTensors.of(small_windows(num_scenes=12, seed=seed), device="cpu").gather(torch.arange(12))[0]
    observed = type(observed)(
        **{
            name: value.double() if (value := getattr(observed, name)).is_floating_point() else value
            for name in type(observed).__dataclass_fields__
        }
    )
    with torch.no_grad():
        forecast = model(observed)
    paths = torch.cat((forecast.single.xy_m[:, None], forecast.modes.xy_m), dim=1)[observed.category == Category.CAR]
    assert len(paths)
    steps = paths.diff(dim=2)
    length, way = steps.norm(dim=-1), torch.atan2(steps[..., 1], steps[..., 0])
    # Over a step no chord is longer than its arc, nor shorter than it by more than the tightest curve makes it; between
    # the middles of two steps the direction turns by curvature times arc.
    speed = length * RATE_HZ
    tightest = torch.minimum(MAX_LATERAL_MPS2 / speed.square().clamp(min=1e-9), torch.tensor(MAX_CURVATURE_1PM))
    arc = length / torch.sinc((tightest * length / (2 * math.pi)).clamp(max=0.5))
    gained = (arc[..., 1:] - length[..., :-1]) * RATE_HZ**2
    lost = (arc[..., :-1] - length[..., 1:]) * RATE_HZ**2
    slack = 0.02 * speed[..., 1:] + 1e-6  # the turn within a step, to second order
    assert (gained <= MAX_ACCEL_MPS2 + slack + (arc - length)[..., 1:] * RATE_HZ**2).all()
    assert (lost <= MAX_BRAKE_MPS2 + slack + (arc - length)[..., :-1] * RATE_HZ**2).all()
    turned = (torch.remainder(way.diff(dim=-1) + math.pi, 2 * math.pi) - math.pi).abs()
    moving = (length[..., 1:] > 1e-6) & (length[..., :-1] > 1e-6)
    allowed = MAX_CURVATURE_1PM * (arc[..., 1:] + arc[..., :-1]) / 2
    assert (turned[moving] <= allowed[moving] * 1.05 + 1e-9).all()
    # Across: curvature times speed squared, of speeds that differ by what braking over a step makes them.
    slower = torch.minimum(speed[..., 1:], speed[..., :-1])
    assert (turned * RATE_HZ * slower)[moving].max() <= MAX_LATERAL_MPS2 * 1.05 + 1e-6


@pytest.mark.parametrize("accel", [-100.0, 100.0])
def test_the_bounds_are_these(accel: float) -> None:
    speeds = drive(accel, 0.0, speed=60.0)[:, 0].diff() * RATE_HZ
    changes = speeds.diff() * RATE_HZ
    bound = MAX_ACCEL_MPS2 if accel > 0 else MAX_BRAKE_MPS2
    torch.testing.assert_close(changes.abs(), torch.full_like(changes, bound))


def test_fast_vehicles_turn_widely() -> None:
    path = drive(0.0, 10.0, speed=20.0)
    way = torch.atan2(path.diff(dim=0)[:, 1], path.diff(dim=0)[:, 0])
    lateral = way.diff() * RATE_HZ * 20.0
    torch.testing.assert_close(lateral, torch.full_like(lateral, MAX_LATERAL_MPS2))
