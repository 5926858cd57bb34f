import numpy as np
import pandas as pd

from pipeline.simulation.recording import AGENT_COLUMNS
from pipeline.simulation.stretch import find_stretch


def way(
    agent_id: str, *, y_m: float, num_steps: int = 100, category: str = "car", speed_mps: float = 5.0
) -> pd.DataFrame:
    """One agent that drives along x at 10 Hz, over a junction after 5 s."""
    steps = np.arange(num_steps)
    values = {
        "timestamp_ns": steps * 100_000_000,
        "agent_id": agent_id,
        "category": category,
        "x_m": steps * speed_mps / 10,
        "y_m": y_m,
        "speed_mps": speed_mps,
        "length_m": 4.0,
        "width_m": 2.0,
        "height_m": 1.5,
        "brake": False,
        "left": False,
        "right": False,
        "lane_id": np.where(steps > 50, ":J_0_0", "in_0"),
    }
    table = pd.DataFrame(values).reindex(columns=list(AGENT_COLUMNS), fill_value=0.0)
    return table.astype(AGENT_COLUMNS)


def test_the_ego_is_the_car_that_has_most_others_around_it() -> None:
    agents = pd.concat([way("alone", y_m=500.0), way("one", y_m=0.0), way("two", y_m=30.0), way("three", y_m=60.0)])
    stretch = find_stretch(agents, num_steps=60, rate_hz=10.0)
    assert stretch is not None
    assert stretch.ego_id == "two"
    assert stretch.agent_ids == {"one", "two", "three"}
    assert stretch.num_steps == 60


def test_nobody_is_the_ego_who_is_gone_stands_is_no_car_or_meets_an_overlap() -> None:
    gone = way("gone", y_m=0.0, num_steps=59)
    slow = way("slow", y_m=30.0, speed_mps=0.5)
    van = way("van", y_m=60.0, category="van")
    assert find_stretch(pd.concat([gone, slow, van]), num_steps=60, rate_hz=10.0) is None
    through_each_other = pd.concat([way("one", y_m=0.0), way("two", y_m=1.0)])
    assert find_stretch(through_each_other, num_steps=60, rate_hz=10.0) is None
    assert find_stretch(pd.concat([way("one", y_m=0.0), way("two", y_m=3.0)]), num_steps=60, rate_hz=10.0) is not None
