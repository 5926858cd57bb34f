"""Steps of the optimiser, operation by operation: on the CPU, in parts and in several processes."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from jaxtyping import Int
from lightning.fabric import Fabric
from torch import Tensor
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from pipeline.config import TrainConfig
from pipeline.errors import InputError
from pipeline.training.health import clip, clipped_by, gradient_health
from pipeline.training.scenes import own_parts
from pipeline.training.step import LOSSES, Step


class Eager:
    """What takes the steps.

    Args:
        step: A batch's losses, and the model that is trained.
        average: Of its weights.
        fabric: Device, precision and processes.
        config: The recipe.
    """

    def __init__(self, step: Step, *, average: AveragedModel, fabric: Fabric, config: TrainConfig) -> None:
        self.model, self.average, self.fabric, self.config = step.model, average, fabric, config
        optimizer = AdamW(
            step.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True
        )
        self.step, self.optimizer = fabric.setup(step, optimizer)
        self.in_a_row = 0  # steps that were skipped

    def advance(
        self,
        scenes: Int[Tensor, " b"],
        *,
        progress: float,
        rate: float,
        seed: int = 0,
        health: dict[str, float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One step of the optimiser; where a loss or gradient is not finite, the weights stay as they are.

        Args:
            scenes: Of the batch, on the CPU.
            progress: Through the training, 0 to 1.
            rate: Of learning.
            seed: Of what is drawn, where the batch goes through the model in parts.
            health: Is told the norms of the gradients, ``gradient_health``; hidden states' by this process's last part.

        Returns:
            The losses by ``LOSSES``, and the gradient's norm before clipping; one of them is not finite where the step
            was skipped.

        Raises:
            InputError: Too many steps in a row had to be skipped.
        """
        states: list[Tensor] | None = None
        losses = torch.zeros(len(LOSSES), device=self.fabric.device)
        parts = own_parts(self.config.accumulate, rank=self.fabric.global_rank, world=self.fabric.world_size, seed=seed)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for part in parts:
            states = None if health is None else []
            with self.fabric.no_backward_sync(self.step, enabled=part is not parts[-1]):
                own = self.step(scenes.to(self.fabric.device), progress=progress, part=part, states=states)
                self.fabric.backward(own[0] * self.fabric.world_size)  # of processes the mean gradient is taken
            losses += own.detach()
        losses = cast("Tensor", self.fabric.all_reduce(losses, reduce_op="sum"))
        scaler = loss_scaler(self.fabric)
        loss_scale = 1.0 if scaler is None or states is None else scaler.get_scale()  # asking a GPU waits for it
        norm = self.fabric.clip_gradients(self.step, self.optimizer, max_norm=math.inf, error_if_nonfinite=False)
        assert norm is not None  # of all weights; nothing is clipped yet, but an fp16 loss scale is taken out
        norms = clip(self.model, max_norm=self.config.max_norm)
        if torch.isfinite(norm + losses[0]):
            if health is not None and states is not None:
                clipped = clipped_by(self.model, norms.tolist(), max_norm=self.config.max_norm)
                health |= gradient_health(self.model, states=states, clipped=clipped, loss_scale=loss_scale)
            self.optimizer.step()
            self.average.update_parameters(self.model)
            self.in_a_row = 0
        else:
            if scaler is not None:
                self.optimizer.step()  # the scaler sees its overflow, skips the step itself and lowers its scale
            self.in_a_row += 1
            check_skipped(self.in_a_row, config=self.config)
        self.optimizer.zero_grad()
        return losses, norm

    def check(self) -> None:
        """Nothing to see that ``advance`` has not seen."""


def loss_scaler(fabric: Fabric) -> torch.amp.GradScaler | None:
    """Of fp16; other precisions need none."""
    return getattr(fabric.strategy.precision, "scaler", None)


def check_skipped(in_a_row: int, *, config: TrainConfig) -> None:
    """See that not too many steps in a row had to be skipped.

    Raises:
        InputError: There were.
    """
    if in_a_row >= config.max_skipped:
        what = f"{in_a_row} steps in a row had a loss or a gradient that is not finite"
        raise InputError("train", what, "lower train.learning_rate, or set train.precision to fp32")


def warm_weight(decay: float, *, steps: Any) -> Any:
    """What the newest weights count in an average whose memory grows with the steps made: the start is soon forgotten.

    Args:
        decay: The most that the average so far counts.
        steps: Made so far, a number or a tensor.
    """
    grown = (1.0 + steps) / (10.0 + steps)
    return 1.0 - (grown.clamp(max=decay) if isinstance(grown, Tensor) else min(decay, grown))
