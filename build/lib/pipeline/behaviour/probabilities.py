"""Probabilities of manoeuvres: every forecaster has them, from a head of its own or from its paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float

from pipeline.behaviour.journey import journey
from pipeline.behaviour.manoeuvre import Direction, Pace, can_have_manoeuvre, classify
from pipeline.windows.select import select_agents
from pipeline.windows.windows import Observed

_BATCH: Final = 4096  # agents at a time, which bounds the memory


@dataclass(frozen=True, kw_only=True, slots=True)
class ManoeuvreProbabilities:
    """Of n agents. Each row sums to one where known; elsewhere it is zero and means nothing.

    Attributes:
        direction: By ``Direction``.
        direction_known: The agent has them.
        pace: By ``Pace``.
        pace_known: The agent has them.
    """

    direction: Float[np.ndarray, "n c"]
    direction_known: Bool[np.ndarray, " n"]
    pace: Float[np.ndarray, "n d"]
    pace_known: Bool[np.ndarray, " n"]


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
    return ManoeuvreProbabilities(
        direction=np.where((known & told)[:, None], direction, 0.0),
        direction_known=known & told,
        pace=np.where(known[:, None], pace, 0.0),
        pace_known=known,
    )
