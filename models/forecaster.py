"""The social LSTM: every agent encoded in its own frame, coupled to its neighbours at every observed step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.batch import Forecast, Observed
from models.decoder import FutureStatistics, LowRankDecoder, residual_scale
from models.frames import AgentFrame, agent_frame, paths_to_scene, unrotate
from models.interaction import InteractionName, make_interaction
from models.kinematics import fading_turn, turn_rate
from models.lstm import LSTMCell
from models.pairs import Pairs, neighbour_pairs
from models.peephole import PeepholeCell
from models.precision import at_least_single
from models.scene import SceneEncoder

_METRES = 10.0  # positions, speeds and sizes are divided by this before a layer sees them
_FINE = 2.0  # differences of them, by this
_CATEGORY_WIDTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecasterConfig:
    """What a forecaster is built from.

    Attributes:
        cell: ``lstm``, or ``peephole`` for gates that also see the cell state.
        interaction: ``none``, an ``occupancy`` grid, a ``social`` grid of neighbours' states, or ``attention``.
        scene: Use the scene features.
        width: Of the recurrent state.
        num_modes: Alternative futures.
        basis_rank: Of the low-rank basis of futures.
        grid_cells: Cells along each side of a grid; attention reaches as far.
        cell_m: Side of one cell.
        pooled_width: A neighbour's state is projected to this before it is pooled.
        num_heads: Of the attention.
        dropout: Probability, before the decoder and in it.
        num_future: Future steps.
        rate_hz: Of observed and future steps.
        num_categories: Agent categories.
        scene_channels: Channels of the scene features.
    """

    cell: Literal["lstm", "peephole"]
    interaction: InteractionName
    scene: bool
    width: int
    num_modes: int
    basis_rank: int
    grid_cells: int
    cell_m: float
    pooled_width: int
    num_heads: int
    dropout: float
    num_future: int
    rate_hz: float
    num_categories: int
    scene_channels: int


class Forecaster(nn.Module):
    """Forecasts of every agent of a batch of scenes."""

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.category = nn.Embedding(config.num_categories, _CATEGORY_WIDTH)
        self.inputs = nn.Linear(_STEP_WIDTH + _STATIC_WIDTH + _CATEGORY_WIDTH, 4 * width)
        self.cell = PeepholeCell(width) if config.cell == "peephole" else LSTMCell(width)
        self.interaction = make_interaction(
            config.interaction,
            width=width,
            static_width=_STATIC_WIDTH + _CATEGORY_WIDTH,
            num_cells=config.grid_cells,
            cell_m=config.cell_m,
            pooled_width=config.pooled_width,
            num_heads=config.num_heads,
        )
        self.interaction_inputs = nn.Linear(width, 4 * width, bias=False) if self.interaction else None
        self.scene = SceneEncoder(channels=config.scene_channels, width=width // 2) if config.scene else None
        state_width = width * (2 if self.interaction else 1) + (width // 2 if self.scene else 0)
        self.register_buffer("turn_decay_s", torch.zeros(()))
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = LowRankDecoder(
            in_width=state_width + _STATIC_WIDTH + _CATEGORY_WIDTH,
            width=2 * width,
            num_modes=config.num_modes,
            rank=config.basis_rank,
            num_future=config.num_future,
            dropout=config.dropout,
        )

    turn_decay_s: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take what was fitted on the training split; it becomes part of the weights."""
        self.turn_decay_s.copy_(statistics.turn_decay_s)
        self.decoder.set_statistics(statistics)

    def forward(self, observed: Observed, *, states: list[Tensor] | None = None) -> Forecast:
        """Forecast every agent, in the scene frame. An agent without a valid step gets finite, meaningless numbers.

        Args:
            observed: All agents of a batch of scenes.
            states: The hidden states (n, d) after each observed step are appended to it; they keep their gradients.
        """
        frame = agent_frame(observed, rate_hz=self.config.rate_hz)
        static = torch.cat((static_inputs(observed, frame=frame), self.category(observed.category)), dim=-1)
        state = self.encode(observed, frame=frame, static=static, states=states)
        base = self.base_future(observed, frame=frame, decay_s=self.turn_decay_s)
        single, modes, log_probability = self.decoder(
            torch.cat((self.dropout(state), static), dim=-1), base_m=base, scale=residual_scale(frame.velocity_mps)
        )
        return Forecast(
            single=paths_to_scene(single, frame=frame),
            modes=paths_to_scene(modes, frame=frame),
            log_probability=log_probability,
        )

    def base_future(
        self, observed: Observed, *, frame: AgentFrame, decay_s: Float[Tensor, ""] | float
    ) -> Float[Tensor, "n h 2"]:
        """Where each agent goes by itself, in its own frame: what the decoder's residuals are added to."""
        rate_hz = self.config.rate_hz
        turn = turn_rate(
            observed.heading_rad,
            valid=observed.heading_valid & observed.valid,
            last=frame.last,
            velocity_mps=frame.velocity_mps,
            rate_hz=rate_hz,
        )
        return fading_turn(frame, turn_radps=turn, decay_s=decay_s, num_future=self.config.num_future, rate_hz=rate_hz)

    def encode(
        self,
        observed: Observed,
        *,
        frame: AgentFrame,
        static: Float[Tensor, "n s"],
        states: list[Tensor] | None = None,
    ) -> Float[Tensor, "n d"]:
        """Run the coupled recurrence over the observed steps and join what each agent's state rests on."""
        velocity = step_velocity(observed, rate_hz=self.config.rate_hz)
        steps = step_inputs(observed, velocity_mps=velocity, frame=frame, rate_hz=self.config.rate_hz)
        everywhere = static[:, None].expand(-1, steps.shape[1], -1)
        projected = self.inputs(torch.cat((steps, everywhere), dim=-1)).unbind(1)
        hidden = cell = steps.new_zeros(len(steps), self.config.width)
        pairs = self._pairs(observed, velocity_mps=velocity, frame=frame)
        for step, valid in enumerate(observed.valid.unbind(1)):
            gates = projected[step]
            if pairs is not None and self.interaction is not None and self.interaction_inputs is not None:
                gates = gates + self.interaction_inputs(
                    self.interaction(hidden, static=static, neighbours=pairs.at(step))
                )
            hidden, cell = self.cell(gates, hidden=hidden, cell=cell, valid=valid)
            if states is not None:
                if hidden.requires_grad:
                    hidden.retain_grad()
                states.append(hidden)
        parts = [hidden]
        if pairs is not None and self.interaction is not None:
            # Once more after the last step: where the neighbours are and what they do at the forecast time itself.
            parts.append(self.interaction(hidden, static=static, neighbours=pairs.at(-1)))
        if self.scene is not None:
            parts.append(
                self.scene(
                    observed.agent_feature,
                    agent_valid=observed.agent_feature_valid,
                    frame_feature=observed.frame_feature,
                    frame_valid=observed.frame_feature_valid,
                    scene=observed.scene,
                )
            )
        return torch.cat([at_least_single(part) for part in parts], dim=-1)

    def _pairs(self, observed: Observed, *, velocity_mps: Tensor, frame: AgentFrame) -> Pairs | None:
        if self.interaction is None:
            return None
        return neighbour_pairs(
            observed.scene,
            xy_m=observed.xy_m,
            velocity_mps=velocity_mps,
            valid=observed.valid,
            frame=frame,
            reach_m=self.interaction.reach_m,
        )


