"""The whole recorded course of agents, before and after the forecast time: for judging, never an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, filled, groups, last_heading
from pipeline.drives.categories import Group
from pipeline.windows.windows import Future, Observed

_MIN_TURN_M: Final = (1.0, 2.0)  # a course changes its heading only with motion over half a length, within these
_TYPICAL_M: Final = {Group.VEHICLE: (4.5, 1.8), Group.TWO_WHEELER: (1.8, 0.6)}
_SMALL_M: Final = (0.5, 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What n agents did at s steps; the forecast time is step ``now``.

    Attributes:
        now: Index of the last observed step.
        second: A second in steps, at least two: speeds are over so long, since positions are noisy.
        there: The step lies between the first and the last valid one; elsewhere the other values mean nothing.
        first: First such step.
        last: Last such step.
        xy_m: Box centres, linear over missing steps, held before the first and after the last valid one.
        speed_mps: Over about a second around the step.
        heading_rad: The observed one, up to the forecast time; then the direction of motion over at least 1 to 2 m.
        heading_valid: There is one.
        anchor_m: Where the agent last changed its heading, so a path without the jitter of one that stands.
    """

    now: int
    second: int
    there: Bool[np.ndarray, "n s"]
    first: Int[np.ndarray, " n"]
    last: Int[np.ndarray, " n"]
    xy_m: Float[np.ndarray, "n s 2"]
    speed_mps: Float[np.ndarray, "n s"]
    heading_rad: Float[np.ndarray, "n s"]
    heading_valid: Bool[np.ndarray, "n s"]
    anchor_m: Float[np.ndarray, "n s 2"]


def make_course(observed: Observed, future: Future, *, rate_hz: float) -> Course:
    """Join what was observed and what came after."""
    valid = np.concatenate([observed.valid, future.valid], axis=1)
    xy, first, last = filled(np.concatenate([observed.xy_m, future.xy_m], axis=1).astype(np.float64), valid)
    num_steps, now = valid.shape[1], observed.valid.shape[1] - 1
    step = np.arange(num_steps)
    there = (step >= first[:, None]) & (step <= last[:, None]) & any_step(valid)[:, None]
    half = max(1, round(rate_hz / 2.0))
    before = np.clip(step - half, first[:, None], last[:, None])
    after = np.clip(step + half, first[:, None], last[:, None])
    moved = np.take_along_axis(xy, after[..., None], axis=1) - np.take_along_axis(xy, before[..., None], axis=1)
    min_turn = np.clip(known_size(observed)[:, 0] / 2.0, *_MIN_TURN_M)
    distance = np.hypot(moved[..., 0], moved[..., 1])
    heading, known = last_heading(observed)
    anchor = xy[:, now].copy()
    anchors, headings, knowns = (np.empty_like(xy), np.empty(xy.shape[:2]), np.empty(xy.shape[:2], bool))
    for number in range(num_steps):
        travelled = xy[:, number] - anchor
        turned = (number > now) & (np.hypot(travelled[:, 0], travelled[:, 1]) >= min_turn)
        # Who is fast goes far between two steps, but the direction between two steps is noisy.
        motion = np.where((distance[:, number] >= min_turn)[:, None], moved[:, number], travelled)
        heading = np.where(turned, np.arctan2(motion[:, 1], motion[:, 0]), heading)
        anchor = np.where(turned[:, None], xy[:, number], anchor)
        known = known | turned
        anchors[:, number], headings[:, number], knowns[:, number] = anchor, heading, known
    return Course(
        now=now,
        second=2 * half,
        there=there,
        first=first,
        last=last,
        xy_m=xy,
        speed_mps=np.where(there, distance * rate_hz / np.maximum(after - before, 1), 0.0),
        heading_rad=headings,
        heading_valid=knowns & there,
        anchor_m=anchors,
    )


def known_size(observed: Observed) -> Float[np.ndarray, "n 2"]:
    """Length and width; typical ones where unknown."""
    group = groups(observed.category)
    typical = np.array([_TYPICAL_M.get(member, _SMALL_M) for member in Group])[group]
    return np.where(observed.size_m > 0, observed.size_m, typical).astype(np.float64)
