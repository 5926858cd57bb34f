"""Who follows whom, and what that does to speeds: hand-computed, and as the evaluation tells it on made-up scenes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.following import Following, Leaders, find_leaders
from models.frames import AgentFrame
from models.kinematics import fading_motion
from pipeline.evaluation.leaders import NO_LEADER, nearest_ahead

CAR_M = (4.0, 2.0)


def frames(poses: list[tuple[float, float, float]], *, speed_mps: list[float], age_s: float = 0.0) -> AgentFrame:
    """Agents at (x, y, heading in degrees), each moving along its heading."""
    x, y, degrees = torch.tensor(poses, dtype=torch.float64).unbind(-1)
    angle = torch.deg2rad(degrees)
    num = len(poses)
    return AgentFrame(
        last=torch.zeros(num, dtype=torch.long),
        known=torch.ones(num, dtype=torch.bool),
        origin_m=torch.stack((x, y), dim=-1),
        axis=torch.stack((angle.cos(), angle.sin()), dim=-1),
        has_axis=torch.ones(num, dtype=torch.bool),
        age_s=torch.full((num,), age_s, dtype=torch.float64),
        velocity_mps=torch.tensor([[speed, 0.0] for speed in speed_mps], dtype=torch.float64),
    )


def leaders(frame: AgentFrame, *, drives: list[bool] | None = None, scene: list[int] | None = None) -> Leaders:
    num = len(frame.last)
    return find_leaders(
        torch.tensor(scene or [0] * num),
        frame=frame,
        size_m=torch.tensor([CAR_M] * num, dtype=torch.float64),
        drives=torch.tensor(drives or [True] * num),
    )


def test_the_leader_is_the_nearest_ahead_in_the_same_path() -> None:
    row = [(0.0, 0.0, 0.0), (30.0, 0.5, 0.0), (14.0, -0.5, 10.0), (10.0, 3.5, 0.0), (8.0, 0.0, 90.0), (-9.0, 0.0, 0.0)]
    found = leaders(frames(row, speed_mps=[5.0] * 6))
    # The one across and the one a lane aside lead nobody in the row; whoever has no leader is its own.
    assert found.leader.tolist() == [2, 1, 1, 3, 4, 0]
    half = math.radians(
        5.0
    )  # the chord to the leader, which heads 10 degrees to the left, counts along the mean heading
    gap_m = 14.0 * math.cos(half) - 0.5 * math.sin(half) - 4.0
    assert found.gap_m[[0, 5]].tolist() == pytest.approx([gap_m, 5.0])
    assert found.gap_m[[1, 3, 4]].isinf().all()


def test_nobody_leads_from_another_scene_on_foot_too_far_or_without_a_heading() -> None:
    two = frames([(0.0, 0.0, 0.0), (20.0, 0.0, 0.0)], speed_mps=[5.0, 5.0])
    assert leaders(two).leader.tolist() == [1, 1]
    nobody = [
        leaders(two, scene=[0, 1]),
        leaders(two, drives=[True, False]),
        leaders(frames([(0.0, 0.0, 0.0), (65.0, 0.0, 0.0)], speed_mps=[5.0, 5.0])),
        leaders(replace(two, has_axis=torch.tensor([True, False]))),
        leaders(replace(two, known=torch.tensor([True, False]))),
        leaders(frames([(0.0, 0.0, 0.0)], speed_mps=[5.0])),
    ]
    assert all(found.leader.tolist() == list(range(len(found.leader))) for found in nobody)
    assert all(found.gap_m.isinf().all() for found in nobody)


def test_gaps_are_those_of_the_forecast_time() -> None:
    """Both were last seen half a second ago, and have moved on since."""
    found = leaders(frames([(0.0, 0.0, 90.0), (0.0, 20.0, 90.0)], speed_mps=[10.0, 2.0], age_s=0.5))
    assert found.gap_m[0] == pytest.approx(20.0 + 1.0 - 5.0 - 4.0)


def test_the_evaluation_finds_the_same_leaders() -> None:
    rng = np.random.default_rng(0)
    num, scene = 400, np.sort(np.arange(400) % 8)
    # Three lanes each way.
    lane = rng.integers(0, 6, num)
    heading = np.where(lane < 3, 0.0, np.pi) + rng.normal(0.0, 0.1, num)
    xy = np.column_stack([rng.uniform(0.0, 300.0, num), 3.5 * lane + rng.normal(0.0, 0.3, num)])
    size = np.column_stack([rng.uniform(3.5, 12.0, num), rng.uniform(1.6, 2.6, num)])
    there = rng.random(num) < 0.9
    expected, gap = nearest_ahead(xy, heading, size_m=size, scene=scene, there=there, reach_m=np.full(num, 60.0))
    poses = np.column_stack([xy, np.rad2deg(heading)]).tolist()
    found = find_leaders(
        torch.from_numpy(scene),
        frame=frames(poses, speed_mps=[1.0] * num),
        size_m=torch.from_numpy(size),
        drives=torch.from_numpy(there),
    )
    has = expected != NO_LEADER
    assert has.sum() > 150
    np.testing.assert_array_equal(np.where(has, expected, np.arange(num)), found.leader.numpy())
    np.testing.assert_allclose(np.maximum(gap[has], 0.0), found.gap_m.numpy()[has])


def test_a_follower_takes_on_its_leaders_speed_and_a_leader_nobodys() -> None:
    found = Leaders(leader=torch.tensor([1, 1, 0]), gap_m=torch.tensor([20.0, math.inf, 10.0]))
    following = found.following(torch.tensor([0.5, 20.0]))
    torch.testing.assert_close(following.pull_1ps, torch.tensor([0.5 * math.exp(-1.0), 0.0, 0.5 * math.exp(-0.5)]))
    alone = torch.tensor([10.0, 4.0, 0.0]).expand(400, 3).T
    speeds = following.speeds(alone, dt_s=0.01)
    time_s = 0.01 * (torch.arange(400) + 0.5)
    torch.testing.assert_close(speeds[0], 4.0 + 6.0 * torch.exp(-following.pull_1ps[0] * time_s), atol=1e-4, rtol=0)
    assert speeds[1].eq(4.0).all()
    # The third follows the first as that slows down: dv/dt = p (u - v) with u = 4 + 6 exp(-q t).
    q, p = (float(pull) for pull in following.pull_1ps[[0, 2]])
    expected = 4.0 * (1 - torch.exp(-p * time_s)) + 6.0 * p / (p - q) * (
        torch.exp(-q * time_s) - torch.exp(-p * time_s)
    )
    torch.testing.assert_close(speeds[2], expected, atol=5e-3, rtol=0)


def test_the_base_path_slows_down_behind_a_standing_vehicle_after_the_forecast_time_alone() -> None:
    frame = frames([(0.0, 0.0, 0.0), (20.0, 0.0, 0.0)], speed_mps=[10.0, 0.0], age_s=0.4)
    frame = replace(frame, age_s=torch.tensor([0.4, 0.0]).double())
    zero = torch.zeros(2).double()

    def path(following: Following | None) -> torch.Tensor:
        return fading_motion(
            frame,
            turn_radps=zero,
            accel_mps2=zero,
            turn_decay_s=zero,
            accel_decay_s=zero,
            num_future=20,
            rate_hz=5.0,
            following=following,
        )[0, :, 0]

    pull = 0.5
    drawn = path(Following(leader=torch.tensor([1, 1]), pull_1ps=torch.tensor([pull, 0.0]).double()))
    # Ten metres per second for the 0.4 s before the forecast time, then 10 exp(-t / 2).
    expected = 4.0 + 20.0 * (1.0 - torch.exp(-pull * torch.arange(1, 21) / 5.0))
    torch.testing.assert_close(drawn, expected.double(), atol=0.05, rtol=0)
    assert (drawn.diff() < path(None).diff()).all()
    torch.testing.assert_close(path(None), 4.0 + 2.0 * torch.arange(1, 21).double())


def test_unknown_sizes_are_those_of_a_usual_car() -> None:
    frame = frames([(0.0, 0.0, 0.0), (20.0, 0.0, 0.0)], speed_mps=[5.0, 5.0])
    found = find_leaders(
        torch.zeros(2, dtype=torch.long),
        frame=frame,
        size_m=torch.zeros(2, 2).double(),
        drives=torch.ones(2, dtype=torch.bool),
    )
    assert found.gap_m[0] == pytest.approx(20.0 - 4.5)


def test_who_stands_leads_but_follows_nobody() -> None:
    """A car parked by the road has those who drive on ahead of it, too."""
    row = [(0.0, 0.0, 0.0), (6.0, 0.0, 0.0), (12.0, 0.0, 0.0)]
    assert leaders(frames(row, speed_mps=[1.0, 0.0, 5.0])).leader.tolist() == [1, 1, 2]


def test_layers_see_how_near_the_leader_is_and_how_fast() -> None:
    found = Leaders(leader=torch.tensor([1, 1]), gap_m=torch.tensor([20.0, math.inf]))
    expected = [[1.0, math.exp(-2.0), 20.0 / 60.0, -0.4, 0.6], [0.0, 0.0, 1.0, 0.0, 0.0]]
    torch.testing.assert_close(found.inputs(torch.tensor([10.0, 6.0])), torch.tensor(expected))
