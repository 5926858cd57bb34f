"""The social LSTM: every agent encoded in its own frame, coupled to its neighbours at every observed step."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from models.autoregressive import AutoregressiveDecoder, Memory
from models.batch import Forecast, Observed
from models.calibration import Calibration
from models.config import ForecasterConfig
from models.decoder import AgentState, FutureStatistics, residual_scale
from models.decoders import make_decoder
from models.following import LEADER_WIDTH, Following, Leaders, find_leaders
from models.frames import AgentFrame, agent_frame, forecast_to_scene, frame_ahead, rotate
from models.inputs import STATIC_WIDTH, STEP_WIDTH, past_inputs, static_inputs, step_inputs, step_velocity
from models.interaction import make_interaction
from models.kinematics import acceleration, fading_motion, turn_rate
from models.linear_base import linear_future, past_displacements
from models.manoeuvre import ManoeuvreHead
from models.own_path import OwnPath
from models.pairs import Candidates, Seen, neighbour_pairs
from models.precision import at_least_single
from models.recurrence import CoupledRecurrence
from models.scene import SceneCorrection, SceneEncoder

_CATEGORY_WIDTH = 8


class Forecaster(nn.Module):
    """Forecasts of every agent of a batch of scenes.

    A scene branch corrects what is known of an agent before it is decoded. In training everything is decoded twice:
    without frames, from which all but the branch learns, as it would if there were none; and corrected, from which the
    branch alone learns. So the branch can take nothing from who has no frames, and need not learn to be left out. (An
    autoregressive decoder's recurrence learns from both.)
    """

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        self.config = config
        width, static_width = config.width, STATIC_WIDTH + _CATEGORY_WIDTH
        self.category = nn.Embedding(config.num_categories, _CATEGORY_WIDTH)
        self.recurrence = CoupledRecurrence(
            config.cell,
            step_width=STEP_WIDTH,
            static_width=static_width,
            width=width,
            interaction=make_interaction(
                config.interaction,
                width=width,
                static_width=static_width,
                num_cells=config.grid_cells,
                cell_m=config.cell_m,
                pooled_width=config.pooled_width,
                num_heads=config.num_heads,
            ),
        )
        is_coupled = self.recurrence.interaction is not None
        self.follows = config.base == "following" and is_coupled
        known_width = static_width + (LEADER_WIDTH if self.follows else 0)
        in_width = width * (2 if is_coupled else 1) + known_width
        self.register_buffer("fading", torch.zeros(2, 3))
        self.register_buffer("reaction", torch.zeros(2))
        is_vehicle = torch.isin(torch.arange(config.num_categories), torch.tensor(config.vehicle_categories))
        self.register_buffer("is_vehicle", is_vehicle.long(), persistent=False)
        if config.base == "linear":
            self.register_buffer("linear", torch.zeros(2, config.num_observed - 1, config.num_future))
            past_width = 4 * (config.num_observed - 1) + static_width
            self.own_path = OwnPath(in_width=past_width, width=width, rank=config.basis_rank)
        else:
            self.own_path = None
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = make_decoder(config, in_width=in_width)
        self.calibration = Calibration(num_categories=config.num_categories, num_future=config.num_future)
        self.manoeuvres = _make_head(config, in_width=in_width)
        # Last, so that a seed starts the rest alike with frames and without.
        self.scene = self.correction = self.scene_head = None
        if config.scene:
            self.scene = SceneEncoder(
                channels=config.scene_channels, width=width // 2, dropout=config.appearance_dropout
            )
            self.correction = SceneCorrection(
                looked_width=width // 2, known_width=in_width, width=width, dropout=config.dropout
            )
            self.scene_head = _make_head(config, in_width=width // 2 + known_width) if config.scene_head else None

    fading: Tensor
    reaction: Tensor
    is_vehicle: Tensor
    linear: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take what was fitted on the training split; it becomes part of the weights."""
        self.fading.copy_(statistics.fading)
        self.reaction.copy_(statistics.reaction)
        self.decoder.set_statistics(statistics)

    def parts(self) -> list[list[nn.Parameter]]:
        """The weights of what learns without frames, and of what corrects it by them: no gradient is of both."""
        modules = [each for each in (self.scene, self.correction, self.scene_head) if each is not None]
        of_scene = [weight for module in modules for weight in module.parameters()]
        known = set(of_scene)
        rest = [weight for weight in self.parameters() if weight not in known]
        return [rest, of_scene] if of_scene else [rest]

    def frame(self, observed: Observed) -> AgentFrame:
        """Each agent's own frame."""
        return agent_frame(observed, rate_hz=self.config.rate_hz, turned=self.config.turn_to_heading)

    def forward(
        self, observed: Observed, *, states: list[Tensor] | None = None, candidates: Candidates | None = None
    ) -> Forecast:
        """Forecast every agent, in the scene frame. An agent without a valid step gets finite, meaningless numbers.

        Args:
            observed: All agents of a batch of scenes.
            states: As in ``in_own_frames``.
            candidates: Likewise.
        """
        return forecast_to_scene(*self.in_own_frames(observed, states=states, candidates=candidates))

    def in_own_frames(
        self, observed: Observed, *, states: list[Tensor] | None = None, candidates: Candidates | None = None
    ) -> tuple[Forecast, AgentFrame]:
        """As ``forward``, but each agent in its own frame, and these frames: a loss needs no Gaussian turned.

        Args:
            observed: All agents of a batch of scenes.
            states: The hidden states (n, d) after each observed step are appended to it; they keep their gradients.
            candidates: All pairs of agents of one scene, to be masked and not picked from: no shape hangs on the data
                then, and the device is never waited for. By default they are found here.
        """
        observed, frame = frame_ahead(observed, rate_hz=self.config.rate_hz, turned=self.config.turn_to_heading)
        static = torch.cat((static_inputs(observed, frame=frame), self.category(observed.category)), dim=-1)
        encoded, memory = self.encode(observed, frame=frame, static=static, states=states, candidates=candidates)
        following, known = None, static
        if self.follows:
            leaders = self.leaders(observed, frame=frame, candidates=candidates)
            following = leaders.following(self.reaction)
            known = torch.cat((static, leaders.inputs(frame.velocity_mps.norm(dim=-1))), dim=-1)
        keeps_shapes = candidates is not None or torch.compiler.is_exporting()
        state = AgentState(
            features=torch.cat((self.dropout(encoded), known), dim=-1),
            category=observed.category,
            frame=frame,
            base_m=self.base_future(
                observed,
                frame=frame,
                fading=self.fading,
                following=following,
                max_age=observed.valid.shape[1] - 1 if keeps_shapes else None,
            ),
            scale=residual_scale(frame.velocity_mps, power=self.config.residual_power),
            single=self._own_coefficients(observed, frame=frame, static=static),
        )
        if self.scene is None or self.correction is None:
            return self._decode(state, memory=memory), frame
        draws_apart = self.training and not torch.compiler.is_compiling()
        with torch.random.fork_rng(devices=[]) if draws_apart else nullcontext():
            looked = at_least_single(self.scene(observed))
            features, off_mean = self.correction(state.features.detach(), looked=looked, sees=observed.has_frames())
            if not self.training:
                return self._decode(replace(state, features=features), memory=memory), frame
            single = None if state.single is None else state.single.detach()
            corrected = replace(state, features=features, single=single)
            forecast = replace(self._decode(corrected, memory=memory.detached(), learns=False), off_mean=off_mean)
            if self.scene_head is not None:
                told = self.scene_head(torch.cat((looked, known.detach()), dim=-1))
                forecast = replace(forecast, scene_manoeuvres=told)
        return replace(forecast, blind=self._decode(state, memory=memory)), frame

    def _decode(self, state: AgentState, *, memory: Memory, learns: bool = True) -> Forecast:
        """Of agents' states.

        Args:
            state: Theirs.
            memory: What an autoregressive decoder goes on with.
            learns: Otherwise the weights of the decoder and of the manoeuvres' head get no gradient.
        """
        call = _called if learns else _called_fixed
        if isinstance(self.decoder, AutoregressiveDecoder):
            single, modes, log_probability = call(self.decoder, state, memory=memory)
        else:
            single, modes, log_probability = call(self.decoder, state)
        told = None if self.manoeuvres is None else call(self.manoeuvres, state.features)
        forecast = Forecast(single=single, modes=modes, log_probability=log_probability, manoeuvres=told)
        return self.calibration(forecast, state.category)

    def _own_coefficients(
        self, observed: Observed, *, frame: AgentFrame, static: Float[Tensor, "n s"]
    ) -> Float[Tensor, "n r"] | None:
        """Of the single path; None where the decoder finds them itself."""
        if self.own_path is None:
            return None
        rate_hz = self.config.rate_hz
        past = past_inputs(past_displacements(observed, frame=frame, rate_hz=rate_hz), frame=frame, rate_hz=rate_hz)
        return self.own_path(torch.cat((past, static), dim=-1))

    def leaders(self, observed: Observed, *, frame: AgentFrame, candidates: Candidates | None = None) -> Leaders:
        """Whom each vehicle follows at the forecast time."""
        is_vehicle = self.is_vehicle[observed.category].bool()
        return find_leaders(
            observed.scene, frame=frame, size_m=observed.size_m, drives=is_vehicle, candidates=candidates
        )

    def base_future(
        self,
        observed: Observed,
        *,
        frame: AgentFrame,
        fading: Float[Tensor, "2 3"],
        following: Following | None,
        max_age: int | None = None,
    ) -> Float[Tensor, "n h 2"]:
        """Where each agent goes on to, in its own frame: what the decoder's residuals are added to.

        Args:
            observed: The agents.
            frame: Theirs.
            fading: As in ``FutureStatistics``.
            following: Whose speed each agent takes on; None: nobody sees a leader.
            max_age: As in ``fading_motion``.
        """
        rate_hz = self.config.rate_hz
        if self.config.base == "linear":
            displacements_m = past_displacements(observed, frame=frame, rate_hz=rate_hz)
            return linear_future(displacements_m, weights=self.linear, frame=frame)
        turn = turn_rate(
            observed.heading_rad,
            valid=observed.heading_valid & observed.valid,
            last=frame.last,
            velocity_mps=frame.velocity_mps,
            rate_hz=rate_hz,
        )
        turn_decay_s, accel_decay_s, doubt = fading[self.is_vehicle[observed.category]].unbind(-1)
        gained, variance = acceleration(
            observed.xy_m,
            valid=observed.valid,
            last=frame.last,
            velocity_mps=rotate(frame.velocity_mps, frame.axis),
            rate_hz=rate_hz,
        )
        return fading_motion(
            frame,
            turn_radps=torch.where(frame.has_axis, turn, 0.0),
            accel_mps2=gained / (1.0 + doubt * variance),
            turn_decay_s=turn_decay_s,
            accel_decay_s=accel_decay_s,
            following=following,
            max_age=max_age,
            num_future=self.config.num_future,
            rate_hz=rate_hz,
        )

    def encode(
        self,
        observed: Observed,
        *,
        frame: AgentFrame,
        static: Float[Tensor, "n s"],
        states: list[Tensor] | None = None,
        candidates: Candidates | None = None,
    ) -> tuple[Float[Tensor, "n d"], Memory]:
        """Run the coupled recurrence over the observed steps.

        Returns:
            Each agent's state and its neighbours', and what an autoregressive decoder goes on with.
        """
        velocity, moving = step_velocity(observed, rate_hz=self.config.rate_hz)
        steps = step_inputs(observed, velocity_mps=velocity, moving=moving, frame=frame, rate_hz=self.config.rate_hz)
        hidden = cell = steps.new_zeros(steps.shape[0], self.config.width)
        steady = self.recurrence.steady(static)
        seen = self._seen(observed, velocity_mps=velocity, frame=frame, static=static, candidates=candidates)
        for step, (inputs, valid) in enumerate(zip(steps.unbind(1), observed.valid.unbind(1), strict=True)):
            hidden, cell = self.recurrence.advance(
                inputs, steady=steady, hidden=hidden, cell=cell, seen=None if seen is None else seen[step], valid=valid
            )
            if states is not None:
                if hidden.requires_grad:
                    hidden.retain_grad()
                states.append(hidden)
        parts = [hidden]
        if seen is not None and self.recurrence.interaction is not None:
            # Once more after the last step: where the neighbours are and what they do at the forecast time itself.
            parts.append(self.recurrence.interaction(hidden, seen=seen[-1]))
        encoded = torch.cat([at_least_single(part) for part in parts], dim=-1)
        return encoded, Memory(
            recurrence=self.recurrence, hidden=hidden, cell=cell, static=static, scene=observed.scene
        )

    def _seen(
        self,
        observed: Observed,
        *,
        velocity_mps: Tensor,
        frame: AgentFrame,
        static: Tensor,
        candidates: Candidates | None,
    ) -> list[Seen] | None:
        """Who is near whom at each observed step; None without interaction."""
        interaction = self.recurrence.interaction
        if interaction is None:
            return None
        pairs = neighbour_pairs(
            observed.scene,
            xy_m=observed.xy_m,
            velocity_mps=velocity_mps,
            valid=observed.valid,
            frame=frame,
            reach_m=interaction.reach_m,
            candidates=candidates,
        )
        return interaction.see(pairs.neighbours(), static=static).by_step(observed.valid.shape[1])


def _called(module: nn.Module, *arguments: Any, **named: Any) -> Any:
    return module(*arguments, **named)


def _called_fixed(module: nn.Module, *arguments: Any, **named: Any) -> Any:
    """As if its weights were no weights: they get no gradient."""
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return functional_call(module, weights, arguments, named)


def _make_head(config: ForecasterConfig, *, in_width: int) -> ManoeuvreHead | None:
    if not config.num_directions and not config.num_paces:
        return None
    return ManoeuvreHead(
        in_width=in_width,
        width=config.width,
        num_directions=config.num_directions,
        num_paces=config.num_paces,
        dropout=config.dropout,
    )
