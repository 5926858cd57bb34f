"""The gates of an LSTM as one Triton kernel each way, for a GPU.

The operations of ``lstm.Gates`` one by one go ten times over what these go over once. Only where Triton is, which comes
with torch for NVIDIA's GPUs.
"""

# Triton is not installed where types are checked, and its kernels are no Python.
# pyright: basic, reportMissingImports=false, reportIndexIssue=false
# ruff: noqa: D102, N803, PLR0917

from __future__ import annotations

from typing import Any, Final, no_type_check

import torch
import triton
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable
from triton import language as tl

_BLOCK: Final = 512  # numbers of the state that one program makes


class FusedGates(Function):
    """As ``lstm.Gates``, from sums in any precision; what is kept for the gradients are the sums themselves."""

    @staticmethod
    def forward(ctx: FunctionCtx, gates: Tensor, hidden: Tensor, cell: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        gates, hidden, cell, there = (each.contiguous() for each in (gates, hidden, cell, there))
        new_hidden, new_cell = torch.empty_like(cell), torch.empty_like(cell)
        _advance[_programs(cell)](
            gates, hidden, cell, there, new_hidden, new_cell, cell.numel(), WIDTH=cell.shape[1], BLOCK=_BLOCK
        )
        ctx.save_for_backward(gates, cell, there)
        return new_hidden, new_cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_hidden: Tensor, to_cell: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # pyright: ignore
        gates, cell, there = ctx.saved_tensors
        slopes, from_hidden, from_cell = torch.empty_like(gates), torch.empty_like(cell), torch.empty_like(cell)
        _retreat[_programs(cell)](
            gates,
            cell,
            there,
            to_hidden.contiguous(),
            to_cell.contiguous(),
            slopes,
            from_hidden,
            from_cell,
            cell.numel(),
            WIDTH=cell.shape[1],
            BLOCK=_BLOCK,
        )
        return slopes, from_hidden, from_cell, None


def _programs(cell: Tensor) -> tuple[int]:
    return (triton.cdiv(cell.numel(), _BLOCK),)


@triton.jit
@no_type_check
def _tanh(x):
    return 2.0 * tl.sigmoid(2.0 * x) - 1.0


@triton.jit
@no_type_check
def _activated(gate, inside, WIDTH: tl.constexpr, DTYPE: tl.constexpr):
    """Input, forget, candidate and output gate from the sums in them."""
    enter = tl.sigmoid(tl.load(gate, mask=inside).to(DTYPE))
    keep = tl.sigmoid(tl.load(gate + WIDTH, mask=inside).to(DTYPE))
    candidate = _tanh(tl.load(gate + 2 * WIDTH, mask=inside).to(DTYPE))
    leave = tl.sigmoid(tl.load(gate + 3 * WIDTH, mask=inside).to(DTYPE))
    return enter, keep, candidate, leave


@triton.jit
@no_type_check
def _advance(gates, hidden, cell, there, new_hidden, new_cell, num, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """New states where ``there`` is set, elsewhere the old ones."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < num
    row = at // WIDTH
    gate = gates + row * (4 * WIDTH) + at % WIDTH
    enter, keep, candidate, leave = _activated(gate, inside, WIDTH, cell.dtype.element_ty)
    old_cell = tl.load(cell + at, mask=inside)
    is_there = tl.load(there + row, mask=inside) != 0
    advanced = keep * old_cell + enter * candidate
    tl.store(new_cell + at, tl.where(is_there, advanced, old_cell), mask=inside)
    old_hidden = tl.load(hidden + at, mask=inside).to(cell.dtype.element_ty)
    tl.store(new_hidden + at, tl.where(is_there, leave * _tanh(advanced), old_hidden), mask=inside)


@triton.jit
@no_type_check
def _retreat(
    gates,
    cell,
    there,
    to_hidden,
    to_cell,
    slopes,
    from_hidden,
    from_cell,
    num,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Gradients of sums and old states from those of the new ones."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < num
    row = at // WIDTH
    place = row * (4 * WIDTH) + at % WIDTH
    gate = gates + place
    enter, keep, candidate, leave = _activated(gate, inside, WIDTH, cell.dtype.element_ty)
    old_cell = tl.load(cell + at, mask=inside)
    is_there = tl.load(there + row, mask=inside) != 0
    squashed = _tanh(keep * old_cell + enter * candidate)
    out = tl.load(to_hidden + at, mask=inside)
    through = tl.load(to_cell + at, mask=inside)
    inner = through + out * leave * (1.0 - squashed * squashed)
    slope = slopes + place
    tl.store(slope, tl.where(is_there, inner * candidate * enter * (1.0 - enter), 0.0), mask=inside)
    tl.store(slope + WIDTH, tl.where(is_there, inner * old_cell * keep * (1.0 - keep), 0.0), mask=inside)
    tl.store(slope + 2 * WIDTH, tl.where(is_there, inner * enter * (1.0 - candidate * candidate), 0.0), mask=inside)
    tl.store(slope + 3 * WIDTH, tl.where(is_there, out * squashed * leave * (1.0 - leave), 0.0), mask=inside)
    tl.store(from_hidden + at, tl.where(is_there, 0.0, out), mask=inside)
    tl.store(from_cell + at, tl.where(is_there, inner * keep, through), mask=inside)
