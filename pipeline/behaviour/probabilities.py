"""Probabilities of manoeuvres: every forecaster has them, from a head of its own or from its paths."""

from __future__ import annotations

from typing import Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Float, Int

from pipeline.behaviour.journey import journey
from pipeline.behaviour.manoeuvre import Direction, Pace, can_have_manoeuvre, classify
from pipeline.behaviour.turning import start_direction
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.windows.select import select_agents
from pipeline.windows.windows import Observed

_BATCH: Final = 4096  # agents at a time, which bounds the memory


def manoeuvres_of(forecasts: Forecasts, observed: Observed, *, rate_hz: float) -> ManoeuvreProbabilities:
    """What the forecaster's own head says, and of agents of which it says nothing, what the modes amount to.

    Args:
        forecasts: Of the agents.
        observed: The agents.
        rate_hz: Of the steps.
    """
    head = forecasts.manoeuvres
    if head is None:
        return manoeuvres_of_paths(observed, forecasts.mode_xy_m, probability=forecasts.probability, rate_hz=rate_hz)
    rows = np.flatnonzero(~(head.direction_known & head.pace_known) & can_have_manoeuvre(observed))
    rest = manoeuvres_of_paths(
        select_agents(observed, rows),
        forecasts.mode_xy_m[rows],
        probability=forecasts.probability[rows],
        rate_hz=rate_hz,
    )
    return _filled(head, rows, rest)


def where_meant(told: ManoeuvreProbabilities, observed: Observed, *, rate_hz: float) -> ManoeuvreProbabilities:
    """A head's output where it means something: of agents that can move, and went or have a heading."""
    known = can_have_manoeuvre(observed)
    directed = known & start_direction(observed, rate_hz=rate_hz)[1]
    return told.only(direction=directed, pace=known)


def manoeuvres_of_paths(
    observed: Observed, xy_m: Float[np.ndarray, "n k h 2"], *, probability: Float[np.ndarray, "n k"], rate_hz: float
) -> ManoeuvreProbabilities:
    """Add up the probabilities of the paths by the manoeuvre of each, by the very rules of the recorded ones.

    Not known of agents that are static or were seen once, nor the direction of one that stood without a heading and
    moves off in some path.

    Args:
        observed: The agents.
        xy_m: k paths of each in the scene frame; a single one where a forecaster has no more.
        probability: Of each path; sums to one over k.
        rate_hz: Of the steps.
    """
    num_agents, num_paths, num_future = xy_m.shape[:3]
    direction = np.zeros((num_agents, len(Direction)))
    pace = np.zeros((num_agents, len(Pace)))
    told = np.zeros(num_agents, np.bool_)
    for first in range(0, num_agents, _BATCH):
        rows = np.arange(first, min(first + _BATCH, num_agents))
        some = select_agents(observed, rows)
        agent = repeat(np.arange(len(rows)), "n -> (n k)", k=num_paths)
        paths = rearrange(xy_m[rows], "n k h two -> (n k) h two")
        there = np.ones((len(agent), num_future), np.bool_)
        found = classify(journey(some, paths, there, agent=agent, rate_hz=rate_hz), observed=some, agent=agent)
        weight = rearrange(probability[rows], "n k -> (n k)")
        np.add.at(direction, (rows[agent], found.direction), weight)
        np.add.at(pace, (rows[agent], found.pace), weight)
        told[rows] = rearrange(found.direction_valid, "(n k) -> n k", k=num_paths).all(axis=1)
    known = can_have_manoeuvre(observed)
    return ManoeuvreProbabilities.where_known(
        direction=direction, direction_known=known & told, pace=pace, pace_known=known
    )


def _filled(
    told: ManoeuvreProbabilities, rows: Int[np.ndarray, " r"], other: ManoeuvreProbabilities
) -> ManoeuvreProbabilities:
    """What is told of n agents, and what the other says of those of ``rows`` of which nothing is."""
    columns: dict[str, np.ndarray] = {}
    for name in ("direction", "pace"):
        silent = ~getattr(told, f"{name}_known")[rows]
        for column in (name, f"{name}_choice", f"{name}_known"):
            columns[column] = getattr(told, column).copy()
            columns[column][rows[silent]] = getattr(other, column)[silent]
    return ManoeuvreProbabilities(**columns)
