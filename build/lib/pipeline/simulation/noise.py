"""Measurement noise that is the same whatever comes later: every value belongs to one agent and one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import lfilter

SIZE_ERROR: Final = 0.03  # of a box's length, width and height, once per track
_NUM_DRAWS: Final = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """Standard normal numbers for every step and agent.

    Attributes:
        white: Independent at each step: two of position, one of heading.
        slow: Varying slowly (first order): likewise.
        attention: Varying slowly: how well the detector does with the agent.
        chance: Independent: one for drop-outs, one for breaks of identity.
    """

    white: Float[np.ndarray, "s a 3"]
    slow: Float[np.ndarray, "s a 3"]
    attention: Float[np.ndarray, "s a"]
    chance: Float[np.ndarray, "s a 2"]


def draw(seed: int, *, num_steps: int, num_agents: int, rate_hz: float) -> Draws:
    """Draw for every agent from a generator of its own, in the order of the steps.

    So the numbers of the first steps are the same however many steps or agents there are.
    """
    raw = np.empty((num_steps, num_agents, _NUM_DRAWS))
    for agent in range(num_agents):
        raw[:, agent] = np.random.default_rng([seed, agent]).standard_normal((num_steps, _NUM_DRAWS))
    return Draws(
        white=raw[..., 0:3],
        slow=slowly(raw[..., 3:6], correlation_s=3.0, rate_hz=rate_hz),
        attention=slowly(raw[..., 6], correlation_s=1.0, rate_hz=rate_hz),
        chance=raw[..., 7:9],
    )


def slowly(white: Float[np.ndarray, "s *n"], *, correlation_s: float, rate_hz: float) -> Float[np.ndarray, "s *n"]:
    """White noise to a stationary first-order autoregression of the same variance, along the first axis."""
    kept = np.exp(-1.0 / (correlation_s * rate_hz))
    steps = white * np.sqrt(1.0 - kept**2)
    steps[:1] = white[:1]
    return np.asarray(lfilter([1.0], [1.0, -kept], steps, axis=0))


def position_error(
    draws: Draws, *, distance_m: Float[np.ndarray, "s a"], is_ego: Bool[np.ndarray, " a"]
) -> Float[np.ndarray, "s a 2"]:
    """Errors of box centres (m): 2 to 5 cm of jitter, 3 to 17 cm that vary within seconds, more at a distance.

    For comparison: the boxes that people drew for KITTI jitter by 1.6 to 1.8 cm (third differences, sequence 0000).

    The ego's own are those of its localisation: half a centimetre of jitter, three that vary slowly.
    """
    white_m = np.where(is_ego, 0.005, 0.02 + 0.0004 * distance_m)
    slow_m = np.where(is_ego, 0.03, 0.03 + 0.002 * distance_m)
    return white_m[..., None] * draws.white[..., :2] + slow_m[..., None] * draws.slow[..., :2]


def heading_error(
    draws: Draws,
    *,
    speed_mps: Float[np.ndarray, "s a"],
    is_ego: Bool[np.ndarray, " a"],
    is_pedestrian: Bool[np.ndarray, " a"],
) -> Float[np.ndarray, "s a"]:
    """Errors of headings (rad): about a degree; of pedestrians five, and up to twenty while they stand."""
    white_deg = np.where(is_ego, 0.05, np.where(is_pedestrian, 2.0, 0.5))
    standing = np.clip(1.0 - speed_mps / 1.0, 0.0, 1.0)
    slow_deg = np.where(is_ego, 0.1, np.where(is_pedestrian, 5.0 + 15.0 * standing, 1.0))
    return np.deg2rad(white_deg * draws.white[..., 2] + slow_deg * draws.slow[..., 2])


def size_factor(seed: int, *, agent: int, track: int) -> Float[np.ndarray, " 3"]:
    """By how much the size of an agent's ``track``-th track (from 1) is taken wrongly: length, width, height."""
    return 1.0 + SIZE_ERROR * np.random.default_rng([seed, agent, track]).standard_normal(3).clip(-2.5, 2.5)
