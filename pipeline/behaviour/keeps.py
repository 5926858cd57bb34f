"""The baseline of behaviour: everyone keeps doing what it does, with probabilities counted on the training drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import last_step, last_xy
from pipeline.behaviour.journey import journey
from pipeline.behaviour.manoeuvre import STANDING_MPS, Manoeuvres, can_have_manoeuvre, classify, manoeuvres
from pipeline.behaviour.present import present
from pipeline.forecasts import ManoeuvreProbabilities
from pipeline.windows.windows import Future, Observed


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeps:
    """What ``fit_keeps`` found: how often each manoeuvre follows upon each guess.

    Attributes:
        direction: Row by the guessed ``Direction``, column by the recorded one; rows sum to one.
        pace: The same of ``Pace``.
    """

    direction: Float[np.ndarray, "c c"]
    pace: Float[np.ndarray, "d d"]

    def probabilities(self, guess: Manoeuvres) -> ManoeuvreProbabilities:
        """Of agents by their guesses, which are named, not the likeliest class after a guess.

        That is nearly always to keep on at the same pace, and its macro-F1 would be lower.
        """
        return ManoeuvreProbabilities.where_known(
            direction=self.direction[guess.direction],
            direction_choice=guess.direction,
            direction_known=guess.direction_valid,
            pace=self.pace[guess.pace],
            pace_choice=guess.pace,
            pace_known=guess.pace_valid,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"direction": np.round(self.direction, 6).tolist(), "pace": np.round(self.pace, 6).tolist()}


def kept_path(observed: Observed, *, num_future: int, rate_hz: float) -> Float[np.ndarray, "n h 2"]:
    """Where each agent gets that holds its present acceleration and curvature.

    It goes no further once it stands; one that stands at the forecast time stays, since what its parabola says of its
    acceleration is jitter.
    """
    now = present(observed, rate_hz=rate_hz)
    age = observed.valid.shape[1] - 1 - last_step(observed.valid)
    time_s = (age[:, None] + np.arange(1, num_future + 1)) / rate_hz
    speed = np.hypot(now.velocity_mps[:, 0], now.velocity_mps[:, 1])
    moves = speed >= STANDING_MPS
    accel = np.where(moves, now.accel_mps2, 0.0)
    stops_s = np.where(accel < 0, speed / np.maximum(-accel, 1e-9), np.inf)[:, None]
    until_s = np.minimum(time_s, stops_s)
    along_m = np.where(moves[:, None], speed[:, None] * until_s + accel[:, None] * until_s**2 / 2.0, 0.0)
    # An arc's chord is at half the arc's angle to its start, and sin(half) / half of its length.
    half = now.curvature_1pm[:, None] * along_m / 2.0
    direction = np.arctan2(now.velocity_mps[:, 1], now.velocity_mps[:, 0])[:, None] + half
    chord_m = along_m * np.sinc(half / np.pi)
    offset = np.stack([np.cos(direction), np.sin(direction)], axis=-1) * chord_m[..., None]
    return last_xy(observed)[:, None] + offset


def guess(observed: Observed, *, num_future: int, rate_hz: float) -> Manoeuvres:
    """The manoeuvre of ``kept_path`` by the rules of the recorded ones, where ``can_have_manoeuvre``."""
    path = kept_path(observed, num_future=num_future, rate_hz=rate_hz)
    agent = np.arange(len(path))
    there = np.ones(path.shape[:2], np.bool_)
    found = classify(journey(observed, path, there, agent=agent, rate_hz=rate_hz), observed=observed, agent=agent)
    usable = can_have_manoeuvre(observed)
    return Manoeuvres(
        direction=found.direction,
        direction_valid=found.direction_valid & usable,
        pace=found.pace,
        pace_valid=found.pace_valid & usable,
    )


def fit_keeps(observed: Observed, future: Future, *, rate_hz: float) -> Keeps:
    """Count on the training split what became of each guess.

    Every row starts with one agent spread by how often each manoeuvre happens at all, and these frequencies with one
    agent of each, so that no probability is zero and a guess that never came up says what is usual.

    Args:
        observed: Agents of the training split.
        future: What came after.
        rate_hz: Of the steps.
    """
    guessed = guess(observed, num_future=future.valid.shape[1], rate_hz=rate_hz)
    did = manoeuvres(observed, future, rate_hz=rate_hz)
    directions, paces = did.counts()
    return Keeps(
        direction=_given(guessed.direction, did.direction, guessed.direction_valid & did.direction_valid, directions),
        pace=_given(guessed.pace, did.pace, guessed.pace_valid & did.pace_valid, paces),
    )


def _given(
    guessed: Int[np.ndarray, " n"],
    did: Int[np.ndarray, " n"],
    both: Bool[np.ndarray, " n"],
    counts: Int[np.ndarray, " c"],
) -> Float[np.ndarray, "c c"]:
    table = np.zeros((len(counts), len(counts)))
    np.add.at(table, (guessed[both], did[both]), 1.0)
    table += (counts + 1.0) / (counts + 1.0).sum()
    return table / table.sum(axis=1, keepdims=True)
