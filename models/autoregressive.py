"""Step by step on its own output: the bivariate Gaussian decoder of the social LSTM of 2016."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.batch import Paths
from models.decoder import AgentState, Decoded, FutureStatistics, first_and_rest, spread_of
from models.frames import AgentFrame, rotate
from models.inputs import motion_inputs
from models.pairs import Seen, neighbour_pairs
from models.precision import at_least_single
from models.recurrence import CoupledRecurrence

_STILL_MPS = 0.3  # slower than this, the direction of motion says nothing, and the last one is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What the encoder leaves behind.

    Attributes:
        recurrence: To be gone on with.
        hidden: Its hidden state after the last observed step.
        cell: Its cell state.
        static: What it was given besides the steps.
        scene: Scene of each agent, ascending.
    """

    recurrence: CoupledRecurrence
    hidden: Float[Tensor, "n d"]
    cell: Float[Tensor, "n d"]
    static: Float[Tensor, "n s"]
    scene: Int[Tensor, " n"]

    def detached(self) -> Memory:
        """The same, with no gradient to the encoder's states."""
        states = {name: getattr(self, name).detach() for name in ("hidden", "cell", "static")}
        return replace(self, **states)


class AutoregressiveDecoder(nn.Module):
    """Goes on with the encoder's recurrence: each step's forecast is the next step's input, for all agents at once.

    At every future step the neighbours' states are pooled at the places that the forecast itself has put them; the
    truth is never fed back. Each step changes the velocity, and tells the spread of the position as a bivariate
    Gaussian. The alternative futures are k worlds in which every agent keeps to its own quantile of these Gaussians: k
    places spread evenly under a normal density, the same in every call, all equally probable. They are not trained:
    while training, all modes are the single path, and the loss is the likelihood of what happened under it.

    Source: Alahi et al., "Social LSTM: Human Trajectory Prediction in Crowded Spaces", CVPR 2016, section 3; trained on
    its own output instead of the truth, so that training and forecasting see the same.
    """

    def __init__(self, *, state_width: int, width: int, num_modes: int, num_future: int, rate_hz: float) -> None:
        super().__init__()
        self.num_modes, self.num_future, self.rate_hz = num_modes, num_future, rate_hz
        self.start = nn.Linear(state_width, width)
        self.gaussian = nn.Linear(width, 5)  # change of velocity, logarithms of the spread, correlation
        for head in (self.start, self.gaussian):  # at the start: constant velocity
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.register_buffer("spread", torch.ones(num_future, 2))
        self.register_buffer("quantiles", normal_places(num_modes), persistent=False)

    spread: Tensor
    quantiles: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take the training split's spread."""
        self.spread.copy_(statistics.spread)

    def forward(self, state: AgentState, *, memory: Memory) -> Decoded:
        """Decode, in the agent's frame."""
        equal = state.scale.new_full((state.scale.shape[0], self.num_modes), -math.log(self.num_modes))
        if torch.compiler.is_exporting():
            return *self._all_at_once(state, memory=memory), equal
        single = self._go_on(state, memory=memory, quantile=None)
        if self.training:
            worlds = [single] * self.num_modes
        else:
            worlds = [self._go_on(state, memory=memory, quantile=each) for each in self.quantiles.to(state.scale)]
        modes = Paths(
            xy_m=torch.stack([world.xy_m for world in worlds], dim=1),
            sigma_m=torch.stack([world.sigma_m for world in worlds], dim=1),
            rho=torch.stack([world.rho for world in worlds], dim=1),
        )
        return single, modes, equal

    def _all_at_once(self, state: AgentState, *, memory: Memory) -> tuple[Paths, Paths]:
        """The single path and the modes, all worlds as scenes of one batch: a graph then holds one roll-out, not k + 1.

        It takes more memory than one world after the other, and is no faster. Along the means goes who keeps to the
        middle of the Gaussians.
        """
        places = torch.cat((torch.zeros_like(self.quantiles[:1]), self.quantiles)).to(state.scale)
        quantile = repeat(places, "k two -> (k n) two", n=state.scale.shape[0])
        stacked, remembered = _stacked(state, memory, count=len(places))
        paths = self._go_on(stacked, memory=remembered, quantile=quantile)
        worlds = Paths(
            xy_m=rearrange(paths.xy_m, "(k n) h two -> n k h two", k=len(places)),
            sigma_m=rearrange(paths.sigma_m, "(k n) h two -> n k h two", k=len(places)),
            rho=rearrange(paths.rho, "(k n) h -> n k h", k=len(places)),
        )
        return first_and_rest(worlds)

    def _go_on(self, state: AgentState, *, memory: Memory, quantile: Float[Tensor, "*#n 2"] | None) -> Paths:
        """One world, each agent at this quantile or at its own; without one, along the means."""
        frame, recurrence = state.frame, memory.recurrence
        hidden, cell = memory.hidden + self.start(state.features), memory.cell
        motion, steady = _Motion.of(frame), recurrence.steady(memory.static)
        paths: list[tuple[Tensor, Tensor, Tensor]] = []
        for step in range(self.num_future):
            if step:
                hidden, cell = recurrence.advance(
                    motion.inputs(frame),
                    steady=steady,
                    hidden=hidden,
                    cell=cell,
                    seen=self._seen(motion, memory=memory, frame=frame),
                    valid=frame.known,
                )
            told = at_least_single(self.gaussian(hidden))
            with torch.autocast(told.device.type, enabled=False):
                sigma, rho = spread_of(
                    told[:, 2:], powers=told.new_ones(1, 1), spread=self.spread[step : step + 1], scale=state.scale
                )
                sigma, rho = sigma[:, 0, 0], rho[:, 0, 0]
                away = torch.zeros_like(sigma) if quantile is None else _away(sigma, rho=rho, quantile=quantile)
                motion = motion.step(told[:, :2] * state.scale[:, None], away_m=away, rate_hz=self.rate_hz)
            paths.append((motion.position_m, sigma, rho))
        xy_m, sigma_m, rho = (torch.stack(column, dim=1) for column in zip(*paths, strict=True))
        return Paths(xy_m=xy_m, sigma_m=sigma_m, rho=rho)

    def _seen(self, motion: _Motion, *, memory: Memory, frame: AgentFrame) -> Seen | None:
        interaction = memory.recurrence.interaction
        if interaction is None:
            return None
        pairs = neighbour_pairs(
            memory.scene,
            xy_m=(rotate(motion.position_m, frame.axis) + frame.origin_m)[:, None],
            velocity_mps=rotate(motion.seen_mps, frame.axis)[:, None],
            valid=frame.known[:, None],
            frame=frame,
            reach_m=interaction.reach_m,
        )
        return interaction.see(pairs.neighbours(), static=memory.static)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Motion:
    """Where each agent has got to, in its own frame.

    Attributes:
        time_s: Since its last known position.
        position_m: In this world.
        away_m: Of this, what the world's quantile is away from the mean.
        mean_mps: The velocity that is forecast.
        seen_mps: The velocity that this world's positions make.
        heading: Unit vector; zero where none is known.
    """

    time_s: Float[Tensor, " n"]
    position_m: Float[Tensor, "n 2"]
    away_m: Float[Tensor, "n 2"]
    mean_mps: Float[Tensor, "n 2"]
    seen_mps: Float[Tensor, "n 2"]
    heading: Float[Tensor, "n 2"]

    @staticmethod
    def of(frame: AgentFrame) -> _Motion:
        """At the forecast time: on at the last velocity since it was seen."""
        still, ahead = torch.zeros_like(frame.origin_m), frame.has_axis.to(frame.origin_m.dtype)
        return _Motion(
            time_s=frame.age_s,
            position_m=frame.velocity_mps * frame.age_s[:, None],
            away_m=still,
            mean_mps=frame.velocity_mps,
            seen_mps=frame.velocity_mps,
            heading=torch.stack((ahead, torch.zeros_like(ahead)), dim=-1),
        )

    def step(self, change_mps: Float[Tensor, "n 2"], *, away_m: Float[Tensor, "n 2"], rate_hz: float) -> _Motion:
        """Change the velocity and go one step."""
        mean_mps = self.mean_mps + change_mps / rate_hz
        position_m = self.position_m - self.away_m + mean_mps / rate_hz + away_m
        seen_mps = (position_m - self.position_m) * rate_hz
        speed = seen_mps.square().sum(-1, keepdim=True).clamp(min=_STILL_MPS**2).sqrt()
        return _Motion(
            time_s=self.time_s + 1.0 / rate_hz,
            position_m=position_m,
            away_m=away_m,
            mean_mps=mean_mps,
            seen_mps=seen_mps,
            heading=torch.where(speed > _STILL_MPS, seen_mps / speed, self.heading),
        )

    def inputs(self, frame: AgentFrame) -> Float[Tensor, "n 12"]:
        """As the encoder has it of observed steps."""
        return motion_inputs(
            self.position_m[:, None],
            velocity_mps=self.seen_mps[:, None],
            heading=self.heading[:, None],
            oriented=self.heading.any(dim=-1)[:, None],
            valid=frame.known[:, None],
            moving=frame.known[:, None],
            time_s=self.time_s[:, None],
            present_mps=frame.velocity_mps,
        )[:, 0]


