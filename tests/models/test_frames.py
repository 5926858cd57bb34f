"""The agent's frame, constant velocity and the turning of Gaussians, against numbers computed by hand."""

import math

import numpy as np
import torch

from models.batch import Observed, Paths
from models.forecaster import constant_velocity_future
from models.frames import agent_frame, paths_to_scene, rotate, unrotate


def observed(xy: list[list[float]], *, heading: float, valid: list[bool]) -> Observed:
    steps = len(xy)
    return Observed(
        scene=torch.zeros(1, dtype=torch.long),
        category=torch.ones(1, dtype=torch.long),
        is_ego=torch.zeros(1, dtype=torch.bool),
        size_m=torch.tensor([[4.0, 2.0]]),
        xy_m=torch.tensor([xy]),
        heading_rad=torch.full((1, steps), heading),
        heading_valid=torch.tensor([valid]),
        valid=torch.tensor([valid]),
        agent_feature=torch.zeros(1, 1, 1),
        agent_feature_valid=torch.zeros(1, 1, dtype=torch.bool),
        frame_feature=torch.zeros(1, 1, 1),
        frame_feature_valid=torch.zeros(1, 1, dtype=torch.bool),
    )


def test_frame_sits_at_the_last_valid_position_along_the_heading() -> None:
    north = observed([[0.0, 0.0], [0.0, 1.0], [0.0, 3.0]], heading=math.pi / 2, valid=[True, True, True])
    frame = agent_frame(north, rate_hz=5.0)
    torch.testing.assert_close(frame.origin_m, torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(frame.axis, torch.tensor([[0.0, 1.0]]), atol=1e-6, rtol=0)
    # Three metres over two steps of 0.2 s, straight ahead.
    torch.testing.assert_close(frame.velocity_mps, torch.tensor([[7.5, 0.0]]), atol=1e-5, rtol=0)
    assert float(frame.age_s) == 0.0
    future = constant_velocity_future(frame, num_future=2, rate_hz=5.0)
    torch.testing.assert_close(future, torch.tensor([[[1.5, 0.0], [3.0, 0.0]]]), atol=1e-5, rtol=0)


def test_invalid_last_step_is_extrapolated_over_and_never_read() -> None:
    late = observed([[0.0, 0.0], [1.0, 0.0], [999.0, 999.0]], heading=0.0, valid=[True, True, False])
    frame = agent_frame(late, rate_hz=5.0)
    torch.testing.assert_close(frame.origin_m, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(frame.velocity_mps, torch.tensor([[5.0, 0.0]]))
    torch.testing.assert_close(frame.age_s, torch.tensor([0.2]))
    # At the first future step 0.4 s have passed since it was seen.
    future = constant_velocity_future(frame, num_future=1, rate_hz=5.0)
    torch.testing.assert_close(future, torch.tensor([[[2.0, 0.0]]]))


def test_one_valid_step_stands_still() -> None:
    once = observed([[7.0, 7.0], [2.0, 3.0]], heading=0.0, valid=[False, True])
    assert agent_frame(once, rate_hz=5.0).velocity_mps.abs().max() == 0.0


def test_turning_a_gaussian_agrees_with_its_covariance_matrix() -> None:
    turned = observed([[1.0, 2.0]], heading=0.7, valid=[True])
    frame = agent_frame(turned, rate_hz=5.0)
    local = Paths(
        xy_m=torch.tensor([[[[3.0, -1.0]]]]), sigma_m=torch.tensor([[[[2.0, 0.5]]]]), rho=torch.tensor([[[0.3]]])
    )
    scene = paths_to_scene(local, frame=frame)
    turn = np.array([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]])
    covariance = turn @ np.array([[4.0, 0.3], [0.3, 0.25]]) @ turn.T
    np.testing.assert_allclose(scene.xy_m[0, 0, 0], turn @ [3.0, -1.0] + [1.0, 2.0], rtol=1e-5)
    np.testing.assert_allclose(scene.sigma_m[0, 0, 0] ** 2, np.diag(covariance), rtol=1e-5)
    expected_rho = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    np.testing.assert_allclose(scene.rho[0, 0, 0], expected_rho, rtol=1e-5)


def test_unrotate_undoes_rotate() -> None:
    vectors = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(0))
    axis = torch.tensor([math.cos(2.0), math.sin(2.0)])
    torch.testing.assert_close(unrotate(rotate(vectors, axis), axis), vectors)
