"""Which car is the ego, and when: a stretch of a simulation that is worth recording."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pipeline.drives.footprints import overlapping_pairs

REACH_M: Final = 200.0  # agents that come this near to the ego are recorded
# What SUMO lets happen: it measures gaps along lanes, not between bodies on a bend, and it lets pedestrians brush past
# each other, above all where sidewalks meet, where it looks for no collisions between them at all.
OVERLAP_TOLERANCE_M: Final = 0.1
PEDESTRIAN_OVERLAP_TOLERANCE_M: Final = 0.3  # of two pedestrians
_NEAR_M: Final = 40.0
_MOVES_MPS: Final = 1.0
_MIN_MEAN_SPEED_MPS: Final = 4.0
_MAX_STANDING: Final = 0.5  # of the time
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
    on_junction: Bool[np.ndarray, "n t"]
    collides: Bool[np.ndarray, "n t"]


def find_stretch(agents: pd.DataFrame, *, num_steps: int, rate_hz: float) -> Stretch | None:
    """The stretch in which a car drives over a junction among the most others, and nobody within its reach overlaps.

    Args:
        agents: The whole simulation, with ``AGENT_COLUMNS``.
        num_steps: Length of the stretch.
        rate_hz: Of the steps.

    Returns:
        The stretch with the most agents that move near the ego; None: no car drives through.
    """
    dense = _dense(agents)
    category = agents.drop_duplicates("agent_id").set_index("agent_id")["category"]
    cars = np.flatnonzero([category[name] == "car" for name in dense.ids])
    every = max(1, round(_START_EVERY_S * rate_hz))
    choices: list[tuple[float, int, int]] = []
    for row, start in itertools.product(cars.tolist(), range(0, dense.xy_m.shape[1] - num_steps + 1, every)):
        span = slice(start, start + num_steps)
        if _drives(dense.speed_mps[row, span]) and dense.on_junction[row, span].any():
            choices.append((_num_near(dense, row, span=slice(start, start + num_steps, every)), row, start))
    for _, row, start in sorted(choices, key=lambda choice: -choice[0]):
        span = slice(start, start + num_steps)
        reached = np.flatnonzero((_away_m(dense, row, span=span) < REACH_M).any(axis=1))  # NaN: not there, never near
        if not dense.collides[reached, span].any():
            ids = frozenset(dense.ids[index] for index in reached)
            return Stretch(ego_id=dense.ids[row], start=start, num_steps=num_steps, agent_ids=ids)
    return None


def _away_m(dense: _Dense, row: int, *, span: slice) -> Float[np.ndarray, "n t"]:
    return np.hypot(*(dense.xy_m[:, span] - dense.xy_m[row, span]).transpose(2, 0, 1))


def _num_near(dense: _Dense, row: int, *, span: slice) -> float:
    """How many agents move near one, on average over some steps."""
    moves = dense.speed_mps[:, span] >= _MOVES_MPS
    return float(((_away_m(dense, row, span=span) < _NEAR_M) & moves).sum(axis=0).mean())


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
        tolerance_m=np.where(agents["category"] == "pedestrian", PEDESTRIAN_OVERLAP_TOLERANCE_M, OVERLAP_TOLERANCE_M),
    )
    shape = (len(ids), len(times))
    xy_m, speed_mps = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    on_junction, collides = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    xy_m[agent, step], speed_mps[agent, step] = centre_m, agents["speed_mps"].to_numpy()
    on_junction[agent, step] = agents["lane_id"].str.startswith(":").to_numpy()  # so SUMO names lanes of junctions
    rows = pairs.ravel()
    collides[agent[rows], step[rows]] = True
    return _Dense(
        ids=[str(name) for name in ids],
        xy_m=xy_m,
        speed_mps=speed_mps,
        on_junction=on_junction,
        collides=collides,
    )
