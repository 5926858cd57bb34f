"""One training step up to its loss: gather, augment, forecast, judge."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.batch import Forecast, Future, Observed
from models.forecaster import Forecaster
from models.frames import to_own_frames
from models.losses import forecast_loss, shares
from models.manoeuvre import manoeuvre_loss, mirrored_directions
from pipeline.behaviour.manoeuvre import MIRRORED, manoeuvres
from pipeline.config import TrainConfig
from pipeline.drives.categories import Category, Group
from pipeline.training.scenes import (
    Members,
    Part,
    Room,
    SceneTensors,
    augment,
    drop,
    is_scored,
    jitter,
    truncate,
)
from pipeline.windows.windows import Windows

LOSSES: Final = (
    "train_loss",
    "train_single_m",
    "train_modes_m",
    "train_probability",
    "train_spread",
    "train_manoeuvre",
    "train_scene_manoeuvre",
)


class _Labels(NamedTuple):
    """Class numbers of directions and paces, and shares of the agents in the means over a batch.

    Attributes:
        did: As recorded: frames are never mirrored.
        mirrored: As they are in mirrored scenes.
        known: Shares of those of whom it is known.
        looked: Of these, of those in scenes with frames that are not mirrored.
    """

    did: Int[Tensor, "n 2"]
    mirrored: Int[Tensor, "n 2"]
    known: Float[Tensor, "n 2"]
    looked: Float[Tensor, "n 2"]


class Step(nn.Module):
    """One batch's loss, or a part's share of it, from scene numbers: only numbers cross into the wrapped module.

    Args:
        model: To be trained.
        scenes: Of all splits.
        config: The recipe.
        weights: How much an agent of each category counts.
        did: ``manoeuvre_labels`` of all agents of all splits; None where the model has no head for them.
    """

    def __init__(
        self,
        model: Forecaster,
        scenes: SceneTensors,
        *,
        config: TrainConfig,
        weights: Float[Tensor, " c"],
        did: Int[Tensor, "n 2"] | None,
    ) -> None:
        super().__init__()
        self.model, self.scenes, self.config = model, scenes, config
        device = scenes.offset.device
        self.weights = weights.to(device)
        self.did = did
        self.counterpart = torch.tensor(MIRRORED, device=device)

    def forward(
        self,
        scenes: Tensor,
        *,
        progress: float | Tensor,
        part: Part | None = None,
        states: list[Tensor] | None = None,
        room: Room | None = None,
    ) -> Tensor:
        """The losses by ``LOSSES``; random numbers come from the global generator, which the trainer seeds.

        Args:
            scenes: Of the batch.
            progress: Through the training, 0 to 1.
            part: Which part of the batch goes through the model; by default all. All parts' losses make the batch's in
                sum, and so do their gradients: what is drawn, and what agents count, is found for the whole batch.
            states: The hidden states after each observed step are appended to it.
            room: Of a batch with fixed shapes; then there are no parts.
        """
        members = self.scenes.members(scenes, room=room)
        with _seeded(None if part is None else part.seed):
            observed, future, mirror = self.batch(scenes, members=members)
        weight = self.weights[observed.category] * is_scored(observed)
        share = shares(weight * future.valid.any(dim=1))
        told = None if self.did is None else self._labels(members, observed, weight=weight, mirror=mirror)
        if part is not None:
            observed, future, mine = part.of(observed, future)
            share, told = share[mine], None if told is None else _Labels(*(column[mine] for column in told))
        with _seeded(None if part is None else part.seed + 1 + part.number):
            forecast, frame = self.model.in_own_frames(observed, states=states, candidates=members.candidates)
        with torch.autocast(scenes.device.type, enabled=False):
            # Without frames the rest learns, with frames what corrects it: see ``Forecaster``.
            both = [forecast] if forecast.blind is None else [forecast, forecast.blind]
            future = replace(future, xy_m=to_own_frames(future.xy_m, frame=frame))
            losses = torch.stack(
                [self._losses(each, future, share=share, told=told, progress=progress) for each in both]
            )
        return torch.cat((losses[:, :1].sum(0), losses[0, 1:]))

    def _losses(
        self, forecast: Forecast, future: Future, *, share: Tensor, told: _Labels | None, progress: float | Tensor
    ) -> Float[Tensor, " l"]:
        """By ``LOSSES``, of one forecast."""
        config = self.config
        loss = forecast_loss(
            forecast,
            future,
            share=share,
            relaxation=config.relaxation * (1.0 - progress),
            final=config.final_weight,
            by_likelihood=config.decoder == "autoregressive",
        )
        manoeuvre = by_scene = loss.total.new_zeros(())
        if told is not None and forecast.manoeuvres is not None:
            manoeuvre = manoeuvre_loss(forecast.manoeuvres, told.mirrored, share=told.known)
            if forecast.scene_manoeuvres is not None:
                by_scene = manoeuvre_loss(forecast.scene_manoeuvres, told.did, share=told.looked)
        total = loss.total + config.manoeuvre_weight * manoeuvre + config.scene_weight * by_scene
        if forecast.off_mean is not None:  # its gradient is that of the mean alone
            total = total + (forecast.off_mean * share).sum()
        return torch.stack((total, loss.single, loss.modes, loss.probability, loss.spread, manoeuvre, by_scene))

    def _labels(self, members: Members, observed: Observed, *, weight: Tensor, mirror: Tensor) -> _Labels:
        """What the agents of a batch did, and how much each counts in the means over it."""
        assert self.did is not None
        did, is_mirrored = self.did[members.agent], mirror[observed.scene]
        known = weight[:, None] * (did >= 0)
        turned = mirrored_directions(did[:, 0], mirror=is_mirrored, counterpart=self.counterpart)
        return _Labels(
            did=did,
            mirrored=torch.stack((turned, did[:, 1]), dim=1),
            known=shares(known),
            looked=shares(known * (observed.has_frames() & ~is_mirrored)[:, None]),
        )

    def batch(
        self, scenes: Int[Tensor, " b"], *, members: Members | None = None
    ) -> tuple[Observed, Future, Bool[Tensor, " b"]]:
        """Gather and augment: what the model sees of the scenes, what came after, and which of them are mirrored."""
        config = self.config
        observed, future = self.scenes.gather(scenes, members=members)
        draws = torch.rand(2, len(scenes), device=scenes.device)
        scale = 1.0 + config.scale_augmentation * (2.0 * draws[0] - 1.0)
        mirror = (draws[1] < 0.5) & config.mirror_augmentation
        observed, future = augment(observed, future, mirror=mirror, scale=scale)
        if config.noise_augmentation_m > 0.0:
            sigma_m = config.noise_augmentation_m * torch.rand(len(scenes), device=scenes.device)
            sigma_m = sigma_m * (torch.rand(len(scenes), device=scenes.device) < 0.5)
            noise_m = sigma_m[observed.scene, None, None] * torch.randn_like(observed.xy_m)
            observed = jitter(observed, noise_m=noise_m)
        if config.drop_augmentation > 0.0:
            # From none to the given share, scene by scene; half of the scenes keep all.
            share = config.drop_augmentation * (2.0 * torch.rand(len(scenes), device=scenes.device) - 1.0)
            drawn = torch.rand(observed.valid.shape, device=scenes.device)
            observed = drop(observed, is_dropped=drawn < share[observed.scene, None])
        if config.truncation > 0.0:
            cut = torch.rand(2, len(observed.scene), device=scenes.device)
            observed = truncate(observed, is_cut=cut[0] < config.truncation, share=cut[1])
        return observed, future, mirror


@contextmanager
def _seeded(seed: int | None) -> Generator[None]:
    """Draw from a generator of one's own; of None, go on with what there is."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def manoeuvre_labels(windows: Windows) -> Int[Tensor, "n 2"]:
    """Class numbers of each agent's direction and pace in the recorded future, by ``behaviour.manoeuvre``.

    Negative where not known.
    """
    did = manoeuvres(windows.observed, windows.future, rate_hz=windows.rate_hz)
    direction = np.where(did.direction_valid, did.direction, -1)
    return torch.from_numpy(np.stack([direction, np.where(did.pace_valid, did.pace, -1)], axis=1))


def category_weights(train: SceneTensors, *, balance: float) -> Float[Tensor, " c"]:
    """What an agent of each category counts: its class's frequency to the power of minus ``balance``.

    Args:
        train: Scenes of the training split, and no others.
        balance: Zero: all alike; one: all classes together alike.
    """
    groups = torch.tensor([int(category.group) for category in Category])
    counted = is_scored(train.observed) & train.future.valid.any(dim=1)
    counts = torch.bincount(groups[train.observed.category[counted]], minlength=len(Group)).float()
    frequency = counts / counts.sum().clamp(min=1.0)
    return frequency.clamp(min=1e-3).pow(-balance)[groups]
