"""The agent's own frame at the forecast time: origin at its last known position, x along its heading."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.batch import Forecast, Observed, Paths

_VELOCITY_S = 0.4
_REVERSING_MPS = 3.0  # faster than this nobody drives backwards


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentFrame:
    """Where each agent is at the forecast time, and how it moves.

    Attributes:
        last: Index of the last valid observed step; 0 where there is none.
        known: There is a valid observed step.
        origin_m: Position at that step, in the scene frame; zero where there is none.
        axis: Unit vector along the latest valid heading; (1, 0) where there is none.
        has_axis: There is a valid heading.
        age_s: Time from that step to the forecast time.
        velocity_mps: Along the frame's own axes, see ``constant_velocity``.
    """

    last: Int[Tensor, " n"]
    known: Bool[Tensor, " n"]
    origin_m: Float[Tensor, "n 2"]
    axis: Float[Tensor, "n 2"]
    has_axis: Bool[Tensor, " n"]
    age_s: Float[Tensor, " n"]
    velocity_mps: Float[Tensor, "n 2"]


def rotate(vectors: Float[Tensor, "*n 2"], axis: Float[Tensor, "*#n 2"]) -> Float[Tensor, "*n 2"]:
    """Turn vectors from a frame whose x axis is ``axis`` into the frame that ``axis`` is expressed in."""
    cos, sin = axis.unbind(-1)
    x, y = vectors.unbind(-1)
    return torch.stack((cos * x - sin * y, sin * x + cos * y), dim=-1)


def unrotate(vectors: Float[Tensor, "*n 2"], axis: Float[Tensor, "*#n 2"]) -> Float[Tensor, "*n 2"]:
    """The inverse of ``rotate``."""
    cos, sin = axis.unbind(-1)
    x, y = vectors.unbind(-1)
    return torch.stack((cos * x + sin * y, cos * y - sin * x), dim=-1)


def wrapped(angle_rad: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The same direction within half a turn either way, in [-pi, pi)."""
    return torch.remainder(angle_rad + math.pi, 2.0 * math.pi) - math.pi


def agent_frame(observed: Observed, *, rate_hz: float, turned: bool = True) -> AgentFrame:
    """Build each agent's frame from its observed steps; numbers at invalid steps are never read.

    Args:
        observed: The agents.
        rate_hz: Of the steps.
        turned: Along the heading; otherwise every axis is the scene's, as if no heading were known.
    """
    valid = observed.valid
    num_steps = valid.shape[1]
    steps = torch.arange(num_steps, device=valid.device)
    last = torch.where(valid, steps, 0).amax(dim=1)
    known = valid.any(dim=1)
    agents = torch.arange(last.shape[0], device=valid.device)
    origin = torch.where(known[:, None], observed.xy_m[agents, last], 0.0)
    oriented = observed.heading_valid & valid
    has_axis = oriented.any(dim=1) & turned
    heading = observed.heading_rad[agents, torch.where(oriented, steps, 0).amax(dim=1)]
    heading = torch.where(has_axis, heading, 0.0)
    axis = torch.stack((heading.cos(), heading.sin()), dim=-1)
    velocity = constant_velocity(observed.xy_m, valid=valid, last=last, rate_hz=rate_hz)
    return AgentFrame(
        last=last,
        known=known,
        origin_m=origin,
        axis=axis,
        has_axis=has_axis,
        age_s=(num_steps - 1 - last) / rate_hz,
        velocity_mps=unrotate(velocity, axis),
    )


def facing_ahead(observed: Observed, *, rate_hz: float) -> Observed:
    """Headings of whoever moves fast against the latest of them turned round: they were labelled the wrong way.

    Args:
        observed: The agents.
        rate_hz: Of the steps.
    """
    return frame_ahead(observed, rate_hz=rate_hz)[0]


