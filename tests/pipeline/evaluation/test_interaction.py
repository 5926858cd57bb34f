"""Followers and yielding vehicles, on scenes drawn by hand and on real drives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from jaxtyping import Float

from pipeline.drives.categories import Category
from pipeline.evaluation.interaction import followers, moved_before, yielders
from pipeline.evaluation.leaders import NO_LEADER, leaders
from pipeline.windows.windows import Future, Observed
from tests.pipeline.evaluation import made_up

RATE_HZ = 5.0
NUM_OBSERVED, NUM_FUTURE = 11, 20
T_S = (np.arange(NUM_OBSERVED + NUM_FUTURE) - NUM_OBSERVED + 1) / RATE_HZ  # zero at the forecast time

CAR, WALKER, BICYCLE = (4.5, 1.8), (0.5, 0.5), (1.8, 0.6)
CATEGORY = {CAR: Category.CAR, WALKER: Category.PEDESTRIAN, BICYCLE: Category.BICYCLE}


class Agent(NamedTuple):
    """A path over ``T_S`` and the box."""

    xy_m: Float[np.ndarray, "s 2"]
    heading_rad: Float[np.ndarray, " s"]
    size_m: tuple[float, float] = CAR


def straight(
    x_m: float,
    y_m: float,
    *,
    degrees: float = 0.0,
    travelled_m: Float[np.ndarray, " s"] | float = 0.0,
    size_m: tuple[float, float] = CAR,
) -> Agent:
    """From a place at the forecast time along a line; a number is a constant speed in m/s."""
    along = travelled_m if isinstance(travelled_m, np.ndarray) else travelled_m * T_S
    heading = np.full(len(T_S), np.deg2rad(degrees))
    direction = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return Agent(np.array([x_m, y_m]) + along[:, None] * direction, heading, size_m)


def braking(speed_mps: float, *, decel_mps2: float, start_s: float = 0.0) -> Float[np.ndarray, " s"]:
    """Distance travelled since the forecast time: steady, then braking to a halt."""
    t = np.clip(T_S - start_s, 0.0, speed_mps / decel_mps2)
    return speed_mps * (np.minimum(T_S, start_s) + t) - decel_mps2 * t**2 / 2.0


def starting(start_s: float, *, accel_mps2: float = 2.0) -> Float[np.ndarray, " s"]:
    """Distance travelled by one that waits until then."""
    return accel_mps2 * np.maximum(T_S - start_s, 0.0) ** 2 / 2.0


def bend(degrees: float, *, radius_m: float, speed_mps: float) -> Agent:
    """On a circle around (0, radius) to the left, at an angle from its lowest point at the forecast time."""
    angle = np.deg2rad(degrees) + speed_mps / radius_m * T_S
    xy = radius_m * np.stack([np.sin(angle), 1.0 - np.cos(angle)], axis=-1)
    return Agent(xy, angle)


def scene(*agents: Agent, noise_m: float = 0.0) -> tuple[Observed, Future]:
    """Agents of one scene, cut at the forecast time."""
    xy = np.stack([agent.xy_m for agent in agents])
    xy = xy + np.random.default_rng(0).normal(0.0, noise_m, xy.shape) if noise_m else xy
    seen = made_up.observed(
        xy[:, :NUM_OBSERVED],
        heading_rad=np.stack([agent.heading_rad[:NUM_OBSERVED] for agent in agents]),
        size_m=np.array([agent.size_m for agent in agents]),
        category=np.array([CATEGORY[agent.size_m] for agent in agents], np.int8),
    )
    return seen, made_up.future(xy[:, NUM_OBSERVED:])


def follows(*agents: Agent) -> list[bool]:
    seen, _ = scene(*agents)
    return followers(seen, rate_hz=RATE_HZ).tolist()


def yields(*agents: Agent, noise_m: float = 0.0) -> list[bool]:
    return yielders(*scene(*agents, noise_m=noise_m), rate_hz=RATE_HZ).tolist()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (straight(25, 0, travelled_m=10.0), True),
        (straight(25, 0, travelled_m=0.0), True),  # it stands
        (straight(25, 1.0, travelled_m=5.0, size_m=BICYCLE), True),  # at the edge of the lane
        (straight(25, 3.5, travelled_m=10.0), False),  # the next lane
        (straight(25, -3.0, travelled_m=0.0), False),  # parked beside the lane
        (straight(34, 0, travelled_m=10.0), True),  # 29.5 m between the bumpers, 3 s at 10 m/s are 30 m
        (straight(35, 0, travelled_m=10.0), False),
        (straight(25, 0, degrees=180, travelled_m=10.0), False),  # oncoming
        (straight(25, 0, degrees=90, travelled_m=10.0), False),  # crossing
        (straight(-10, 0, travelled_m=10.0), False),  # behind: the follower is the other one
        (straight(15, 0, travelled_m=1.0, size_m=WALKER), False),
    ],
)
def test_a_leader_is_ahead_in_the_same_path_within_three_seconds(*, other: Agent, expected: bool) -> None:
    assert follows(straight(0, 0, travelled_m=10.0), other)[0] is expected


def test_a_queue_follows_at_any_speed_and_the_nearest_leads() -> None:
    queue = [straight(x, 0) for x in (14, 0, 7)]
    seen, _ = scene(*queue)
    assert leaders(seen, rate_hz=RATE_HZ).tolist() == [NO_LEADER, 2, 0]
    assert follows(straight(0, 0), straight(14.6, 0))[0] is False  # 10.1 m


def test_in_a_bend_the_path_bends() -> None:
    follower, leader = bend(0, radius_m=30, speed_mps=8.0), bend(35, radius_m=30, speed_mps=8.0)
    inner = bend(40, radius_m=26.5, speed_mps=8.0)
    inner = inner._replace(xy_m=inner.xy_m + np.array([0.0, 3.5]))  # around the same centre
    assert follows(follower, leader) == [True, False]
    assert follows(follower, inner) == [False, False]


@pytest.mark.parametrize("noise_m", [0.0, 0.2])
def test_a_car_that_brakes_for_a_pedestrian_yields(noise_m: float) -> None:
    car = straight(0, 0, travelled_m=braking(8.0, decel_mps2=2.5))  # stops 12.8 m on
    walker = straight(17, -4, degrees=90, travelled_m=1.5, size_m=WALKER)
    assert yields(car, walker, noise_m=noise_m) == [True, False]
    # Nobody crosses, on the pavement, far ahead, and long before the car would have come.
    for elsewhere in (
        straight(17, -4, degrees=0, travelled_m=1.5, size_m=WALKER),
        straight(45, -4, degrees=90, travelled_m=1.5, size_m=WALKER),
        straight(17, -20, degrees=90, travelled_m=1.5, size_m=WALKER),
    ):
        assert yields(car, elsewhere, noise_m=noise_m) == [False, False]


def test_a_car_that_crosses_second_without_slowing_does_not_yield() -> None:
    crossing = straight(20, 15, degrees=-90, travelled_m=10.0)
    assert yields(straight(0, 0, travelled_m=5.0), crossing) == [False, False]
    assert yields(straight(0, 0, travelled_m=braking(5.0, decel_mps2=1.0)), crossing) == [True, False]


@pytest.mark.parametrize("noise_m", [0.0, 0.2])
@pytest.mark.parametrize("starts_s", [2.0, 9.0])
def test_a_car_that_waits_for_another_from_the_right_yields(noise_m: float, starts_s: float) -> None:
    waiting = straight(0, 0, travelled_m=starting(starts_s))
    crossing = straight(9, -10, degrees=90, travelled_m=9.0)
    assert yields(waiting, crossing, noise_m=noise_m) == [True, False]
    # The second in the queue follows the first; that one yields.
    second = straight(-7, 0, travelled_m=starting(starts_s + 1.0))
    assert yields(second, waiting, crossing, noise_m=noise_m) == [False, True, False]


def test_a_car_that_lets_another_in_yields_to_it() -> None:
    # From a side road on the right, by a quarter circle of 8 m into the lane ahead.
    run = 6.0 * T_S
    angle = np.clip(run / 8.0, 0.0, np.pi / 2)
    xy = np.stack([8.0 * (1 - np.cos(angle)), 8.0 * np.sin(angle)], axis=-1)
    rest = np.maximum(run - 4.0 * np.pi, 0.0)[:, None] * np.array([1.0, 0.0])
    before = np.minimum(run, 0.0)[:, None] * np.array([0.0, 1.0])
    merging = Agent(xy + rest + before + np.array([12.0, -8.0]), np.pi / 2 - angle)
    assert yields(straight(0, 0, travelled_m=braking(9.0, decel_mps2=3.0)), merging) == [True, False]
    assert yields(straight(0, 0, travelled_m=9.0), merging) == [False, False]


def test_a_car_that_stops_behind_its_leader_follows_and_does_not_yield() -> None:
    leader = straight(12, 0, travelled_m=braking(8.0, decel_mps2=4.0))
    follower = straight(0, 0, travelled_m=braking(8.0, decel_mps2=4.0, start_s=0.4))
    crossing = straight(25, -10, degrees=90, travelled_m=9.0)  # ahead of the leader
    assert follows(follower, leader, crossing) == [True, False, False]
    assert yields(follower, leader, crossing) == [False, True, False]
    assert yields(follower, leader) == [False, False]


def traffic() -> tuple[Observed, Future]:
    around = [bend(degrees, radius_m=30, speed_mps=8.0) for degrees in (0, 35)]
    return scene(
        straight(0, 0, travelled_m=braking(8.0, decel_mps2=2.5)),
        straight(17, -4, degrees=90, travelled_m=1.5, size_m=WALKER),
        straight(-15, 0, travelled_m=braking(8.0, decel_mps2=2.5, start_s=0.4)),
        straight(9, 60, degrees=0, travelled_m=starting(1.0)),
        straight(18, 50, degrees=90, travelled_m=9.0),
        *(agent._replace(xy_m=agent.xy_m - np.array([0.0, 100.0])) for agent in around),
        noise_m=0.1,
    )


def moved(seen: Observed, later: Future, change: Callable[[np.ndarray], np.ndarray], *, turn_rad: float):
    heading = seen.heading_rad + turn_rad
    return replace(seen, xy_m=change(seen.xy_m), heading_rad=heading), replace(later, xy_m=change(later.xy_m))


def test_neither_the_world_frame_nor_the_order_matters() -> None:
    seen, later = traffic()
    followed, yielded = followers(seen, rate_hz=RATE_HZ), yielders(seen, later, rate_hz=RATE_HZ)
    assert followed.tolist() == [False, False, True, False, False, True, False]
    assert yielded.tolist() == [True, False, False, True, False, False, False]
    turn = np.array([[np.cos(2.0), np.sin(2.0)], [-np.sin(2.0), np.cos(2.0)]])
    elsewhere = moved(seen, later, lambda xy: xy @ turn + np.array([80.0, -30.0]), turn_rad=2.0)
    assert followers(elsewhere[0], rate_hz=RATE_HZ).tolist() == followed.tolist()
    assert yielders(*elsewhere, rate_hz=RATE_HZ).tolist() == yielded.tolist()
    order = np.random.default_rng(1).permutation(len(followed))
    names = ("category", "is_ego", "size_m", "xy_m", "heading_rad", "heading_valid", "valid")
    names += ("agent_feature", "agent_feature_valid", "ahead_feature", "ahead_feature_valid")
    shuffled = replace(seen, **{name: getattr(seen, name)[order] for name in names})
    after = Future(xy_m=later.xy_m[order], heading_rad=later.heading_rad[order], valid=later.valid[order])
    assert followers(shuffled, rate_hz=RATE_HZ).tolist() == followed[order].tolist()
    assert yielders(shuffled, after, rate_hz=RATE_HZ).tolist() == yielded[order].tolist()


def test_agents_of_other_scenes_and_what_is_not_valid_do_not_matter() -> None:
    seen, later = traffic()
    frames = {"frame_feature": np.zeros((7, 1, 2)), "frame_feature_valid": np.zeros((7, 1), bool)}
    alone = replace(seen, scene=np.arange(7), **frames)
    assert not followers(alone, rate_hz=RATE_HZ).any()
    assert not yielders(alone, later, rate_hz=RATE_HZ).any()
    # Every third step is missing, but for the forecast time.
    valid = np.broadcast_to((np.arange(NUM_OBSERVED + NUM_FUTURE) - NUM_OBSERVED) % 3 != 0, (7, len(T_S)))
    part = (valid[:, :NUM_OBSERVED], valid[:, NUM_OBSERVED:])
    holes = replace(seen, valid=part[0], xy_m=np.where(part[0][..., None], seen.xy_m, np.nan))
    after = replace(later, valid=part[1], xy_m=np.where(part[1][..., None], later.xy_m, 1e9))
    assert followers(holes, rate_hz=RATE_HZ).tolist() == followers(seen, rate_hz=RATE_HZ).tolist()
    assert yielders(holes, after, rate_hz=RATE_HZ).tolist() == yielders(seen, later, rate_hz=RATE_HZ).tolist()
    nothing = replace(later, valid=np.zeros_like(later.valid))
    assert not yielders(seen, nothing, rate_hz=RATE_HZ).any()


def test_who_has_just_stopped_has_moved() -> None:
    seen, _ = scene(straight(0, 0), straight(0, 9, travelled_m=braking(4.0, decel_mps2=4.0, start_s=-1.0)))
    assert moved_before(seen, distance_m=1.0).tolist() == [False, True]
