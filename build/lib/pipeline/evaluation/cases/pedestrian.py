"""A pedestrian steps out: the vehicle brakes for one who walks into its way, and not for one who does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.evaluation.cases.draws import choose, pedestrians, vehicles
from pipeline.evaluation.cases.driver import Driver, roll_out
from pipeline.evaluation.cases.scenes import TIMES_S, Scenes, straight

SHARES: Final = {"steps_out": 0.42, "stands": 0.06, "walks_along": 0.05, "leaves": 0.05}
_MARGIN_M: Final = 1.3


def pedestrian_steps_out(rng: np.random.Generator, num: int, *, shares: Mapping[str, float] = SHARES) -> Scenes:
    """The vehicle comes at a constant speed, 1.8 to 2.8 s away from the pedestrian's place at the forecast time.

    The pedestrian has stood by the road, has begun to walk 0.8 to 1.6 s before the forecast time and walks on across,
    so that it would be in front of the vehicle as this arrives: the vehicle brakes, and goes on once it has left the
    lane. Or the pedestrian stands, walks along the road, or has just left the lane and walks on; or there is none.

    Args:
        rng: Of everything.
        num: How many scenes.
        shares: How often the partner does what; the rest: there is none.
    """
    what = choose(rng, shares, num)
    speed, headway = rng.uniform(7.0, 11.0, num), rng.uniform(0.8, 1.2, num)
    size, category = vehicles(rng, num)
    partner_size, partner_category = pedestrians(rng, num)
    arrives, walk_mps, begins = rng.uniform(1.8, 2.8, num), rng.uniform(1.2, 1.9, num), rng.uniform(-1.6, -0.8, num)
    then_m, aside_m = rng.uniform(-0.7, 1.1, num), rng.uniform(2.2, 4.0, num)
    way = np.where(rng.random(num) < 0.5, -1.0, 1.0)  # along the road

    place = speed * arrives
    half = size[:, 1] / 2.0 + partner_size[:, 1] / 2.0
    out = then_m[:, None] + walk_mps[:, None] * (arrives[:, None] - np.maximum(TIMES_S, begins[:, None]))
    gone = -(half + 0.4)[:, None] - walk_mps[:, None] * TIMES_S
    steps_out, along = what == "steps_out", what == "walks_along"
    x_m = place[:, None] + np.where(along[:, None], (way * walk_mps)[:, None] * TIMES_S, 0.0)
    y_m = np.select([steps_out[:, None], (what == "leaves")[:, None]], [out, gone], default=aside_m[:, None])
    heading = np.select([along & (way > 0), along], [0.0, np.pi], default=-np.pi / 2.0)
    leaves = arrives + (then_m + half + 0.4) / walk_mps
    in_the_way = steps_out[:, None] & (leaves[:, None] > TIMES_S)
    x, _ = roll_out(
        Driver(
            speed_mps=speed,
            desired_mps=speed,
            headway_s=headway,
            length_m=size[:, 0],
            reacts_at_s=rng.uniform(0.0, 0.3, num),
        ),
        rear_m=np.where(in_the_way, (place - _MARGIN_M + 1.0)[:, None], np.inf),
        rear_mps=np.zeros_like(out),
    )
    return Scenes(
        reacting=straight(x_m=x, size_m=size, category=category),
        partner=straight(
            x_m=x_m,
            y_m=y_m,
            heading_rad=heading[:, None],
            size_m=partner_size,
            category=partner_category,
            there=what != "absent",
        ),
        reacts=steps_out,
    )
