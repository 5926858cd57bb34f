"""Where an agent goes by itself: on as it moves, its present turn and acceleration fading out."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.frames import AgentFrame, wrapped

_SUBSTEPS = 2  # of the integration, per step
_TURN_S = 0.8  # the turn rate is taken over so long
_MIN_SPEED_MPS = 2.0  # below, headings are too noisy and tracks too short to tell a turn
_MIN_MOVING_MPS = 1.0  # below, the direction of the velocity is noise
_MAX_SLIP_RAD = 0.6  # something that moves so far off its heading does not steer like a vehicle
_MAX_TURN_RADPS = 1.0
_ACCELERATION_S = 2.0  # the acceleration is taken over so long: over less it is noise at 2 Hz, and at 10 Hz no better
_MAX_ACCELERATION_MPS2 = 6.0


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


def acceleration(
    xy_m: Float[Tensor, "n t 2"],
    *,
    valid: Bool[Tensor, "n t"],
    last: Int[Tensor, " n"],
    velocity_mps: Float[Tensor, "n 2"],
    rate_hz: float,
) -> Float[Tensor, " n"]:
    """How fast each agent gains speed along its velocity; zero where it hardly moves or is seen fewer than three times.

    Of the least-squares parabola through the valid positions of the last seconds.

    Args:
        xy_m: Positions in any frame.
        valid: Which of them are there.
        last: The last valid step.
        velocity_mps: In the same frame.
        rate_hz: Of the steps.
    """
    agents = torch.arange(len(last), device=last.device)
    time = (torch.arange(valid.shape[1], device=last.device) - last[:, None]) / rate_hz
    counted = valid & (time <= 0.0) & (time > -_ACCELERATION_S - 0.5 / rate_hz)
    weight = counted.to(xy_m.dtype)
    num = weight.sum(dim=1).clamp(min=1.0)
    # The part of t^2 that is neither constant nor linear over the counted steps: what is left of x along it is a / 2.
    centred = (time - (weight * time).sum(dim=1, keepdim=True) / num[:, None]) * weight
    second, third = (centred.square().sum(dim=1), (centred**3).sum(dim=1))
    curve = (centred.square() - (second / num)[:, None]) * weight - (third / second.clamp(min=1e-6))[:, None] * centred
    speed = velocity_mps.norm(dim=-1)
    known = (weight.sum(dim=1) >= 3.0) & (speed > _MIN_MOVING_MPS)
    ahead = velocity_mps / speed.clamp(min=1e-6)[:, None]
    offset = torch.where(counted[..., None], xy_m - xy_m[agents, last][:, None], 0.0)
    along = (offset * ahead[:, None]).sum(dim=-1)
    gained = 2.0 * (along * curve).sum(dim=1) / curve.square().sum(dim=1).clamp(min=1e-6)
    return torch.where(known, gained, 0.0).clamp(-_MAX_ACCELERATION_MPS2, _MAX_ACCELERATION_MPS2)


def fading_motion(
    frame: AgentFrame,
    *,
    turn_radps: Float[Tensor, " n"],
    accel_mps2: Float[Tensor, " n"],
    decay_s: Float[Tensor, " 2"],
    num_future: int,
    rate_hz: float,
) -> Float[Tensor, "n h 2"]:
    """On along the velocity, turn rate and acceleration decaying exponentially; in the agent's own frame.

    Drivers leave curves: a turn rate kept up for seconds is worse than none, one that fades within about a second is
    better than both, and so it is with braking. Nobody brakes into going backwards. With decays of zero this is
    constant velocity.

    Args:
        frame: Place, velocity and age of each agent.
        turn_radps: Its present turn rate.
        accel_mps2: Its present acceleration along the velocity.
        decay_s: Time constants of both decays.
        num_future: Steps after the forecast time.
        rate_hz: Of the steps.
    """
    age = (frame.age_s * rate_hz).round().long()
    num_steps = num_future + (int(age.max()) if len(age) else 0)
    dt = 1.0 / (rate_hz * _SUBSTEPS)
    time = (torch.arange(num_steps * _SUBSTEPS, device=age.device) + 0.5) * dt
    decay_s = decay_s.to(time)[:, None]
    turn_s, accel_s = decay_s * -torch.expm1(-time / decay_s.clamp(min=1e-6))
    start = torch.atan2(frame.velocity_mps[:, 1], frame.velocity_mps[:, 0])
    direction = start[:, None] + turn_radps[:, None] * turn_s
    speed = (frame.velocity_mps.norm(dim=-1)[:, None] + accel_mps2[:, None] * accel_s).clamp(min=0.0)
    pace = torch.stack((direction.cos(), direction.sin()), dim=-1) * speed[..., None]
    path = (pace * dt).cumsum(dim=1)[:, _SUBSTEPS - 1 :: _SUBSTEPS]
    steps = age[:, None] + torch.arange(num_future, device=age.device)
    return path.gather(1, steps[..., None].expand(-1, -1, 2))
