"""The recurrent cell."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from models.precision import at_least_single


class LSTMCell(nn.Module):
    """One LSTM step whose input projection is already made, so that all steps' inputs go through one product.

    The cell state stays in single precision whatever the products run in. Forget gates start open (bias 1) and the
    recurrent weights orthogonal, so that gradients neither vanish nor explode at the start.

    Source: Hochreiter and Schmidhuber 1997; forget-gate bias: Jozefowicz et al. 2015.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recurrent = nn.Linear(width, 4 * width)
        start_recurrent(self.recurrent.weight, self.recurrent.bias)

    @property
    def bias(self) -> Float[Tensor, " gates"]:
        """Of the gates; see ``project``."""
        return self.recurrent.bias

    def forward(
        self,
        projected: Float[Tensor, "n gates"],
        *,
        hidden: Float[Tensor, "n d"],
        cell: Float[Tensor, "n d"],
        valid: Bool[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
        """Advance one step; where ``valid`` is False both states stay as they are.

        Args:
            projected: What inputs and biases add to the input, forget, candidate and output gates, in this order.
            hidden: The last hidden state.
            cell: The last cell state.
            valid: Which rows have an input at this step.

        Returns:
            The new hidden and cell state.
        """
        gates = torch.addmm(projected, hidden, self.recurrent.weight.t())
        return advance(gates, hidden=hidden, cell=cell, valid=valid)


def advance(
    gates: Float[Tensor, "n gates"],
    *,
    hidden: Float[Tensor, "n d"],
    cell: Float[Tensor, "n d"],
    valid: Bool[Tensor, " n"],
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """As ``LSTMCell``, from the sums in the gates; they may be written over."""
    there, is_compiling = valid[:, None], torch.compiler.is_compiling()
    if gates.is_cuda and not is_compiling and (fused := _fused()) is not None:
        return fused.apply(gates, hidden, cell, there)  # pyright: ignore
    gates = at_least_single(gates)
    if not is_compiling:
        by_hand = Gates.apply if torch.is_grad_enabled() else _without_gradient
        return by_hand(gates, hidden, cell, there)  # pyright: ignore
    enter, keep, candidate, leave = gates.chunk(4, dim=-1)
    new_cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    new_hidden = leave.sigmoid() * new_cell.tanh()
    return torch.where(there, new_hidden, hidden), torch.where(there, new_cell, cell)


@cache
def _fused() -> type[Function] | None:
    """All of it as one kernel of a GPU; None where Triton is not."""
    if find_spec("triton") is None:
        return None
    from models.gates_kernel import FusedGates  # noqa: PLC0415  # no CPU needs it

    return FusedGates


class Gates(Function):
    """From the sums in the gates to the new states: one gradient for all gates, and nothing kept that is not read."""

    @staticmethod
    def forward(  # noqa: D102
        ctx: FunctionCtx, gates: Tensor, hidden: Tensor, cell: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor]:
        width = cell.shape[1]
        acts = gates.detach()  # in its place: a sum is not read again, not even by its own backward pass
        acts[:, : 2 * width].sigmoid_()
        acts[:, 2 * width : 3 * width].tanh_()
        acts[:, 3 * width :].sigmoid_()
        enter, keep, candidate, leave = acts.split(width, dim=1)
        new_cell = (keep * cell).addcmul_(enter, candidate)
        squashed = new_cell.tanh()
        ctx.save_for_backward(acts, cell, squashed, there)
        return torch.where(there, leave * squashed, hidden), torch.where(there, new_cell, cell)

    @staticmethod
    @once_differentiable
    def backward(  # noqa: D102  # pyright: ignore
        ctx: Any, to_hidden: Tensor, to_cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        acts, cell, squashed, there = ctx.saved_tensors
        width = cell.shape[1]
        enter, keep, candidate, leave = acts.split(width, dim=1)
        slopes = torch.empty_like(acts)
        d_enter, d_keep, d_candidate, d_leave = slopes.split(width, dim=1)
        inner = torch.ops.aten.tanh_backward(to_hidden * leave, squashed).add_(to_cell)
        torch.mul(inner, candidate, out=d_enter)
        torch.mul(inner, cell, out=d_keep)
        torch.mul(inner, enter, out=d_candidate)
        torch.mul(to_hidden, squashed, out=d_leave)
        torch.ops.aten.tanh_backward.grad_input(d_candidate, candidate, grad_input=d_candidate)
        for part in (slice(2 * width), slice(3 * width, None)):
            torch.ops.aten.sigmoid_backward.grad_input(slopes[:, part], acts[:, part], grad_input=slopes[:, part])
        slopes.mul_(there)
        return slopes, to_hidden * ~there, torch.where(there, inner.mul_(keep), to_cell), None


def _without_gradient(gates: Tensor, hidden: Tensor, cell: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """As ``Gates``, but for rounding: tanh(x) is 2 sigmoid(2 x) - 1, which torch makes six times as fast."""
    width = cell.shape[1]
    gates[:, 2 * width : 3 * width].mul_(2.0)
    enter, keep, candidate, leave = gates.sigmoid_().split(width, dim=1)
    new_cell = (keep * cell).addcmul_(enter, candidate, value=2.0).sub_(enter)
    new_hidden = new_cell.mul(2.0).sigmoid_().mul_(2.0).sub_(1.0).mul_(leave)
    return torch.where(there, new_hidden, hidden), torch.where(there, new_cell, cell)


def project(
    inputs: Float[Tensor, "*n i"], *, layer: nn.Linear, bias: Float[Tensor, " gates"]
) -> Float[Tensor, "*n gates"]:
    """What inputs and all biases add to the gates, by one product.

    Args:
        inputs: Of any number of steps.
        layer: Their projection.
        bias: The cell's own.
    """
    return functional.linear(inputs, layer.weight, layer.bias + bias)


@torch.no_grad()
def start_recurrent(weight: Float[Tensor, "gates s"], bias: Float[Tensor, " gates"]) -> None:
    """Make every square block of the weights orthogonal, and open the forget gates, which are the second of four."""
    width = len(weight) // 4
    for rows in weight.split(width):
        for block in rows.split(width, dim=1):
            nn.init.orthogonal_(block)
    bias.zero_()
    bias[width : 2 * width] = 1.0
