"""Macro-F1 of chosen classes, with intervals by resampling tracks: it is no mean over agents, but made of sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.evaluation.bootstrap import percentiles, resamples

K = TypeVar("K")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What was chosen for n agents, and what was true, among c classes numbered from zero.

    Attributes:
        chosen: Class of each agent.
        true: Likewise.
        valid: The agent counts.
        num_classes: c.
    """

    chosen: Int[np.ndarray, " n"]
    true: Int[np.ndarray, " n"]
    valid: Bool[np.ndarray, " n"]
    num_classes: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def macro_f1(
    choices: Mapping[K, Choices],
    *,
    minus: Mapping[K, tuple[K, K]],
    track: Int[np.ndarray, " n"],
    num_resamples: int,
    seed: int,
) -> dict[K, Interval]:
    """Macro-F1 of choices, and differences of such, all over the same resamples of tracks.

    It is the mean over the classes present in the truth of 2 hits / (chosen + true). Where nobody counts there is none.

    Args:
        choices: By any key, all of the same agents.
        minus: By any other key, which of them less which other one.
        track: Any number that all windows of a track share.
        num_resamples: Of the bootstrap.
        seed: Likewise.
    """
    counting = {key: each for key, each in choices.items() if each.valid.any()}
    differences = {key: pair for key, pair in minus.items() if {*pair} <= counting.keys()}
    if not counting:
        return {}
    _, group = np.unique(track, return_inverse=True)
    num_tracks = int(group.max()) + 1
    confusion = [_confusion(each, group=group, num_tracks=num_tracks) for each in counting.values()]
    order = {key: number for number, key in enumerate(counting)}
    pairs = np.array([[order[one], order[other]] for one, other in differences.values()], np.int64).reshape(-1, 2)

    def scores(times: Float[np.ndarray, "m g"]) -> Float[np.ndarray, "m r"]:
        each = np.stack([_f1(times, table) for table in confusion], axis=1)
        return np.concatenate([each, each[:, pairs[:, 0]] - each[:, pairs[:, 1]]], axis=1)

    drawn = [
        scores(times.astype(np.float64)) for times in resamples(num_tracks, num_resamples=num_resamples, seed=seed)
    ]
    there = np.array([int((table.sum(axis=(1, 2)) > 0).sum()) for table in confusion])
    enough = np.concatenate([there, there[pairs].min(axis=1)]) >= 2
    low, high = percentiles(np.concatenate(drawn), enough=enough)
    value = scores(np.ones((1, num_tracks)))[0]
    return {
        key: Interval(float(value[number]), float(low[number]), float(high[number]))
        for number, key in enumerate([*counting, *differences])
    }


def _confusion(choices: Choices, *, group: Int[np.ndarray, " n"], num_tracks: int) -> Float[np.ndarray, "g c c"]:
    """Agents of each track by true and chosen class."""
    c, valid = choices.num_classes, choices.valid
    cell = (group[valid] * c + choices.true[valid]) * c + choices.chosen[valid]
    return np.bincount(cell, minlength=num_tracks * c * c).reshape(num_tracks, c, c).astype(np.float64)


def _f1(times: Float[np.ndarray, "m g"], confusion: Float[np.ndarray, "g c c"]) -> Float[np.ndarray, " m"]:
    """Macro-F1 of each resample over the classes that the whole truth holds; one that a resample lacks is left out."""
    present = confusion.sum(axis=(0, 2)) > 0
    hits = times @ np.diagonal(confusion, axis1=1, axis2=2)[:, present]
    total = times @ (confusion.sum(axis=1) + confusion.sum(axis=2))[:, present]
    found = total > 0
    score = np.where(found, 2.0 * hits / np.maximum(total, 1.0), 0.0).sum(axis=1)
    return np.where(found.any(axis=1), score / np.maximum(found.sum(axis=1), 1), np.nan)
