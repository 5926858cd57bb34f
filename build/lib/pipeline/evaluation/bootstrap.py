"""95 % intervals by resampling tracks.

The windows of one track are near copies of each other, so a resample takes or leaves all of them together (the cluster
bootstrap; Field & Welsh 2007). Percentile intervals (Efron & Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

LEVEL: Final = 0.95
_CHUNK: Final = 100  # resamples at a time, which bounds the memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """Means of c columns with their intervals.

    Attributes:
        value: Mean over all valid windows of the column; NaN where there is none.
        low: Lower end of the interval; NaN with fewer than two tracks.
        high: Upper end.
        num_agents: Agents (one per window) with a value.
        num_tracks: Tracks with a value.
    """

    value: Float[np.ndarray, " c"]
    low: Float[np.ndarray, " c"]
    high: Float[np.ndarray, " c"]
    num_agents: Int[np.ndarray, " c"]
    num_tracks: Int[np.ndarray, " c"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackSums:
    """Sum and number of the values of each of g tracks, for c columns."""

    total: Float[np.ndarray, "g c"]
    count: Float[np.ndarray, "g c"]


def track_sums(
    value: Float[np.ndarray, "n c"], valid: Bool[np.ndarray, "n c"], *, track: Int[np.ndarray, " n"]
) -> TrackSums:
    """Sum values per track.

    Args:
        value: Of n agents (windows), for c columns; what stands where not valid changes nothing.
        valid: The agent counts.
        track: Any number that all windows of a track share.
    """
    names, group = np.unique(track, return_inverse=True)
    member = csr_array((np.ones(len(track)), (group, np.arange(len(track)))), shape=(len(names), len(track)))
    return TrackSums(total=member @ np.where(valid, value, 0.0), count=member @ valid.astype(np.float64))


def estimate(sums: TrackSums, *, num_resamples: int, seed: int) -> Estimates:
    """Mean and interval of every column. All columns share the resamples, so differences of columns are paired."""
    times = resamples(len(sums.total), num_resamples=num_resamples, seed=seed)
    means = [_ratio(some @ sums.total, some @ sums.count) for some in times]
    tracks = (sums.count > 0).sum(axis=0)
    low, high = percentiles(np.concatenate(means), enough=tracks >= 2)
    return Estimates(
        value=_ratio(sums.total.sum(axis=0), sums.count.sum(axis=0)),
        low=low,
        high=high,
        num_agents=sums.count.sum(axis=0).astype(np.int64),
        num_tracks=tracks,
    )


def resamples(num_tracks: int, *, num_resamples: int, seed: int) -> Iterator[Int[np.ndarray, "r g"]]:
    """How often each of g tracks is in each resample, some resamples at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, num_resamples, _CHUNK):
        size = min(_CHUNK, num_resamples - start)
        yield rng.multinomial(num_tracks, np.full(num_tracks, 1.0 / max(num_tracks, 1)), size=size)


def _ratio(total: Float[np.ndarray, "*r c"], count: Float[np.ndarray, "*r c"]) -> Float[np.ndarray, "*r c"]:
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)


def percentiles(
    means: Float[np.ndarray, "r c"], *, enough: Bool[np.ndarray, " c"]
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Ends of the interval per column; a resample without a single value of a column is left out for it."""
    ends = np.full((2, means.shape[1]), np.nan)
    quantiles = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]
    whole = enough & ~np.isnan(means).any(axis=0)
    if whole.any():
        ends[:, whole] = np.quantile(means[:, whole], quantiles, axis=0)
    for column in np.flatnonzero(enough & ~whole):
        found = means[~np.isnan(means[:, column]), column]
        ends[:, column] = np.quantile(found, quantiles)
    return ends[0], ends[1]
