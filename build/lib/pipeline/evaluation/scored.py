"""Who is scored, and the slices that results are reported by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from pipeline.baselines.history import any_step, groups, last_xy
from pipeline.drives.categories import Category, Group
from pipeline.evaluation.interaction import followers, moved_before, yielders
from pipeline.windows.windows import Future, Observed, Windows

MIN_OBSERVED = 2  # of a single step no velocity can be known, so no forecaster is judged by it


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """Which agents are scored.

    Attributes:
        mask: The agent is scored.
        left_out: How many are not, by the first reason that applies.
    """

    mask: Bool[np.ndarray, " n"]
    left_out: Mapping[str, int]


def scored_agents(observed: Observed, future: Future) -> Scored:
    """Agents that can move, were observed at two steps at least, and have a recorded future step."""
    reasons = {
        "static_category": observed.category == Category.STATIC,
        "fewer_than_2_observed_steps": observed.valid.sum(axis=1) < MIN_OBSERVED,
        "no_recorded_future_step": ~any_step(future.valid),
    }
    mask = np.ones(len(observed.category), dtype=bool)
    left_out: dict[str, int] = {}
    for reason, applies in reasons.items():
        left_out[reason] = int((mask & applies).sum())
        mask &= ~applies
    return Scored(mask=mask, left_out=left_out)


def movers(observed: Observed, future: Future, *, mover_m: float) -> Bool[np.ndarray, " n"]:
    """Agents whose recorded future gets at least ``mover_m`` away from their last observed position.

    Any valid future step counts, so one that goes and comes back is a mover.
    """
    distance = np.linalg.norm(np.asarray(future.xy_m, dtype=np.float64) - last_xy(observed)[:, None], axis=-1)
    return any_step(np.where(future.valid, distance, 0.0) >= mover_m)


def slices(windows: Windows, *, mover_m: float) -> dict[str, Bool[np.ndarray, " n"]]:
    """Masks over the scored agents.

    Returns:
        ``all`` and ``movers``; ``followers`` and ``yielders``, as ``interaction`` has them, without those that stand
        from the first observed to the last future step (in a queue, at a red light), of whom any forecast is right;
        then ``<group>`` and ``<group>_movers`` of each group there is.
    """
    observed, future, rate_hz = windows.observed, windows.future, windows.rate_hz
    scored = scored_agents(observed, future).mask
    mover = scored & movers(observed, future, mover_m=mover_m)
    moving = mover | (scored & moved_before(observed, distance_m=mover_m))
    found = {
        "all": scored,
        "movers": mover,
        "followers": moving & followers(observed, rate_hz=rate_hz),
        "yielders": moving & yielders(observed, future, rate_hz=rate_hz),
    }
    group = groups(observed.category)
    for member in Group:
        own = scored & (group == member)
        if own.any():
            name = member.name.lower()
            found |= {name: own, f"{name}_movers": own & mover}
    return found
