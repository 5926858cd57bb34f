"""Where an agent goes by itself: on as it moves, its present turn and acceleration fading out."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.following import Following
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
    agents, num_steps = torch.arange(last.shape[0], device=last.device), max(round(_TURN_S * rate_hz), 1)
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
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """How fast each agent gains speed along its velocity, by a parabola through its last seconds, and how sure that is.

    Args:
        xy_m: Positions in any frame.
        valid: Which of them are there.
        last: The last valid step.
        velocity_mps: In the same frame.
        rate_hz: Of the steps.

    Returns:
        The acceleration in m/s2, and the variance of its error as the distances from the parabola tell it. The first
        is zero where the agent hardly moves or was seen fewer than four times, for then nothing tells the second.
    """
    agents = torch.arange(last.shape[0], device=last.device)
    time = (torch.arange(valid.shape[1], device=last.device) - last[:, None]) / rate_hz
    counted = valid & (time <= 0.0) & (time > -_ACCELERATION_S - 0.5 / rate_hz)
    weight = counted.to(xy_m.dtype)
    num = weight.sum(dim=1)
    mean = 1.0 / num.clamp(min=1.0)[:, None]
    speed = velocity_mps.norm(dim=-1)
    ahead = velocity_mps / speed.clamp(min=1e-6)[:, None]
    offset = torch.where(counted[..., None], xy_m - xy_m[agents, last][:, None], 0.0)
    along = (offset * ahead[:, None]).sum(dim=-1)
    # Orthogonal polynomials over the counted steps: one, the time from its mean, and what they leave of its square.
    linear = (time - mean * (weight * time).sum(dim=1, keepdim=True)) * weight
    square = linear.square() - mean * linear.square().sum(dim=1, keepdim=True) * weight
    square = square - _projected(linear**3, on=linear) * linear
    pace, half = _projected(along * linear, on=linear), _projected(along * square, on=square)
    fit = mean * along.sum(dim=1, keepdim=True) + pace * linear + half * square
    error = (weight * (along - fit)).square().sum(dim=1) / (num - 3.0).clamp(min=1.0)
    variance = 4.0 * error / square.square().sum(dim=1).clamp(min=1e-6)
    known = (num >= 4.0) & (speed > _MIN_MOVING_MPS)
    gained = (2.0 * half[:, 0]).clamp(-_MAX_ACCELERATION_MPS2, _MAX_ACCELERATION_MPS2)
    return torch.where(known, gained, 0.0), variance


def _projected(product: Float[Tensor, "n t"], *, on: Float[Tensor, "n t"]) -> Float[Tensor, "n 1"]:
    """Coefficient of a polynomial whose products with what is projected these are; zero where it vanishes."""
    return product.sum(dim=1, keepdim=True) / on.square().sum(dim=1, keepdim=True).clamp(min=1e-6)


def fading_motion(
    frame: AgentFrame,
    *,
    turn_radps: Float[Tensor, " n"],
    accel_mps2: Float[Tensor, " n"],
    turn_decay_s: Float[Tensor, " n"],
    accel_decay_s: Float[Tensor, " n"],
    num_future: int,
    rate_hz: float,
    following: Following | None = None,
    max_age: int | None = None,
) -> Float[Tensor, "n h 2"]:
    """On along the velocity, turn rate and acceleration decaying exponentially; in the agent's own frame.

    Drivers leave curves: a turn rate kept up for seconds is worse than none, one that fades within about a second is
    better than both, and so it is with braking. Nobody brakes into going backwards. With decays of zero this is
    constant velocity.

    Args:
        frame: Place, velocity and age of each agent.
        turn_radps: Its present turn rate.
        accel_mps2: Its present acceleration along the velocity.
        turn_decay_s: Time constant with which the turn fades; zero: it is not gone on with.
        accel_decay_s: Likewise of the acceleration.
        num_future: Steps after the forecast time.
        rate_hz: Of the steps.
        following: Whose speed each agent takes on, from the forecast time on; None: everyone goes by itself.
        max_age: Nobody was last seen more steps ago; by default it is looked up, and a GPU waited for.
    """
    age = (frame.age_s * rate_hz).round().long()
    if max_age is None:
        max_age = int(age.max()) if len(age) else 0
    num_steps = num_future + max_age
    dt = 1.0 / (rate_hz * _SUBSTEPS)
    time = (torch.arange(num_steps * _SUBSTEPS, device=age.device) + 0.5) * dt
    start = torch.atan2(frame.velocity_mps[:, 1], frame.velocity_mps[:, 0])
    direction = start[:, None] + turn_radps[:, None] * _faded(time, decay_s=turn_decay_s)
    gained = accel_mps2[:, None] * _faded(time, decay_s=accel_decay_s)
    speed = (frame.velocity_mps.norm(dim=-1)[:, None] + gained).clamp(min=0.0)
    if following is not None:
        future = (age * _SUBSTEPS)[:, None] + torch.arange(num_future * _SUBSTEPS, device=age.device)
        speed = speed.scatter(1, future, following.speeds(speed.gather(1, future), dt_s=dt))
    pace = torch.stack((direction.cos(), direction.sin()), dim=-1) * speed[..., None]
    path = (pace * dt).cumsum(dim=1)[:, _SUBSTEPS - 1 :: _SUBSTEPS]
    steps = age[:, None] + torch.arange(num_future, device=age.device)
    return path.gather(1, steps[..., None].expand(-1, -1, 2))


def _faded(time_s: Float[Tensor, " h"], *, decay_s: Float[Tensor, " n"]) -> Float[Tensor, "n h"]:
    """What a rate of one that decays exponentially has come to by each time."""
    return decay_s[:, None] * -torch.expm1(-time_s / decay_s.clamp(min=1e-6)[:, None])