_STEP_WIDTH = 12
_STATIC_WIDTH = 7


def step_velocity(observed: Observed, *, rate_hz: float) -> Float[Tensor, "n t 2"]:
    """Velocity at each step in the scene frame, from the step before it; zero where either is not valid."""
    velocity = torch.zeros_like(observed.xy_m)
    both = observed.valid[:, 1:] & observed.valid[:, :-1]
    velocity[:, 1:] = torch.where(both[..., None], observed.xy_m.diff(dim=1) * rate_hz, 0.0)
    return velocity


def step_inputs(
    observed: Observed, *, velocity_mps: Float[Tensor, "n t 2"], frame: AgentFrame, rate_hz: float
) -> Float[Tensor, "n t 12"]:
    """What is known of each agent at each step, in its own frame.

    Position and velocity; how both differ from having always gone at the present velocity, on a finer scale, for in
    that lie braking and turning; the heading (cosine, sine, there or not); whether the step is there.
    """
    axis = frame.axis[:, None]
    position = unrotate(observed.xy_m - frame.origin_m[:, None], axis) / _METRES
    velocity = unrotate(velocity_mps, axis) / _METRES
    heading = torch.stack((observed.heading_rad.cos(), observed.heading_rad.sin()), dim=-1)
    oriented = (observed.heading_valid & observed.valid)[..., None].to(position.dtype)
    heading = unrotate(heading, axis) * oriented
    there = observed.valid[..., None].to(position.dtype)
    steps = torch.arange(position.shape[1], device=position.device) - frame.last[:, None]
    straight = frame.velocity_mps[:, None] * (steps / rate_hz)[..., None]
    strayed = (position * _METRES - straight) / _FINE * there
    both = torch.nn.functional.pad(observed.valid[:, 1:] & observed.valid[:, :-1], (1, 0))[..., None]
    changed = (velocity * _METRES - frame.velocity_mps[:, None]) / _FINE * both
    return torch.cat((position * there, velocity, strayed, changed, heading, oriented, there), dim=-1)


def static_inputs(observed: Observed, *, frame: AgentFrame) -> Float[Tensor, "n 7"]:
    """Size, whether it is the ego, whether it has an axis, the age of its last sample, and its velocity."""
    flags = torch.stack((observed.is_ego, frame.has_axis), dim=-1).to(frame.origin_m.dtype)
    return torch.cat((observed.size_m / _METRES, flags, frame.age_s[:, None], frame.velocity_mps / _METRES), dim=-1)
