"""Where an agent goes by itself, as a linear map of how it went: what least squares on recorded futures found.

Along and across the agent's axis apart, each by weights of its own: so a mirrored past has the mirrored future, and
twice the steps lead twice as far. Over a noisy past this is a filter for velocity and acceleration; it also knows how
much of them is gone on with, and how soon what is braking or turning stops to.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from models.batch import Observed
from models.frames import AgentFrame, unrotate


def past_displacements(observed: Observed, *, frame: AgentFrame, rate_hz: float) -> Float[Tensor, "n u 2"]:
    """From each observed step to the next, in the agent's own frame; where either is not valid, at its velocity."""
    both = observed.valid[:, 1:] & observed.valid[:, :-1]
    moved = unrotate(torch.where(both[..., None], observed.xy_m.diff(dim=1), 0.0), frame.axis[:, None])
    return torch.where(both[..., None], moved, frame.velocity_mps[:, None] / rate_hz)


def linear_future(
    displacements_m: Float[Tensor, "n u 2"], *, weights: Float[Tensor, "2 u h"], frame: AgentFrame
) -> Float[Tensor, "n h 2"]:
    """Positions at the future steps in the agent's own frame.

    Args:
        displacements_m: Of ``past_displacements``.
        weights: Of each displacement, along and across, in the way from the forecast time to each future step.
        frame: Place, velocity and age of each agent: since it was last seen it has kept its velocity.
    """
    since_m = frame.velocity_mps * frame.age_s[:, None]
    return torch.einsum("nud,duh->nhd", displacements_m, weights) + since_m[:, None]