def frame_ahead(observed: Observed, *, rate_hz: float, turned: bool = True) -> tuple[Observed, AgentFrame]:
    """The agents as ``facing_ahead`` gives them, and their ``agent_frame``, which is looked for but once."""
    frame = agent_frame(observed, rate_hz=rate_hz)
    backwards = (frame.has_axis & (frame.velocity_mps[:, 0] < -_REVERSING_MPS))[:, None]
    observed = replace(observed, heading_rad=observed.heading_rad + math.pi * backwards)
    if not turned:
        return observed, agent_frame(observed, rate_hz=rate_hz, turned=False)
    sign = torch.where(backwards, -1.0, 1.0)
    return observed, replace(frame, axis=frame.axis * sign, velocity_mps=frame.velocity_mps * sign)


def constant_velocity(
    xy_m: Float[Tensor, "n t 2"],
    *,
    valid: Bool[Tensor, "n t"],
    last: Int[Tensor, " n"],
    rate_hz: float,
) -> Float[Tensor, "n 2"]:
    """Mean velocity over the last 0.4 s before the last valid step, or since the step before where none is in them.

    At 5 Hz two steps rather than one: half the noise of the positions, and still the present velocity. Zero where there
    is no earlier step.
    """
    num_steps = max(round(_VELOCITY_S * rate_hz), 1)
    steps = torch.arange(valid.shape[1], device=valid.device)
    earlier = valid & (steps < last[:, None])
    near = earlier & (steps >= last[:, None] - num_steps)
    oldest_near = torch.where(near, steps, valid.shape[1]).amin(dim=1)
    newest = torch.where(earlier, steps, 0).amax(dim=1)
    moved = earlier.any(dim=1)
    first = torch.where(near.any(dim=1), oldest_near, newest)
    agents = torch.arange(last.shape[0], device=valid.device)
    duration_s = (last - first).clamp(min=1) / rate_hz
    velocity = (xy_m[agents, last] - xy_m[agents, first]) / duration_s[:, None]
    return torch.where(moved[:, None], velocity, 0.0)


def to_own_frames(xy_m: Float[Tensor, "n h 2"], *, frame: AgentFrame) -> Float[Tensor, "n h 2"]:
    """Turn and move each agent's positions from the scene frame into its own."""
    return unrotate(xy_m - frame.origin_m[:, None], frame.axis[:, None])


def forecast_to_scene(forecast: Forecast, frame: AgentFrame) -> Forecast:
    """Turn and move a forecast from each agent's own frame into the scene frame."""
    return replace(
        forecast,
        single=paths_to_scene(forecast.single, frame=frame),
        modes=paths_to_scene(forecast.modes, frame=frame),
        blind=None if forecast.blind is None else forecast_to_scene(forecast.blind, frame),
    )


def paths_to_scene(paths: Paths, *, frame: AgentFrame) -> Paths:
    """Turn and move paths from each agent's frame, ``n ... h``, into the scene frame."""
    extra = paths.rho.ndim - 1
    axis = frame.axis.reshape(-1, *[1] * extra, 2)
    origin = frame.origin_m.reshape(-1, *[1] * extra, 2)
    cos, sin = axis.unbind(-1)
    sigma_x, sigma_y = paths.sigma_m.unbind(-1)
    variance_x, variance_y = sigma_x.square(), sigma_y.square()
    covariance = paths.rho * (sigma_x * sigma_y)
    turned_x = cos**2 * variance_x - 2 * cos * sin * covariance + sin**2 * variance_y
    turned_y = sin**2 * variance_x + 2 * cos * sin * covariance + cos**2 * variance_y
    turned = cos * sin * (variance_x - variance_y) + (cos**2 - sin**2) * covariance
    sigma_x, sigma_y = turned_x.sqrt(), turned_y.sqrt()
    sigma_m = torch.stack((sigma_x, sigma_y), dim=-1)
    return Paths(xy_m=rotate(paths.xy_m, axis) + origin, sigma_m=sigma_m, rho=turned / (sigma_x * sigma_y))
