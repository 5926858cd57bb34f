"""A leader brakes: the follower brakes too, a moment later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.evaluation.cases.draws import choose, vehicles
from pipeline.evaluation.cases.driver import Driver, equilibrium_gap_m, roll_out
from pipeline.evaluation.cases.scenes import TIMES_S, Scenes, straight

SHARES: Final = {"brakes": 0.42, "steady": 0.08, "next_lane_brakes": 0.08}


def leader_brakes(rng: np.random.Generator, num: int, *, shares: Mapping[str, float] = SHARES) -> Scenes:
    """The follower keeps its distance at a constant speed up to the forecast time.

    Its leader has begun to brake 0.6 to 1.2 s before, at 2.5 to 5 m/s^2, and brakes until it stands; or goes on
    steadily; or it is a vehicle in the next lane that brakes; or there is none. The follower reacts up to 0.3 s after
    the forecast time.

    Args:
        rng: Of everything.
        num: How many scenes.
        shares: How often the partner does what; the rest: there is none.
    """
    what = choose(rng, shares, num)
    speed, headway = rng.uniform(7.0, 13.0, num), rng.uniform(0.9, 1.5, num)
    size, category = vehicles(rng, num)
    partner_size, partner_category = vehicles(rng, num, trucks=0.1)
    braking, begins = rng.uniform(2.5, 5.0, num), rng.uniform(-1.2, -0.6, num)
    lane = rng.uniform(3.2, 3.8, num) * np.where(rng.random(num) < 0.5, -1.0, 1.0)

    brakes = np.isin(what, ["brakes", "next_lane_brakes"])
    ahead = np.isin(what, ["brakes", "steady"])
    until = np.clip(TIMES_S - begins[:, None], 0.0, (speed / braking)[:, None]) * brakes[:, None]
    followed = 1.4 * speed
    gap = equilibrium_gap_m(speed_mps=speed, desired_mps=followed, headway_s=headway)
    start = gap + (size[:, 0] + partner_size[:, 0]) / 2.0
    steady = np.minimum(TIMES_S, begins[:, None]) + (TIMES_S - begins[:, None]).clip(min=0.0)
    going = np.where(brakes[:, None], np.minimum(steady, begins[:, None] + until), TIMES_S)
    x_m = start[:, None] + speed[:, None] * going - braking[:, None] * until**2 / 2.0
    rear_mps = speed[:, None] - braking[:, None] * until
    x, _ = roll_out(
        Driver(
            speed_mps=speed,
            desired_mps=np.where(ahead, followed, speed),
            headway_s=headway,
            length_m=size[:, 0],
            reacts_at_s=rng.uniform(0.0, 0.3, num),
        ),
        rear_m=np.where(ahead[:, None], x_m - partner_size[:, :1] / 2.0, np.inf),
        rear_mps=rear_mps,
    )
    return Scenes(
        reacting=straight(x_m=x, size_m=size, category=category),
        partner=straight(
            x_m=x_m,
            y_m=np.where(ahead, 0.0, lane)[:, None],
            size_m=partner_size,
            category=partner_category,
            there=what != "absent",
        ),
        reacts=what == "brakes",
    )
