"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from models.batch import Future, Observed
from models.forecaster import Forecaster
from models.frames import facing_ahead
from models.losses import displacement
from pipeline.config import TrainConfig
from pipeline.drives.categories import Category
from pipeline.errors import InputError
from pipeline.progress import progress_bar
from pipeline.threads import one_thread
from pipeline.training.calibrate import calibrate
from pipeline.training.captured import MOST_PAIRS, Captured, can_be_captured
from pipeline.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
    save_checkpoint,
)
from pipeline.training.device import make_fabric
from pipeline.training.eager import Eager, loss_scaler, warm_weight
from pipeline.training.network import forecaster_config
from pipeline.training.scenes import Room, SceneTensors, is_scored
from pipeline.training.statistics import fit_statistics, set_feature_scale
from pipeline.training.step import LOSSES, Step, category_weights, manoeuvre_labels
from pipeline.windows.windows import SPLITS, Windows

_VALIDATION_SCENES = 64
Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A trained forecaster.

    Attributes:
        model: With the averaged weights of the epoch that was kept (``TrainConfig.keep``), on the CPU.
        history: Metrics of each epoch.
        best_epoch: Index of that epoch in ``history``.
    """

    model: Forecaster
    history: list[Metrics]
    best_epoch: int


class Trainer:
    """Fits one forecaster to windows; after a kill at any moment a new one goes on from the last whole epoch.

    Args:
        windows: With a training and a validation split; without the latter where the last epoch is kept.
        config: The forecaster and the recipe.
        checkpoint: File of the resumable state; its name must stand for the config and the data.

    Raises:
        InputError: A split is empty, or the precision or device cannot be had here.
    """

    def __init__(self, windows: Windows, *, config: TrainConfig, checkpoint: Path) -> None:
        self.config, self.path = config, checkpoint
        self.fabric = make_fabric(config)
        self.train_scenes, self.validation_scenes = (
            torch.from_numpy(_scenes_with_targets(windows, split, may_be_none=may_be_none))
            for split, may_be_none in (("train", False), ("validation", config.keep == "last"))
        )
        self.scenes = SceneTensors.of(windows, device=self.fabric.device)
        self.num_agents = self.scenes.offset.diff().cpu()[self.train_scenes]
        with torch.random.fork_rng(), torch.device("cpu"):
            torch.manual_seed(config.seed)
            model = Forecaster(forecaster_config(config, windows=windows))
        train = SceneTensors.of(windows, device="cpu").gather(self.train_scenes)
        seen = facing_ahead(train[0], rate_hz=windows.rate_hz)
        fitted_on = SceneTensors(
            observed=seen, future=train[1], offset=functional.pad(self.num_agents.cumsum(0), (1, 0))
        )
        model.set_statistics(fit_statistics(model, fitted_on, anchors=config.anchors, seed=config.seed))
        set_feature_scale(model, fitted_on)
        self.model = model.to(self.fabric.device)
        self.average = AveragedModel(self.model, avg_fn=_warm_average(config.ema), use_buffers=False)
        weights = category_weights(fitted_on, balance=config.class_balance)
        self.did = manoeuvre_labels(windows).to(self.fabric.device) if config.manoeuvre_weight else None
        step = Step(self.model, self.scenes, config=config, weights=weights, did=self.did)
        room = self._room() if can_be_captured(config, fabric=self.fabric) else None
        if room is not None and room.pairs <= MOST_PAIRS:
            self.steps = Captured(step, average=self.average, fabric=self.fabric, config=config, room=room)
        else:
            self.steps = Eager(step, average=self.average, fabric=self.fabric, config=config)
        self.step, self.optimizer = self.steps.step, self.steps.optimizer
        self.history: list[Metrics] = []
        self.best: dict[str, Tensor] = module_tensors(self.model, prefix="best")
        self.best_epoch = -1
        self.run_id: str | None = None
        self._resume()

    def fit(self, *, on_epoch: Callable[[int, Metrics], None] = lambda _epoch, _metrics: None) -> Fitted:
        """Train to the end.

        Args:
            on_epoch: Called with the number and the metrics of each epoch trained now.
        """
        config = self.config
        with progress_bar() as bar, one_thread(self.fabric.device):
            task = bar.add_task("train", total=config.max_epochs, completed=len(self.history))
            while len(self.history) < config.max_epochs and not self._is_patience_spent():
                metrics = self.train_epoch() | self._validate()
                self.history.append(metrics)
                if self._is_kept():
                    self.best_epoch = len(self.history) - 1
                    self.best = {n: v.clone() for n, v in module_tensors(self.average.module, prefix="best").items()}
                self._save()
                on_epoch(len(self.history) - 1, metrics)
                bar.update(task, description=_told(metrics))
                bar.advance(task)
        restore_module(self.model, self.best, prefix="best")
        self.model.eval()
        if len(self.validation_scenes):
            calibrate(self.model, self._validation_batches())
        return Fitted(model=self.model.cpu(), history=self.history, best_epoch=self.best_epoch)

    def _is_kept(self) -> bool:
        """Whether the weights after the newest epoch take the place of those kept so far."""
        if self.config.keep == "last" or self.best_epoch < 0:
            return True
        return self.history[-1]["validation_cost"] < self.history[self.best_epoch]["validation_cost"]

    def _is_patience_spent(self) -> bool:
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= self.config.patience

    def train_epoch(self) -> Metrics:
        """One pass over the training scenes; everything random in it follows from the seed and the epoch."""
        epoch, config = len(self.history), self.config
        batches, generator = self.batches(epoch)
        self.step.train()
        sums, taken = torch.zeros(len(LOSSES), device=self.fabric.device), list[Tensor]()
        health: Metrics = {}
        rate = config.learning_rate
        with torch.random.fork_rng():
            torch.manual_seed(config.seed * 100_003 + epoch)
            for number, batch in enumerate(batches):
                progress = (epoch + number / len(batches)) / config.max_epochs
                rate = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
                seed = int(torch.randint(2**40, (), generator=generator))  # the same in all processes
                told = health if number == len(batches) - 1 else None
                losses, norm = self.steps.advance(
                    self.train_scenes[batch], progress=progress, rate=rate, seed=seed, health=told
                )
                is_finite = torch.isfinite(norm + losses[0])
                taken.append(torch.where(is_finite, norm, torch.nan))
                sums += torch.where(is_finite, losses, 0.0)
        self.steps.check()
        told_norms = torch.stack(taken).tolist()  # a GPU is waited for here, once an epoch
        norms = [norm for norm in told_norms if not math.isnan(norm)]
        if not norms:
            what = "every step of an epoch had a loss or a gradient that is not finite"
            raise InputError("train", what, "lower train.learning_rate, or set train.precision to fp32")
        means = dict(zip(LOSSES, (sums / len(norms)).tolist(), strict=True))
        norm_metrics = {
            "gradient_norm": float(np.mean(norms)),
            "gradient_norm_max": max(norms),
            "clipped": float(np.mean(np.array(norms) > config.max_norm)),
        }
        return means | norm_metrics | {"learning_rate": rate, "num_skipped": len(taken) - len(norms)} | health

    def batches(self, epoch: int) -> tuple[Sequence[Tensor], torch.Generator]:
        """Places in ``train_scenes``, so many that they hold ``agents_per_batch``, and what draws on in the epoch."""
        generator = torch.Generator().manual_seed(self.config.seed * 100_003 + epoch)
        order = torch.randperm(len(self.train_scenes), generator=generator)
        batch = (self.num_agents[order].cumsum(0) - 1) // self.config.agents_per_batch
        return order.split(batch.unique_consecutive(return_counts=True)[1].tolist()), generator

    def _room(self) -> Room:
        """All batches of the whole training fit into it."""
        epochs = range(self.config.max_epochs)
        return Room.around(self.num_agents[batch] for epoch in epochs for batch in self.batches(epoch)[0])

    @torch.no_grad()
    def _validate(self) -> Metrics:
        """Displacements on the validation split by the averaged weights, per agent, in single precision."""
        if len(self.validation_scenes) == 0:
            return {}
        self.average.eval()
        costs: list[Tensor] = []
        for observed, future, _ in self._validation_batches():
            forecast = self.average.module(observed)
            counted = is_scored(observed) & future.valid.any(dim=1)
            mean, last = displacement(forecast.single.xy_m, future.xy_m, valid=future.valid)
            target = future.xy_m[:, None].expand_as(forecast.modes.xy_m)
            mode_mean, mode_last = displacement(forecast.modes.xy_m, target, valid=future.valid[:, None])
            columns = (mean, last, mode_mean.amin(1), mode_last.amin(1))
            costs.append(torch.stack(columns, dim=-1)[counted])
        ade, fde, min_ade, min_fde = torch.cat(costs).mean(0).tolist()
        num_modes = self.config.num_modes
        return {
            "validation_ade_m": ade,
            "validation_fde_m": fde,
            f"validation_min_ade_{num_modes}_m": min_ade,
            f"validation_min_fde_{num_modes}_m": min_fde,
            "validation_cost": ade + 0.5 * fde + min_ade + 0.5 * min_fde,
        }

    def _validation_batches(self) -> Iterator[tuple[Observed, Future, Tensor | None]]:
        for scenes in self.validation_scenes.to(self.fabric.device).split(_VALIDATION_SCENES):
            members = self.scenes.members(scenes)
            did = None if self.did is None else self.did[members.agent]
            yield *self.scenes.gather(scenes, members=members), did

    def _save(self) -> None:
        if not self.fabric.is_global_zero:
            return
        scaler = loss_scaler(self.fabric)
        tensors = {
            **module_tensors(self.model, prefix="model"),
            **module_tensors(self.average, prefix="average"),
            **self.best,
            **optimizer_tensors(self.optimizer.optimizer),
        }
        meta: dict[str, Any] = {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "run_id": self.run_id,
            "scaler": scaler.state_dict() if scaler else None,
        }
        save_checkpoint(self.path, Checkpoint(tensors=tensors, meta=meta))

    def _resume(self) -> None:
        checkpoint = load_checkpoint(self.path)
        if checkpoint is None:
            return
        restore_module(self.model, checkpoint.tensors, prefix="model")
        restore_module(self.average, checkpoint.tensors, prefix="average")
        restore_optimizer(self.optimizer.optimizer, checkpoint.tensors)
        self.best = {name: value for name, value in checkpoint.tensors.items() if name.startswith("best.")}
        self.history, self.best_epoch = checkpoint.meta["history"], checkpoint.meta["best_epoch"]
        self.run_id = checkpoint.meta["run_id"]
        scaler = loss_scaler(self.fabric)
        if scaler is not None and checkpoint.meta["scaler"] is not None:
            scaler.load_state_dict(checkpoint.meta["scaler"])


def fit_anew(windows: Windows, *, config: TrainConfig) -> Fitted:
    """Train from the start to the end without a state to resume: for benchmarks, whose trainings are many and short."""
    with TemporaryDirectory() as folder:
        return Trainer(windows, config=config, checkpoint=Path(folder) / "state").fit()


def _warm_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average by ``warm_weight``."""

    def average(old: Tensor, new: Tensor, num_averaged: Tensor | int) -> Tensor:
        return torch.lerp(old, new, warm_weight(decay, steps=float(num_averaged)))

    return average


def _told(metrics: Metrics) -> str:
    """An epoch for the progress bar."""
    found = metrics.get("validation_ade_m")
    return "train" if found is None else f"train (validation {found:.3f} m)"


def _scenes_with_targets(windows: Windows, split: str, *, may_be_none: bool = False) -> np.ndarray:
    """Scenes of a split in which at least one agent can be learned from."""
    observed = windows.observed
    learnable = (
        (np.asarray(observed.valid).sum(axis=1) >= 2)
        & (np.asarray(observed.category) != int(Category.STATIC))
        & np.asarray(windows.future.valid).any(axis=1)
    )
    num = np.bincount(np.asarray(observed.scene), weights=learnable, minlength=len(windows.index.split))
    scenes = np.flatnonzero((np.asarray(windows.index.split) == SPLITS.index(split)) & (num > 0))
    if len(scenes) == 0 and not may_be_none:
        raise InputError("windows", f"no scene of the {split} split has a future", "bring more or longer drives")
    return scenes
