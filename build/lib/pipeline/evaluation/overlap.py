"""Do forecast footprints run into one another? Forecasts that are made agent by agent often do; road users seldom."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from pipeline.baselines.history import any_step, last_heading, last_xy
from pipeline.drives.categories import Category
from pipeline.evaluation.metrics import PerAgent, true_xy
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Future, Observed

UNKNOWN_SIZE_M: Final = 0.5
MIN_MOTION_M: Final = 0.5  # a footprint turns only with motion over at least this distance


def forecast_overlap(forecasts: Forecasts, observed: Observed, future: Future) -> PerAgent:
    """One for agents whose single forecast runs into that of a neighbour, else zero.

    Two agents of one scene run into each other where their oriented rectangles intersect at a future step though
    they do not at the forecast time. Only steps at which both were recorded count, so that the rate can be
    compared with ``recorded_overlap``; static objects stand where they were last seen, and two of them are never
    compared.
    """
    standing = (observed.category == Category.STATIC)[:, None, None]
    xy = np.where(standing, last_xy(observed)[:, None], np.asarray(forecasts.single_xy_m, np.float64))
    return overlap(xy, observed, valid=future.valid)


def recorded_overlap(observed: Observed, future: Future) -> PerAgent:
    """The same of the recorded futures: what boxes that are a little too large or misplaced amount to."""
    return overlap(true_xy(future), observed, valid=future.valid)


def overlap(xy_m: Float[np.ndarray, "n h 2"], observed: Observed, *, valid: Bool[np.ndarray, "n h"]) -> PerAgent:
    """One for agents whose footprint along ``xy_m`` newly intersects a neighbour's at a valid step, else zero.

    Args:
        xy_m: Centres in the scene frame.
        observed: Sizes, last positions and headings.
        valid: Steps that count, where both of a pair have them.

    Returns:
        Valid for agents with a valid step.
    """
    size = np.where(observed.size_m > 0, observed.size_m, UNKNOWN_SIZE_M).astype(np.float64)
    start, heading = last_xy(observed), last_heading(observed)[0]
    seen = any_step(observed.valid)
    before = intersecting_pairs(start, heading, size, observed=observed, there=seen)
    known = _keys(before, len(seen))
    hit = np.zeros(len(seen), dtype=bool)
    headings = path_headings(xy_m, start, heading, valid=valid)
    for step in range(xy_m.shape[1]):
        pairs = intersecting_pairs(
            xy_m[:, step], headings[:, step], size, observed=observed, there=valid[:, step] & seen
        )
        hit[pairs[~np.isin(_keys(pairs, len(seen)), known)]] = True
    return PerAgent(value=hit.astype(np.float64), valid=any_step(valid))


def intersecting_pairs(
    xy_m: Float[np.ndarray, "n 2"],
    heading_rad: Float[np.ndarray, " n"],
    size_m: Float[np.ndarray, "n 2"],
    *,
    observed: Observed,
    there: Bool[np.ndarray, " n"],
) -> Int[np.ndarray, "p 2"]:
    """Pairs (i < j) of agents of one scene, not both static, whose oriented rectangles intersect."""
    rows = np.flatnonzero(there)
    if len(rows) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    radius = np.hypot(size_m[:, 0], size_m[:, 1]) / 2.0
    reach = 2.0 * float(radius[rows].max())
    # Scenes are laid out along a third axis, further apart than anything reaches: one tree finds all pairs.
    points = np.column_stack([xy_m[rows], observed.scene[rows] * (2.0 * reach)])
    pairs = rows[KDTree(points).query_pairs(reach, output_type="ndarray")]
    i, j = pairs[:, 0], pairs[:, 1]
    static = observed.category == Category.STATIC
    near = np.linalg.norm(xy_m[i] - xy_m[j], axis=-1) <= radius[i] + radius[j]
    pairs = pairs[near & ~(static[i] & static[j])]
    boxes = rectangles(xy_m[pairs], heading_rad[pairs], size_m[pairs])
    return np.sort(pairs[shapely.intersects(boxes[:, 0], boxes[:, 1])], axis=1)


def corners(
    xy_m: Float[np.ndarray, "*n 2"], heading_rad: Float[np.ndarray, "*n"], size_m: Float[np.ndarray, "*n 2"]
) -> Float[np.ndarray, "*n 4 2"]:
    """Corners of oriented rectangles, counter-clockwise from front right."""
    ahead = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=-1) * size_m[..., :1] / 2.0
    left = np.stack([-np.sin(heading_rad), np.cos(heading_rad)], axis=-1) * size_m[..., 1:] / 2.0
    offsets = np.stack([ahead - left, ahead + left, left - ahead, -ahead - left], axis=-2)
    return xy_m[..., None, :] + offsets


def rectangles(
    xy_m: Float[np.ndarray, "*n 2"], heading_rad: Float[np.ndarray, "*n"], size_m: Float[np.ndarray, "*n 2"]
) -> np.ndarray:
    """Shapely polygons of oriented rectangles, one per agent."""
    return np.asarray(shapely.polygons(corners(xy_m, heading_rad, size_m)))


def path_headings(
    xy_m: Float[np.ndarray, "n h 2"],
    start_m: Float[np.ndarray, "n 2"],
    heading_rad: Float[np.ndarray, " n"],
    *,
    valid: Bool[np.ndarray, "n h"],
) -> Float[np.ndarray, "n h"]:
    """Direction of motion along paths; it changes only after ``MIN_MOTION_M``, so one that stands keeps its heading."""
    anchor, heading = start_m.copy(), heading_rad.copy()
    headings = np.empty(xy_m.shape[:2])
    for step in range(xy_m.shape[1]):
        moved = xy_m[:, step] - anchor
        turned = valid[:, step] & (np.hypot(moved[:, 0], moved[:, 1]) >= MIN_MOTION_M)
        heading = np.where(turned, np.arctan2(moved[:, 1], moved[:, 0]), heading)
        anchor = np.where(turned[:, None], xy_m[:, step], anchor)
        headings[:, step] = heading
    return headings


def _keys(pairs: Int[np.ndarray, "p 2"], num_agents: int) -> Int[np.ndarray, " p"]:
    return pairs[:, 0] * num_agents + pairs[:, 1]