def _stacked(state: AgentState, memory: Memory, *, count: int) -> tuple[AgentState, Memory]:
    """Every agent once in each of so many worlds, world after world; each world's scenes have numbers of their own."""

    def again(values: Tensor) -> Tensor:
        return values.repeat(count, *[1] * (values.ndim - 1))

    frame = AgentFrame(**{f.name: again(getattr(state.frame, f.name)) for f in fields(AgentFrame)})
    num_scenes = memory.scene[-1:].sum() + 1  # they ascend
    world = torch.arange(count, device=memory.scene.device)
    return (
        AgentState(
            features=again(state.features),
            category=again(state.category),
            frame=frame,
            base_m=again(state.base_m),
            scale=again(state.scale),
        ),
        replace(
            memory,
            hidden=again(memory.hidden),
            cell=again(memory.cell),
            static=again(memory.static),
            scene=(memory.scene + num_scenes * world[:, None]).flatten(),
        ),
    )


def _away(
    sigma_m: Float[Tensor, "n 2"], *, rho: Float[Tensor, " n"], quantile: Float[Tensor, "*#n 2"]
) -> Float[Tensor, "n 2"]:
    """Standard normal places, stretched to the bivariate Gaussians (by Cholesky's factor)."""
    along, aside = quantile.unbind(-1)
    across = rho * along + (1.0 - rho.square()).sqrt() * aside
    return sigma_m * torch.stack((along.expand_as(rho), across), dim=-1)


def normal_places(count: int) -> Float[Tensor, "k 2"]:
    """Places spread evenly under the standard bivariate normal density: a sunflower's spiral with its radii."""
    number = torch.arange(count, dtype=torch.float64)
    radius = (-2.0 * torch.log1p(-(number + 0.5) / count)).sqrt()
    angle = number * math.pi * (3.0 - math.sqrt(5.0))
    return torch.stack((radius * angle.cos(), radius * angle.sin()), dim=-1).float()
