"""Steps of the optimiser as CUDA graphs: captured once, then launched whole."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from pipeline.config import TrainConfig
from pipeline.training.eager import check_skipped, loss_scaler, warm_weight
from pipeline.training.health import clip, clipped_by, gradient_health
from pipeline.training.scenes import Room
from pipeline.training.step import LOSSES, Step

_WARM_UP: Final = 2  # steps that are taken one operation after the other first: libraries settle in them
MOST_PAIRS: Final = 2**19  # of a batch; a graph keeps all, at each step some hundred bytes for each


def can_be_captured(config: TrainConfig, *, fabric: Fabric) -> bool:
    """Whether steps become graphs if no batch has over ``MOST_PAIRS``, see ``TrainConfig.cuda_graphs``."""
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    return config.cuda_graphs and alone and config.accumulate == 1 and config.decoder != "autoregressive"


@dataclass(kw_only=True, slots=True)
class _Kind:
    """Steps of one kind.

    Attributes:
        states: The hidden states of the last one, with their gradients; None: nobody looks at them.
        told: What they give: the loss scale that they were taken with, losses, and the norms of ``clip``.
        taken: So many.
        graph: None: not captured yet.
    """

    states: list[Tensor] | None
    told: Float[Tensor, " l"] | None = None
    taken: int = 0
    graph: torch.cuda.CUDAGraph | None = None


class Captured:
    """What takes the steps.

    Forward, backward, clipping, optimiser and the average of the weights are one graph, in which nothing waits for the
    host: what does not belong to a batch is masked (``Room``), a step that is not finite is skipped on the device, and
    what was skipped is read when ``check`` asks. Off a GPU the same steps are taken without a graph, for tests.

    Args:
        step: A batch's losses, and the model that is trained.
        average: Of its weights.
        fabric: Device and precision, of one process.
        config: The recipe.
        room: All batches fit into it. It is one for a whole training, for what is drawn depends on it.
    """

    def __init__(self, step: Step, *, average: AveragedModel, fabric: Fabric, config: TrainConfig, room: Room) -> None:
        device = fabric.device
        self.model, self.average, self.fabric, self.config = step.model, average, fabric, config
        average.n_averaged = average.n_averaged.to(device)
        optimizer = AdamW(
            step.model.parameters(),
            lr=torch.tensor(config.learning_rate, device=device),
            weight_decay=config.weight_decay,
            fused=True,
            capturable=device.type == "cuda",
        )
        self.step, self.optimizer = fabric.setup(step, optimizer)
        self.sizes = step.scenes.offset.diff().cpu()  # how many agents each scene has
        self.progress = torch.zeros((), dtype=torch.float64, device=device)
        self.in_a_row, self.most_in_a_row = (torch.zeros((), dtype=torch.long, device=device) for _ in range(2))
        self.room = room
        self.scenes = torch.zeros(room.scenes, dtype=torch.long, device=device)  # of a batch, padded
        self.plain, self.looking = _Kind(states=None), _Kind(states=[])
        self.forward = torch.compile(step.forward, fullgraph=True, dynamic=False) if config.compile else step.forward
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.pool = torch.cuda.graph_pool_handle() if self.stream else None

    def advance(
        self,
        scenes: Int[Tensor, " b"],
        *,
        progress: float,
        rate: float,
        seed: int = 0,  # noqa: ARG002  # there are no parts
        health: dict[str, float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As ``Eager.advance``, but that nothing is raised before ``check``."""
        assert self.room.holds(self.sizes[scenes]), "a batch is larger than the room of the training"
        kind = self.plain if health is None else self.looking
        with self._beside():
            padded = functional.pad(scenes, (0, self.room.scenes - len(scenes)), value=len(self.sizes))
            self.scenes.copy_(padded, non_blocking=True)  # otherwise the last step's end is waited for
            self.progress.fill_(progress)
            for group in self.optimizer.param_groups:
                group["lr"].fill_(rate)
            if self.stream is not None and kind.graph is None and kind.taken >= _WARM_UP:
                kind.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(kind.graph, pool=self.pool, stream=self.stream):
                    self._take(kind)
            if kind.graph is None:
                self._take(kind)
            else:
                kind.graph.replay()
            kind.taken += 1
            assert kind.told is not None
            told = kind.told.clone()
            loss_scale, losses, norms = told[0], told[1 : 1 + len(LOSSES)], told[1 + len(LOSSES) :]
            if health is not None and kind.states is not None:
                health |= self._health(kind.states, norms=norms.tolist(), loss_scale=float(loss_scale))
        return losses, norms.norm()

    def check(self) -> None:
        """See that not too many steps in a row were skipped; waits for the device.

        Raises:
            InputError: They were.
        """
        check_skipped(int(self.most_in_a_row), config=self.config)

    def _take(self, kind: _Kind) -> None:
        """One step; nothing in it hangs on the data but the numbers."""
        optimizer = self.optimizer.optimizer
        optimizer.zero_grad(set_to_none=False)  # gradients stay where they are, whatever graph makes them
        # What is compiled has no states inside that one could look at.
        forward = self.forward if kind.states is None else self.step.module.forward
        kind.states = None if kind.states is None else []
        with self.fabric.autocast():
            losses = forward(self.scenes, progress=self.progress, room=self.room, states=kind.states)
        self.fabric.backward(losses[0])
        scaler, loss_scale = loss_scaler(self.fabric), torch.ones_like(losses[:1].detach())
        if scaler is not None:
            loss_scale = scaler.scale(loss_scale)
            scaler.unscale_(optimizer)
        norms = clip(self.model, max_norm=self.config.max_norm)
        is_finite = torch.isfinite(norms.sum() + losses[0])
        if scaler is not None:
            scaler.step(optimizer)  # tells the optimiser of an overflow as below
            scaler.update()
        else:
            optimizer.found_inf = (~is_finite).float()  # with this, the fused optimiser leaves all as it is
            optimizer.step()
        self._average(is_finite)
        self.in_a_row.copy_(torch.where(is_finite, 0, self.in_a_row + 1))
        self.most_in_a_row.copy_(torch.maximum(self.in_a_row, self.most_in_a_row))
        kind.told = torch.cat((loss_scale, losses.detach(), norms))

    @torch.no_grad()
    def _average(self, is_finite: Tensor) -> None:
        """As ``AveragedModel.update_parameters`` does, which looks at its count on the host."""
        steps = self.average.n_averaged
        newest = torch.where(steps == 0, 1.0, warm_weight(self.config.ema, steps=steps)) * is_finite
        averages = [each.data for each in self.average.module.parameters()]
        torch._foreach_mul_(averages, 1.0 - newest)  # pyright: ignore
        torch._foreach_add_(averages, torch._foreach_mul([each.data for each in self.model.parameters()], newest))  # pyright: ignore
        steps.add_(is_finite)

    def _health(self, states: list[Tensor], *, norms: list[float], loss_scale: float) -> dict[str, float]:
        """Of the step just taken; of one that was skipped there is nothing to tell."""
        if not all(map(math.isfinite, norms)):
            return {}
        clipped = clipped_by(self.model, norms, max_norm=self.config.max_norm)
        return gradient_health(self.model, states=states, clipped=clipped, loss_scale=loss_scale)

    @contextmanager
    def _beside(self) -> Generator[None]:
        """On a stream of one's own, as capturing asks for, between what is on the current one before and after."""
        if self.stream is None:
            yield
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)
