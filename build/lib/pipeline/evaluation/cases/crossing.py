"""A crossing with priority: who has to give way brakes if the other will be on the crossing, and goes on after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.evaluation.cases.draws import choose, vehicles
from pipeline.evaluation.cases.driver import Driver, roll_out
from pipeline.evaluation.cases.scenes import TIMES_S, Scenes, straight

SHARES: Final = {"conflict": 0.42, "passed": 0.06, "late": 0.04, "stands": 0.06}
_MARGIN_M: Final = 1.5


def crossing(rng: np.random.Generator, num: int, *, shares: Mapping[str, float] = SHARES) -> Scenes:
    """The reacting vehicle comes to a crossing at a constant speed, 1.8 to 2.6 s away from it at the forecast time.

    The other comes from the side (75 to 105 degrees) at a constant speed and has priority. If it would arrive within
    about a second of the reacting one, that one brakes before the crossing, and goes on once the other has left. If the
    other has passed, comes 2.6 s later or more, stands by the road, or is absent, it goes on.

    Args:
        rng: Of everything.
        num: How many scenes.
        shares: How often the partner does what; the rest: there is none.
    """
    what = choose(rng, shares, num)
    speed, headway = rng.uniform(6.0, 10.0, num), rng.uniform(0.8, 1.2, num)
    size, category = vehicles(rng, num)
    partner_size, partner_category = vehicles(rng, num, trucks=0.1)
    arrives, angle = rng.uniform(1.8, 2.6, num), np.radians(rng.uniform(75.0, 105.0, num))
    partner_mps, share = rng.uniform(6.0, 10.0, num), rng.random(num)

    partner_arrives = np.select(
        [what == "conflict", what == "passed", what == "late"],
        [arrives - 1.1 + 2.2 * share, -1.2 + 0.9 * share, arrives + 2.6 + 0.8 * share],
        default=0.0,
    )
    place = speed * arrives  # x of the crossing
    along = partner_mps[:, None] * (TIMES_S - partner_arrives[:, None])
    along = np.where((what == "stands")[:, None], -(8.0 + 6.0 * share)[:, None], along)
    leaves = partner_arrives + (partner_size[:, 0] / 2.0 + size[:, 1] / 2.0 + 0.5) / partner_mps
    in_the_way = (what == "conflict")[:, None] & (leaves[:, None] > TIMES_S)
    line = place - partner_size[:, 1] / 2.0 - _MARGIN_M + 1.0  # a metre of the model's own two is enough before a line
    x, _ = roll_out(
        Driver(
            speed_mps=speed,
            desired_mps=speed,
            headway_s=headway,
            length_m=size[:, 0],
            reacts_at_s=rng.uniform(0.0, 0.3, num),
        ),
        rear_m=np.where(in_the_way, line[:, None], np.inf),
        rear_mps=np.zeros_like(along),
    )
    return Scenes(
        reacting=straight(x_m=x, size_m=size, category=category),
        partner=straight(
            x_m=place[:, None] + np.cos(angle)[:, None] * along,
            y_m=np.sin(angle)[:, None] * along,
            heading_rad=angle[:, None],
            size_m=partner_size,
            category=partner_category,
            there=what != "absent",
        ),
        reacts=what == "conflict",
    )
