"""A merge: a vehicle from a ramp lets one on the main lane go first, or goes ahead of it, by who arrives when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.evaluation.cases.draws import choose, vehicles
from pipeline.evaluation.cases.driver import Driver, roll_out
from pipeline.evaluation.cases.scenes import TIMES_S, Scenes, straight

SHARES: Final = {"conflict": 0.42, "ahead": 0.08, "behind": 0.08}
_BEND_M: Final = 4.0  # the ramp turns into the lane over about this length on either side of where they meet


def merge(rng: np.random.Generator, num: int, *, shares: Mapping[str, float] = SHARES) -> Scenes:
    """The ramp meets the lane at 11 to 15 degrees; its vehicle comes at a constant speed up to the forecast time.

    Where both would arrive within about a second of each other, the main lane's vehicle has priority: the other brakes
    and slots in behind it. Where that one is two seconds ahead or behind, or absent, the ramp's goes on. The one on the
    main lane holds its speed, so who arrives when can be told at the forecast time.

    Args:
        rng: Of everything.
        num: How many scenes.
        shares: How often the partner does what; the rest: there is none.
    """
    what = choose(rng, shares, num)
    speed, headway = rng.uniform(9.0, 13.0, num), rng.uniform(0.7, 1.0, num)
    size, category = vehicles(rng, num)
    partner_size, partner_category = vehicles(rng, num)
    arrives, slope = rng.uniform(2.2, 3.2, num), rng.uniform(0.2, 0.27, num)
    partner_mps, share = speed * rng.uniform(0.95, 1.1, num), rng.random(num)

    later = np.select(
        [what == "conflict", what == "ahead", what == "behind"],
        [-0.9 + 1.0 * share, -3.0 + 1.0 * share, 1.9 + 1.0 * share],
        default=0.0,
    )
    meets = speed * arrives  # at this x
    x_m = meets[:, None] + partner_mps[:, None] * (TIMES_S - (arrives + later)[:, None])
    yields = what == "conflict"
    x, _ = roll_out(
        Driver(
            speed_mps=speed,
            desired_mps=speed,
            headway_s=headway,
            length_m=size[:, 0],
            reacts_at_s=rng.uniform(0.0, 0.3, num),
            hardest_mps2=5.0,
        ),
        rear_m=np.where(yields[:, None], x_m - partner_size[:, :1] / 2.0, np.inf),
        rear_mps=np.broadcast_to(partner_mps[:, None], x_m.shape),
    )
    to_go = (meets[:, None] - x) / _BEND_M
    return Scenes(
        reacting=straight(
            x_m=x,
            y_m=-slope[:, None] * _BEND_M * np.logaddexp(0.0, to_go),
            heading_rad=np.arctan(slope[:, None] / (1.0 + np.exp(-to_go))),
            size_m=size,
            category=category,
        ),
        partner=straight(
            x_m=x_m,
            size_m=partner_size,
            category=partner_category,
            there=what != "absent",
        ),
        reacts=yields,
    )
