"""Where an agent goes by itself: on at its speed, its present turn fading out."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.frames import AgentFrame, wrapped

_SUBSTEPS = 2  # of the integration, per step
_TURN_S = 0.8  # the turn rate is taken over so long
_MIN_SPEED_MPS = 2.0  # below, headings are too noisy and tracks too short to tell a turn
_MAX_SLIP_RAD = 0.6  # something that moves so far off its heading does not steer like a vehicle
_MAX_TURN_RADPS = 1.0


def turn_rate(
    heading_rad: Float[Tensor, "n t"],
    *,
    valid: Bool[Tensor, "n t"],
    last: Int[Tensor, " n"],
    velocity_mps: Float[Tensor, "n 2"],
    rate_hz: float,
) -> Float[Tensor, " n"]:
    """How fast each agent turns, from its headings over the last steps; zero where that cannot be told.

    Args:
        heading_rad: Headings in any frame.
        valid: Which of them are there.
        last: The last valid step.
        velocity_mps: In the agent's own frame, whose x axis is the heading.
        rate_hz: Of the steps.
    """
    agents, num_steps = torch.arange(len(last), device=last.device), max(round(_TURN_S * rate_hz), 1)
    before = (last - num_steps).clamp(min=0)
    known = valid[agents, last] & valid[agents, before] & (last >= num_steps)
    # Where the numbers are missing they may be anything, so they are replaced before they are used.
    turned = wrapped(torch.where(known, heading_rad[agents, last] - heading_rad[agents, before], 0.0))
    slip = torch.atan2(velocity_mps[:, 1], velocity_mps[:, 0]).abs()
    steers = (velocity_mps.norm(dim=-1) > _MIN_SPEED_MPS) & (slip < _MAX_SLIP_RAD)
    rate = (turned * rate_hz / num_steps).clamp(-_MAX_TURN_RADPS, _MAX_TURN_RADPS)
    return torch.where(steers, rate, 0.0)


def fading_turn(
    frame: AgentFrame,
    *,
    turn_radps: Float[Tensor, " n"],
    decay_s: Float[Tensor, ""] | float,
    num_future: int,
    rate_hz: float,
) -> Float[Tensor, "n h 2"]:
    """Constant speed, the direction turning at a rate that decays exponentially; in the agent's own frame.

    Drivers leave curves: a turn rate kept up for seconds is worse than none, one that fades within about a second is
    better than both. With a decay of zero this is constant velocity.

    Args:
        frame: Place, velocity and age of each agent.
        turn_radps: Its present turn rate.
        decay_s: Time constant of the decay.
        num_future: Steps after the forecast time.
        rate_hz: Of the steps.
    """
    age = (frame.age_s * rate_hz).round().long()
    num_steps = num_future + (int(age.max()) if len(age) else 0)
    dt = 1.0 / (rate_hz * _SUBSTEPS)
    time = (torch.arange(num_steps * _SUBSTEPS, device=age.device) + 0.5) * dt
    fade = decay_s * -torch.expm1(-time / max(float(decay_s), 1e-6))
    start = torch.atan2(frame.velocity_mps[:, 1], frame.velocity_mps[:, 0])
    direction = start[:, None] + turn_radps[:, None] * fade.to(start.dtype)
    pace = torch.stack((direction.cos(), direction.sin()), dim=-1) * frame.velocity_mps.norm(dim=-1)[:, None, None]
    path = (pace * dt).cumsum(dim=1)[:, _SUBSTEPS - 1 :: _SUBSTEPS]
    steps = age[:, None] + torch.arange(num_future, device=age.device)
    return path.gather(1, steps[..., None].expand(-1, -1, 2))
