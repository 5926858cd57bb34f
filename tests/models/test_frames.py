"""The agent's frame, constant velocity and the turning of Gaussians, against numbers computed by hand."""

import math

import numpy as np
import pytest
import torch

from models.batch import Observed, Paths
from models.frames import AgentFrame, agent_frame, facing_ahead, paths_to_scene, rotate, to_own_frames, unrotate
from models.inputs import step_velocity
from models.kinematics import acceleration, fading_motion, turn_rate


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
        ahead_feature=torch.zeros(1, 1, 1),
        ahead_feature_valid=torch.zeros(1, 1, dtype=torch.bool),
        frame_feature=torch.zeros(1, 1, 1),
        frame_feature_valid=torch.zeros(1, 1, dtype=torch.bool),
    )


def straight(frame: AgentFrame, *, num_future: int) -> torch.Tensor:
    more = torch.ones_like(frame.age_s)
    return fading_motion(
        frame,
        turn_radps=more,
        accel_mps2=more,
        turn_decay_s=0.0 * more,
        accel_decay_s=0.0 * more,
        num_future=num_future,
        rate_hz=5.0,
    )


def test_frame_sits_at_the_last_valid_position_along_the_heading() -> None:
    north = observed([[0.0, 0.0], [0.0, 1.0], [0.0, 3.0]], heading=math.pi / 2, valid=[True, True, True])
    frame = agent_frame(north, rate_hz=5.0)
    torch.testing.assert_close(frame.origin_m, torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(frame.axis, torch.tensor([[0.0, 1.0]]), atol=1e-6, rtol=0)
    # Three metres over two steps of 0.2 s, straight ahead.
    torch.testing.assert_close(frame.velocity_mps, torch.tensor([[7.5, 0.0]]), atol=1e-5, rtol=0)
    assert float(frame.age_s) == 0.0
    future = straight(frame, num_future=2)
    torch.testing.assert_close(future, torch.tensor([[[1.5, 0.0], [3.0, 0.0]]]), atol=1e-5, rtol=0)


def test_invalid_last_step_is_extrapolated_over_and_never_read() -> None:
    late = observed([[0.0, 0.0], [1.0, 0.0], [999.0, 999.0]], heading=0.0, valid=[True, True, False])
    frame = agent_frame(late, rate_hz=5.0)
    torch.testing.assert_close(frame.origin_m, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(frame.velocity_mps, torch.tensor([[5.0, 0.0]]))
    torch.testing.assert_close(frame.age_s, torch.tensor([0.2]))
    # At the first future step 0.4 s have passed since it was seen.
    future = straight(frame, num_future=1)
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
    torch.testing.assert_close(to_own_frames(scene.xy_m[:, 0], frame=frame), local.xy_m[:, 0])
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


def test_a_turn_is_measured_over_the_wrap_and_fades() -> None:
    steps = torch.arange(6)
    heading = (math.pi - 0.25 + 0.1 * steps + math.pi) % (2 * math.pi) - math.pi  # crosses pi between two steps
    turn = turn_rate(
        heading[None],
        valid=torch.ones(1, 6, dtype=torch.bool),
        last=torch.tensor([5]),
        velocity_mps=torch.tensor([[6.0, 0.0]]),
        rate_hz=5.0,
    )
    torch.testing.assert_close(turn, torch.tensor([0.5]))
    ahead = agent_frame(observed([[0.0, 0.0], [1.2, 0.0], [2.4, 0.0]], heading=0.0, valid=[True] * 3), rate_hz=5.0)
    path = fading_motion(
        ahead,
        turn_radps=turn,
        accel_mps2=torch.zeros(1),
        turn_decay_s=torch.ones(1),
        accel_decay_s=torch.zeros(1),
        num_future=200,
        rate_hz=5.0,
    )[0].double()
    # The path keeps its length, and ends along the direction of the whole remaining turn: 0.5 rad/s * 1 s.
    pieces = path.diff(dim=0)
    torch.testing.assert_close(pieces.norm(dim=-1), torch.full((199,), 1.2).double(), atol=2e-3, rtol=0)
    assert math.atan2(float(pieces[-1, 1]), float(pieces[-1, 0])) == pytest.approx(0.5, abs=1e-3)


def test_no_turn_is_told_from_slow_or_sideways_motion_or_a_missing_heading() -> None:
    heading = torch.tensor([[0.0, 0.1, 0.2, 0.3, 0.4]]).expand(3, -1)
    valid = torch.ones(3, 5, dtype=torch.bool)
    valid[2, 0] = False
    velocity = torch.tensor([[1.0, 0.0], [3.0, 3.0], [6.0, 0.0]])
    turn = turn_rate(heading, valid=valid, last=torch.full((3,), 4), velocity_mps=velocity, rate_hz=5.0)
    assert turn.abs().max() == 0.0


def test_an_acceleration_is_that_of_the_parabola_and_fades_and_nobody_goes_back() -> None:
    time_s = torch.arange(-7, 1).double() / 5.0
    along_m = torch.stack((10.0 * time_s + 0.75 * time_s**2, 4.0 * time_s - 1.5 * time_s**2, 0.5 * time_s + time_s**2))
    xy_m = torch.stack((torch.zeros_like(along_m), along_m), dim=-1).float()
    valid = torch.ones(3, 8, dtype=torch.bool)
    valid[:, 2] = False
    velocity = torch.tensor([[0.0, 10.0], [0.0, 4.0], [0.0, 0.5]])
    found, variance = acceleration(xy_m, valid=valid, last=torch.full((3,), 7), velocity_mps=velocity, rate_hz=5.0)
    torch.testing.assert_close(found, torch.tensor([1.5, -3.0, 0.0]), atol=1e-3, rtol=0)  # the third hardly moves
    assert variance.max() < 1e-6, "these are parabolas"
    few, _ = acceleration(
        xy_m, valid=valid & (torch.arange(8) > 4), last=torch.full((3,), 7), velocity_mps=velocity, rate_hz=5.0
    )
    assert few.abs().max() == 0.0, "three steps fit any parabola"
    ahead = agent_frame(observed([[0.0, 0.0], [0.8, 0.0], [1.6, 0.0]], heading=0.0, valid=[True] * 3), rate_hz=5.0)

    def path(accel_mps2: float) -> torch.Tensor:
        return fading_motion(
            ahead,
            turn_radps=torch.zeros(1),
            accel_mps2=torch.tensor([accel_mps2]),
            turn_decay_s=torch.zeros(1),
            accel_decay_s=torch.ones(1),
            num_future=100,
            rate_hz=5.0,
        )[0, :, 0].double()

    # From 4 m/s to 4 + 2 * 1 s; the way is 6 t - 2 (1 - e^-t).
    torch.testing.assert_close(
        path(2.0)[[4, 99]], torch.tensor([6.0 - 2 * (1 - math.exp(-1)), 118.0]).double(), atol=0.01, rtol=0
    )
    assert (path(-6.0).diff() >= 0.0).all()
    stopped_m = 4.0 * math.log(3.0) - 6.0 * (math.log(3.0) - 2.0 / 3.0)  # at t = log 3
    assert path(-6.0)[-1] == pytest.approx(stopped_m, abs=0.02)


def test_the_variance_of_an_acceleration_is_that_of_its_error() -> None:
    noise_m = 0.05 * torch.randn(4000, 11, 2, generator=torch.Generator().manual_seed(0))
    time_s = torch.arange(-10, 1) / 5.0
    xy_m = torch.stack((8.0 * time_s + 0.5 * time_s**2, 0.0 * time_s), dim=-1) + noise_m
    found, variance = acceleration(
        xy_m,
        valid=torch.ones(4000, 11, dtype=torch.bool),
        last=torch.full((4000,), 10),
        velocity_mps=torch.tensor([8.0, 0.0]).expand(4000, 2),
        rate_hz=5.0,
    )
    assert float(found.mean()) == pytest.approx(1.0, abs=0.005)
    assert float(variance.mean()) == pytest.approx(float((found - 1.0).square().mean()), rel=0.05)


def test_velocities_are_told_over_gaps() -> None:
    xs = [0.0, 1.0, 2.0, 9.0, 9.0, 12.0]
    seen = observed([[x, 0.0] for x in xs], heading=0.0, valid=[True, False, True, False, False, True])
    # 10 m in the three steps of 0.2 s since the third one; nothing is known in the last 0.4 s.
    torch.testing.assert_close(agent_frame(seen, rate_hz=5.0).velocity_mps, torch.tensor([[10.0 / 0.6, 0.0]]))
    velocity, known = step_velocity(seen, rate_hz=5.0)
    assert known.tolist() == [[False, False, True, False, False, True]]
    torch.testing.assert_close(velocity[0, :, 0], torch.tensor([0.0, 0.0, 5.0, 0.0, 0.0, 10.0 / 0.6]))


def test_a_heading_against_fast_motion_is_turned_round_and_a_slow_reverse_is_not() -> None:
    fast = observed([[0.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]], heading=0.3, valid=[True] * 3)
    turned = torch.full((1, 3), 0.3 + math.pi)
    torch.testing.assert_close(facing_ahead(fast, rate_hz=5.0).heading_rad, turned)
    for kept in (
        observed([[0.0, 0.0], [-0.4, 0.0], [-0.8, 0.0]], heading=0.0, valid=[True] * 3),
        observed([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], heading=0.0, valid=[True] * 3),
    ):
        torch.testing.assert_close(facing_ahead(kept, rate_hz=5.0).heading_rad, kept.heading_rad)
