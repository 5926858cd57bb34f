"""Futures that can be driven: a unicycle is steered by the predicted accelerations and curvatures."""

from __future__ import annotations

import math
from typing import Final

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from models.batch import Paths
from models.decoder import AgentState, Decoded, FutureStatistics, LowRankDecoder, first_and_rest
from models.frames import AgentFrame, wrapped
from models.precision import at_least_single

CONTROL_TERMS: Final = 4  # accelerations and curvatures are sums of so many cosines over the horizon each
MAX_ACCEL_MPS2: Final = 5.0
MAX_BRAKE_MPS2: Final = 8.0
MAX_CURVATURE_1PM: Final = 0.25  # a turning circle of 8 m
MAX_LATERAL_MPS2: Final = 6.0  # of the acceleration across: fast vehicles turn widely
_LEAST_STEP_M: Final = 0.1
_STRAIGHT_MPS: Final = 0.5  # below this speed a vehicle starts along its heading, not along its noisy motion


class UnicycleDecoder(nn.Module):
    """As ``LowRankDecoder``, but vehicles' paths are rolled out from controls, each within its bounds.

    Probabilities, spread and the paths of everybody else are the low-rank decoder's. Controls are anchors and residuals
    in a basis of cosines over the horizon, so that they change smoothly; at the start the single forecast has no
    acceleration and the present turn, fading.

    Source: kinematic roll-out: Cui et al., "Deep kinematic models", ICRA 2020; Salzmann et al., Trajectron++, 2020.

    Args:
        low_rank: What it builds on.
        in_width: Of what the low-rank decoder's trunk gives.
        num_modes: Alternative futures.
        num_future: Future steps.
        rate_hz: Of them.
        vehicles: Categories that are steered.
        num_categories: Of all.
    """

    def __init__(
        self,
        low_rank: LowRankDecoder,
        *,
        in_width: int,
        num_modes: int,
        num_future: int,
        rate_hz: float,
        vehicles: tuple[int, ...],
        num_categories: int,
    ) -> None:
        super().__init__()
        self.low_rank, self.rate_hz = low_rank, rate_hz
        self.controls = nn.Linear(in_width, (num_modes + 1) * 2 * CONTROL_TERMS)
        nn.init.zeros_(self.controls.weight)
        nn.init.zeros_(self.controls.bias)
        self.register_buffer("anchors", torch.zeros(num_modes, 2, CONTROL_TERMS))
        self.register_buffer("scale", torch.ones(2, CONTROL_TERMS))
        steered = torch.zeros(num_categories, dtype=torch.bool)
        steered[list(vehicles)] = True
        self.register_buffer("steered", steered, persistent=False)
        self.register_buffer("cosines", control_basis(num_future), persistent=False)

    anchors: Tensor
    scale: Tensor
    steered: Tensor
    cosines: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take what was fitted on the training split."""
        self.low_rank.set_statistics(statistics)
        self.anchors.copy_(statistics.control_anchors)
        self.scale.copy_(statistics.control_scale)

    def forward(self, state: AgentState) -> Decoded:
        """Decode, in the agent's frame."""
        features = self.low_rank.trunk(state.features)
        single, modes, log_probability = self.low_rank.decode(features, state)
        raw = at_least_single(self.controls(features))
        with torch.autocast(features.device.type, enabled=False):
            raw = rearrange(raw, "n (k two q) -> n k two q", two=2, q=CONTROL_TERMS)
            anchors = torch.cat((torch.zeros_like(self.anchors[:1]), self.anchors))
            controls = ((raw + anchors) * self.scale) @ self.cosines
            xy_m = self._roll_out(controls, state)
            is_steered = self.steered[state.category][:, None, None, None]
            xy_m = torch.where(is_steered, xy_m, torch.cat((single.xy_m[:, None], modes.xy_m), dim=1))
        paths = Paths(
            xy_m=xy_m,
            sigma_m=torch.cat((single.sigma_m[:, None], modes.sigma_m), dim=1),
            rho=torch.cat((single.rho[:, None], modes.rho), dim=1),
        )
        return *first_and_rest(paths), log_probability

    def _roll_out(self, controls: Float[Tensor, "n k 2 h"], state: AgentState) -> Float[Tensor, "n k h 2"]:
        frame, start = state.frame, start_of(state.frame)
        speed, heading = start[:, 0], start[:, 1]
        # The present turn fades as on the base path, whose direction it is read from.
        curvature = controls[:, :, 1] + base_curvature(state)[:, None]
        offset_m = frame.velocity_mps * frame.age_s[:, None]
        return offset_m[:, None, None] + roll_out(
            controls[:, :, 0], curvature_1pm=curvature, speed_mps=speed, heading_rad=heading, rate_hz=self.rate_hz
        )


def control_basis(num_future: int) -> Float[Tensor, "q h"]:
    """Cosines over the horizon: constant first, then half a period more each."""
    time = (torch.arange(num_future) + 0.5) / num_future
    return torch.stack([torch.cos(math.pi * term * time) for term in range(CONTROL_TERMS)])


