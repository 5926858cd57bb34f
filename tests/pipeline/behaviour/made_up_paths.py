"""Agents that follow a speed and a turn rate, written down by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.behaviour.manoeuvre import Direction, Manoeuvres, Pace, manoeuvres
from pipeline.drives.categories import Category
from pipeline.windows.windows import Future, Observed
from tests.pipeline.evaluation import made_up

RATE_HZ, NUM_OBSERVED, NUM_FUTURE = 5.0, 11, 20
FINE = 40  # integration steps per step


def drive(
    speed: Callable[[np.ndarray], Any],
    turn_rate: Callable[[np.ndarray], Any] = lambda t: 0.0 * t,
    *,
    heading: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and headings over the window, by speed (m/s) and turn rate (rad/s) at times after the forecast time."""
    dt = 1.0 / (RATE_HZ * FINE)
    count = NUM_OBSERVED + NUM_FUTURE - 1
    middle = (np.arange(count * FINE) + 0.5) * dt - (NUM_OBSERVED - 1) / RATE_HZ
    turns = np.broadcast_to(turn_rate(middle), middle.shape) * dt
    psi = heading + np.concatenate([[0.0], np.cumsum(turns)])
    half = (psi[:-1] + psi[1:]) / 2.0
    steps = np.broadcast_to(speed(middle), middle.shape)[:, None] * dt * np.stack([np.cos(half), np.sin(half)], axis=-1)
    xy = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return xy[::FINE], psi[::FINE]


def scene(xy: np.ndarray, heading: np.ndarray | None = None, *, valid: Any = None, category: Any = Category.CAR):
    """One agent's window (or several's) as ``Observed`` and ``Future``."""
    xy = xy.reshape(-1, NUM_OBSERVED + NUM_FUTURE, 2)
    there = np.ones(xy.shape[:2], bool) if valid is None else np.asarray(valid, bool).reshape(xy.shape[:2])
    psi = np.zeros(xy.shape[:2]) if heading is None else np.asarray(heading, float).reshape(xy.shape[:2])
    past, later = slice(NUM_OBSERVED), slice(NUM_OBSERVED, None)
    seen = made_up.observed(
        xy[:, past],
        valid=there[:, past],
        category=np.full(len(xy), category, np.int8),
        heading_rad=psi[:, past],
        heading_valid=there[:, past] & (heading is not None),
    )
    return seen, made_up.future(xy[:, later], valid=there[:, later])


def label(seen: Observed, later: Future) -> tuple[Direction | None, Pace | None]:
    """What the one agent did; None where it has no label."""
    found: Manoeuvres = manoeuvres(seen, later, rate_hz=RATE_HZ)
    return (
        Direction(found.direction[0]) if found.direction_valid[0] else None,
        Pace(found.pace[0]) if found.pace_valid[0] else None,
    )
