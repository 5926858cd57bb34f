"""Which car is the ego, and when: a stretch of a simulation that is worth recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pipeline.simulation.footprints import overlapping_pairs

REACH_M: Final = 200.0  # agents that come this near to the ego are recorded
OVERLAP_TOLERANCE_M: Final = 0.25
_NEAR_M: Final = 40.0
_MIN_NEAR: Final = 3.0  # agents near the ego, on average
_MIN_MEAN_SPEED_MPS: Final = 2.5
_MAX_STANDING: Final = 0.6  # of the time
_START_EVERY_S: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A part of a simulation.

    Attributes:
        ego_id: The recording vehicle.
        start: Index of its first step among the steps of the simulation.
        num_steps: Its length.
        agent_ids: Those who come within reach of the ego, itself among them.
    """

    ego_id: str
    start: int
    num_steps: int
    agent_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Dense:
    """Everyone's way as arrays of n agents and t steps; NaN where they are not there."""

    ids: list[str]
    xy_m: Float[np.ndarray, "n t 2"]
    speed_mps: Float[np.ndarray, "n t"]
    collides: Bool[np.ndarray, "n t"]


def find_stretch(agents: pd.DataFrame, *, num_steps: int, rate_hz: float, rng: np.random.Generator) -> Stretch | None:
    """A stretch in which a car drives all the time among others and nobody within its reach overlaps; None: there is none.

    Args:
        agents: The whole simulation, with ``AGENT_COLUMNS``.
        num_steps: Length of the stretch.
        rate_hz: Of the steps.
        rng: The order in which cars and times are tried comes from here.
    """
    dense = _dense(agents)
    category = agents.drop_duplicates("agent_id").set_index("agent_id")["category"]
    cars = [row for row, name in enumerate(dense.ids) if category[name] == "car"]
    starts = range(0, dense.xy_m.shape[1] - num_steps + 1, max(1, round(_START_EVERY_S * rate_hz)))
    choices = [
        (row, start) for row in cars for start in starts if _drives(dense.speed_mps[row, start : start + num_steps])
    ]
    for index in rng.permutation(len(choices)):
        row, start = choices[index]
        span = slice(start, start + num_steps)
        with np.errstate(invalid="ignore"):
            away_m = np.hypot(*(dense.xy_m[:, span] - dense.xy_m[row, span]).transpose(2, 0, 1))
            num_near = (away_m < _NEAR_M).sum() / num_steps - 1
            reached = (away_m < REACH_M).any(axis=1)
        if num_near >= _MIN_NEAR and not dense.collides[reached, span].any():
            ids = frozenset(name for name, there in zip(dense.ids, reached, strict=True) if there)
            return Stretch(ego_id=dense.ids[row], start=start, num_steps=num_steps, agent_ids=ids)
    return None


def _drives(speed_mps: Float[np.ndarray, " t"]) -> bool:
    if np.isnan(speed_mps).any():
        return False
    return bool(speed_mps.mean() >= _MIN_MEAN_SPEED_MPS and (speed_mps < 0.3).mean() <= _MAX_STANDING)


def _dense(agents: pd.DataFrame) -> _Dense:
    agent, ids = pd.factorize(agents["agent_id"], sort=True)
    step, times = pd.factorize(agents["timestamp_ns"], sort=True)
    centre_m = agents[["x_m", "y_m"]].to_numpy()
    pairs = overlapping_pairs(
        centre_m,
        agents["heading_rad"].to_numpy(),
        agents[["length_m", "width_m"]].to_numpy(),
        step=step,
        tolerance_m=OVERLAP_TOLERANCE_M,
    )
    shape = (len(ids), len(times))
    xy_m, speed_mps, collides = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    xy_m[agent, step], speed_mps[agent, step] = centre_m, agents["speed_mps"].to_numpy()
    rows = pairs.ravel()
    collides[agent[rows], step[rows]] = True
    return _Dense(ids=[str(name) for name in ids], xy_m=xy_m, speed_mps=speed_mps, collides=collides)