def start_of(frame: AgentFrame) -> Float[Tensor, "n 2"]:
    """Speed (m/s) and direction (rad, in the agent's own frame) that a roll-out starts with."""
    speed = frame.velocity_mps.norm(dim=-1)
    direction = torch.atan2(frame.velocity_mps[:, 1], frame.velocity_mps[:, 0])
    return torch.stack((speed, torch.where(speed > _STRAIGHT_MPS, direction, 0.0)), dim=-1)


def base_curvature(state: AgentState) -> Float[Tensor, "n h"]:
    """The curvature of the base path over each future step (1/m); zero where it hardly moves."""
    start_m = state.frame.velocity_mps * state.frame.age_s[:, None]
    steps = torch.diff(state.base_m, dim=1, prepend=start_m[:, None])
    direction = torch.atan2(steps[..., 1], steps[..., 0])
    # From the middle of one step to that of the next; over the first half of the first, from the start.
    turned = torch.cat((2.0 * (direction[:, :1] - start_of(state.frame)[:, 1:]), direction.diff(dim=1)), dim=1)
    turned = wrapped(turned)
    length = steps.norm(dim=-1)
    return torch.where(length > _LEAST_STEP_M, turned / length.clamp(min=_LEAST_STEP_M), 0.0)


def roll_out(
    accel_mps2: Float[Tensor, "n k h"],
    *,
    curvature_1pm: Float[Tensor, "n k h"],
    speed_mps: Float[Tensor, " n"],
    heading_rad: Float[Tensor, " n"],
    rate_hz: float,
) -> Float[Tensor, "n k h 2"]:
    """Drive from the origin: over each step acceleration and curvature are constant, and within their bounds.

    Controls beyond the bounds are pressed into them smoothly; a vehicle that has stopped does not go backwards.

    Args:
        accel_mps2: Along the path.
        curvature_1pm: Left is positive.
        speed_mps: At the start.
        heading_rad: At the start.
        rate_hz: Of the steps.
    """
    dt = 1.0 / rate_hz
    accel = torch.where(
        accel_mps2 > 0,
        MAX_ACCEL_MPS2 * torch.tanh(accel_mps2 / MAX_ACCEL_MPS2),
        MAX_BRAKE_MPS2 * torch.tanh(accel_mps2 / MAX_BRAKE_MPS2),
    )
    speed = repeat(speed_mps, "n -> n k", k=accel.shape[1])
    heading = repeat(heading_rad, "n -> n k", k=accel.shape[1])
    steps: list[Tensor] = []
    for step in range(accel.shape[2]):
        faster = (speed + accel[:, :, step] * dt).clamp(min=0.0)
        mean = (speed + faster) / 2.0
        limit = (MAX_LATERAL_MPS2 / torch.maximum(speed, faster).square().clamp(min=1e-3)).clamp(max=MAX_CURVATURE_1PM)
        turn = limit * torch.tanh(curvature_1pm[:, :, step] / limit) * mean * dt
        chord = mean * dt * torch.sinc(turn / (2.0 * math.pi))
        middle = heading + turn / 2.0
        steps.append(torch.stack((chord * middle.cos(), chord * middle.sin()), dim=-1))
        speed, heading = faster, heading + turn
    return torch.stack(steps, dim=2).cumsum(dim=2)


def control_coefficients(
    xy_m: Float[Tensor, "n h 2"], *, start: Float[Tensor, "n 2"], rate_hz: float
) -> Float[Tensor, "n 2 q"]:
    """Coefficients of controls that lead along recorded paths, by least squares with a little ridge.

    Speeds are what the path's steps make them, headings the steps' directions weighted by their lengths; noise that
    the cosines cannot follow stays out.

    Args:
        xy_m: Whole paths in the agent's own frame, from the origin.
        start: Of each, as ``start_of`` gives it.
        rate_hz: Of the steps.
    """
    num_future = xy_m.shape[1]
    cosines = control_basis(num_future).to(xy_m)
    steps = torch.diff(xy_m, dim=1, prepend=torch.zeros_like(xy_m[:, :1]))
    length = steps.norm(dim=-1)
    # The speed over a step is that in its middle: half of the step's acceleration has happened.
    gained = (cosines.cumsum(dim=1) - cosines / 2.0) / rate_hz
    accel = _ridge(gained.expand(len(xy_m), -1, -1), length * rate_hz - start[:, :1])
    direction = torch.atan2(steps[..., 1], steps[..., 0])
    turned = wrapped(torch.diff(direction, dim=1, prepend=start[:, 1:]))
    moving = (length * rate_hz > 1.0).to(xy_m)
    turned = (turned * moving).cumsum(dim=1)
    by_curvature = cosines * length[:, None]
    by_curvature = by_curvature.cumsum(dim=2) - by_curvature / 2.0
    weight = (length * moving)[:, None]
    curvature = _ridge(by_curvature * weight, turned * weight[:, 0])
    return torch.stack((accel, curvature), dim=1)


def _ridge(rows: Float[Tensor, "n q h"], target: Float[Tensor, "n h"]) -> Float[Tensor, "n q"]:
    gram = rows @ rows.transpose(1, 2)
    size = gram.diagonal(dim1=1, dim2=2).mean(-1).clamp(min=1e-6)
    gram = gram + 1e-2 * size[:, None, None] * torch.eye(gram.shape[1]).to(gram)
    return torch.linalg.solve(gram, (rows @ target[..., None]))[..., 0]
