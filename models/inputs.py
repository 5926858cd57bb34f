"""What layers see of an agent: at each step, and besides its steps."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from models.batch import Observed
from models.frames import AgentFrame, unrotate

STEP_WIDTH: Final = 12
STATIC_WIDTH: Final = 7
_METRES = 10.0  # positions, speeds and sizes are divided by this before a layer sees them
_FINE = 2.0  # differences of them, by this


def step_velocity(observed: Observed, *, rate_hz: float) -> tuple[Float[Tensor, "n t 2"], Bool[Tensor, "n t"]]:
    """Velocity at each step in the scene frame, since the valid step before it, and where it is known; else zero."""
    valid, num_steps = observed.valid, observed.valid.shape[1]
    steps = torch.arange(num_steps, device=valid.device)
    if torch.compiler.is_exporting():  # ONNX has no such maximum
        latest = torch.where(valid[:, None] & (steps <= steps[:, None]), steps, -1).amax(dim=-1)
    else:
        latest = torch.where(valid, steps, -1).cummax(dim=1).values
    before = functional.pad(latest[:, :-1], (1, 0), value=-1)
    known = valid & (before >= 0)
    earlier_m = observed.xy_m.gather(1, before.clamp(min=0)[..., None].expand(-1, -1, 2))
    pace = rate_hz / (steps - before).to(observed.xy_m.dtype)
    return torch.where(known[..., None], (observed.xy_m - earlier_m) * pace[..., None], 0.0), known


def step_inputs(
    observed: Observed,
    *,
    velocity_mps: Float[Tensor, "n t 2"],
    moving: Bool[Tensor, "n t"],
    frame: AgentFrame,
    rate_hz: float,
) -> Float[Tensor, "n t 12"]:
    """What is known of each agent at each observed step, in its own frame; see ``motion_inputs``."""
    heading = torch.stack((observed.heading_rad.cos(), observed.heading_rad.sin()), dim=-1)
    oriented = observed.heading_valid & observed.valid
    steps = torch.arange(observed.valid.shape[1], device=observed.valid.device) - frame.last[:, None]
    return motion_inputs(
        unrotate(observed.xy_m - frame.origin_m[:, None], frame.axis[:, None]),
        velocity_mps=unrotate(velocity_mps, frame.axis[:, None]),
        heading=unrotate(heading, frame.axis[:, None]) * oriented[..., None],
        oriented=oriented,
        valid=observed.valid,
        moving=moving,
        time_s=steps / rate_hz,
        present_mps=frame.velocity_mps,
    )


def motion_inputs(
    position_m: Float[Tensor, "n t 2"],
    *,
    velocity_mps: Float[Tensor, "n t 2"],
    heading: Float[Tensor, "n t 2"],
    oriented: Bool[Tensor, "n t"],
    valid: Bool[Tensor, "n t"],
    moving: Bool[Tensor, "n t"],
    time_s: Float[Tensor, "n t"],
    present_mps: Float[Tensor, "n 2"],
) -> Float[Tensor, "n t 12"]:
    """Motion in the agent's own frame, in the size that layers like.

    Position and velocity; how both differ from having always gone at the present velocity, on a finer scale, for in
    that lie braking and turning; the heading (cosine, sine, there or not); whether the step is there.

    Args:
        position_m: From the last known position.
        velocity_mps: Zero where unknown.
        heading: Unit vectors; zero where unknown.
        oriented: The heading is known.
        valid: The step is there.
        moving: The velocity is known.
        time_s: Of each step, from the last known one.
        present_mps: The velocity there.
    """
    dtype, there = position_m.dtype, valid[..., None]
    strayed = (position_m - present_mps[:, None] * time_s[..., None]) / _FINE * there
    changed = (velocity_mps - present_mps[:, None]) / _FINE * moving[..., None]
    flags = torch.stack((oriented, valid), dim=-1).to(dtype)
    return torch.cat((position_m / _METRES * there, velocity_mps / _METRES, strayed, changed, heading, flags), dim=-1)


def past_inputs(displacements_m: Float[Tensor, "n u 2"], *, frame: AgentFrame, rate_hz: float) -> Float[Tensor, "n w"]:
    """An agent's whole past in one row: how far back each step was, and how its velocity differed from the present one.

    Args:
        displacements_m: Of ``linear_base.past_displacements``.
        frame: Of the agents.
        rate_hz: Of the steps.
    """
    back = displacements_m.flip(1).cumsum(1) / _METRES
    changed = (displacements_m * rate_hz - frame.velocity_mps[:, None]) / _FINE
    return torch.cat((back.flatten(1), changed.flatten(1)), dim=-1)


def static_inputs(observed: Observed, *, frame: AgentFrame) -> Float[Tensor, "n 7"]:
    """Size, whether it is the ego, whether it has an axis, the age of its last sample, and its velocity."""
    flags = torch.stack((observed.is_ego, frame.has_axis), dim=-1).to(frame.origin_m.dtype)
    return torch.cat((observed.size_m / _METRES, flags, frame.age_s[:, None], frame.velocity_mps / _METRES), dim=-1)
