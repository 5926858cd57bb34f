"""Which agents are found at which step, and which track each belongs to."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from pipeline.simulation.noise import Draws

# A lidar's grid: returns from a box are its visible solid angle over that of one cell.
_CELL_SR: Final = np.deg2rad(0.2) * np.deg2rad(0.35)
_NEEDED_RETURNS: Final = 12.0  # about 70 m for a pedestrian's half, 90 m for a car's back
_NEEDED_SHARE: Final = 0.15  # what shows less is not told apart from what covers it
_ATTENTION: Final = 0.3  # the detector's own ups and downs, as a logarithm of the above
_LOSES_AT: Final = 0.5  # an agent that has a track is kept down to this fraction of the needed
_DROP_OUTS_HZ: Final = 0.03  # starts of drop-outs per agent
_DROP_OUT_S: Final = 0.4  # their mean length
_BREAKS_HZ: Final = 0.002  # breaks of identity per agent
MEMORY_S: Final = 3.0  # a track that was lost for longer is not taken up again


def detectability(
    share: Float[np.ndarray, "s a"],
    *,
    width_rad: Float[np.ndarray, "s a"],
    height_m: Float[np.ndarray, " a"],
    distance_m: Float[np.ndarray, "s a"],
) -> Float[np.ndarray, "s a"]:
    """How far the sight of an agent is above (positive) or below what a detector needs, as a logarithm.

    Both count: how many returns come from it, and which share of it shows. Minus infinity: nothing does.
    """
    returns = share * width_rad * height_m / np.maximum(distance_m, 1.0) / _CELL_SR
    with np.errstate(divide="ignore"):
        return np.log(np.minimum(returns / _NEEDED_RETURNS, share / _NEEDED_SHARE))


def follow(detectable: Float[np.ndarray, "s a"], *, draws: Draws, rate_hz: float) -> Int[np.ndarray, "s a"]:
    """Number each agent's tracks from 1, by step; 0 where it is not found.

    An agent is found when its detectability with the detector's ups and downs is above zero, and then until it falls
    well below. Found again within ``MEMORY_S`` it goes on with its track, later with a new one; rarely a track
    breaks for no reason. No step depends on later ones.

    Args:
        detectable: Minus infinity where it cannot be seen at all.
        draws: Of the same steps and agents.
        rate_hz: Of the steps.
    """
    sight = detectable + _ATTENTION * draws.attention
    starts = draws.chance[..., 0] > -ndtri(_DROP_OUTS_HZ / rate_hz)
    ends = draws.chance[..., 0] < ndtri(min(1.0 / (_DROP_OUT_S * rate_hz), 1.0))
    breaks = draws.chance[..., 1] > -ndtri(_BREAKS_HZ / rate_hz)
    num_agents = sight.shape[1]
    found, dropped = np.zeros(num_agents, bool), np.zeros(num_agents, bool)
    track, seen = np.zeros(num_agents, np.int64), np.full(num_agents, -1)
    tracks = np.zeros(sight.shape, np.int64)
    for step in range(len(sight)):
        dropped = np.where(dropped, ~ends[step], starts[step])
        held = sight[step] > np.where(found, np.log(_LOSES_AT), 0.0)
        found = held & ~dropped
        new = found & ((track == 0) | (step - seen > MEMORY_S * rate_hz) | breaks[step])
        track = track + new
        seen[found] = step
        tracks[step] = np.where(found, track, 0)
    return tracks
