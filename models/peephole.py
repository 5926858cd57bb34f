"""The peephole LSTM: gates that also see the cell state, every matrix full, with a backward pass of its own."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable

from models.lstm import start_recurrent
from models.precision import at_least_single, product_dtype


class PeepholeLSTM(nn.Module):
    """Layers of a recurrence whose gates see the input, the hidden state and the cell state.

        i_t = sigmoid(W_xi x_t + W_hi h_(t-1) + W_ci c_(t-1) + b_i), and f_t and o_t likewise,
        g_t = tanh(W_xg x_t + W_hg h_(t-1) + W_cg c_(t-1) + b_g),
        c_t = f_t * c_(t-1) + i_t * g_t,    h_t = o_t * tanh(c_t).

    Every W is a full matrix, the peepholes W_c among them. A linear layer on the outputs makes y_t = W_yo h_t + b_y.

    All steps' inputs go through one product, and so do, in the backward pass, all steps' gradients of the weights. The
    cell state and the gates stay in single precision whatever the products run in. Forget gates start open (bias 1),
    W_h and W_c orthogonal.

    Source: Gers and Schmidhuber 2000, "Recurrent nets that time and count", there with diagonal peepholes and an output
    gate that sees c_t; here, as the design has it, full ones, to every gate from c_(t-1).
    """

    def __init__(self, input_width: int, width: int, *, num_layers: int = 1) -> None:
        super().__init__()
        self.width = width
        self.inputs, self.recurrent = nn.ModuleList(), nn.ParameterList()
        for layer in range(num_layers):
            projection = nn.Linear(width if layer else input_width, 4 * width)
            recurrent = nn.Parameter(torch.empty(4 * width, 2 * width))
            start_recurrent(recurrent, projection.bias)
            self.inputs.append(projection)
            self.recurrent.append(recurrent)

    def forward(
        self,
        inputs: Float[Tensor, "n t i"],
        *,
        valid: Bool[Tensor, "n t"] | None = None,
        state: tuple[Float[Tensor, "l n d"], Float[Tensor, "l n d"]] | None = None,
    ) -> tuple[Float[Tensor, "n t d"], tuple[Float[Tensor, "l n d"], Float[Tensor, "l n d"]]]:
        """Run over whole sequences.

        Args:
            inputs: x_t; what stands where ``valid`` is False has no effect, but must be finite.
            valid: Where both states move on; elsewhere they stay as they are. None: everywhere.
            state: Hidden and cell state of every layer before the first step; None: zero.

        Returns:
            h_t of the last layer, and hidden and cell state of every layer after the last step; in single precision
            at least.
        """
        num_layers, start = len(self.inputs), inputs.new_zeros(len(inputs), self.width)
        hidden, cell = state or ([start] * num_layers, [start] * num_layers)
        steps = rearrange(inputs, "n t i -> t n i")
        mask = None if valid is None else rearrange(valid, "n t -> t n 1")
        last: list[Tensor] = []
        for layer, (projection, recurrent) in enumerate(zip(self.inputs, self.recurrent, strict=True)):
            gates = at_least_single(projection(steps))
            first = torch.cat((hidden[layer], cell[layer]), dim=-1).to(gates.dtype)
            states = peephole_sequence(gates, first, recurrent.to(product_dtype(gates)), mask)
            steps = states[..., : self.width]
            last.append(states[-1])
        ends = torch.stack(last)
        return rearrange(steps, "t n d -> n t d"), (ends[..., : self.width], ends[..., self.width :])


class PeepholeCell(nn.Module):
    """One such step whose input projection is already made, for recurrences that something else joins in between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * width, 2 * width))
        self.bias = nn.Parameter(torch.empty(4 * width))
        start_recurrent(self.weight, self.bias)

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
            projected: What inputs and biases (``lstm.project``) add to the gates i, f, o and g, in this order.
            hidden: The last hidden state.
            cell: The last cell state.
            valid: Which rows have an input at this step.

        Returns:
            The new hidden and cell state.
        """
        gates = at_least_single(projected)
        first = torch.cat((hidden, cell), dim=-1).to(gates.dtype)
        weight = self.weight.to(product_dtype(gates))
        new_hidden, new_cell = peephole_sequence(gates[None], first, weight, valid[None, :, None])[0].chunk(2, dim=-1)
        return new_hidden, new_cell


class _Sequence(Function):
    """All steps of one layer; states are hidden and cell state side by side."""

    @staticmethod
    def forward(ctx: FunctionCtx, gates: Tensor, first: Tensor, weight: Tensor, valid: Tensor | None) -> Tensor:
        width = first.shape[1] // 2
        states = torch.empty(len(gates) + 1, *first.shape, dtype=first.dtype, device=first.device)
        states[0] = first
        acts = torch.empty_like(gates)
        squashed = torch.empty(*gates.shape[:2], width, dtype=gates.dtype, device=gates.device)
        transposed = weight.t()
        for step, act in enumerate(acts.unbind(0)):
            before, after = states[step], states[step + 1]
            _product(gates[step], before, transposed, out=act)
            act[:, : 3 * width].sigmoid_()
            act[:, 3 * width :].tanh_()
            enter, keep, leave, candidate = act.split(width, dim=-1)
            cell = after[:, width:]
            torch.mul(keep, before[:, width:], out=cell)
            cell.addcmul_(enter, candidate)
            torch.tanh(cell, out=squashed[step])
            torch.mul(leave, squashed[step], out=after[:, :width])
            if valid is not None:
                after.copy_(torch.where(valid[step], after, before))
        ctx.save_for_backward(states, acts, squashed, weight, *(() if valid is None else (valid,)))
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # pyright: ignore
        states, acts, squashed, weight, *rest = ctx.saved_tensors
        valid = rest[0] if rest else None
        width = weight.shape[1] // 2
        slopes = torch.empty_like(acts)
        running = torch.zeros_like(states[0])
        for step in reversed(range(len(acts))):
            total = running + grad[step]
            enter, keep, leave, candidate = acts[step].split(width, dim=-1)
            to_hidden, to_cell = total.split(width, dim=-1)
            to_cell = to_cell + _tanh_slope(to_hidden * leave, squashed[step])
            slope = slopes[step]
            d_enter, d_keep, d_leave, d_candidate = slope.split(width, dim=-1)
            torch.mul(to_cell, candidate, out=d_enter)
            torch.mul(to_cell, states[step][:, width:], out=d_keep)
            torch.mul(to_hidden, squashed[step], out=d_leave)
            torch.mul(to_cell, enter, out=d_candidate)
            slope[:, : 3 * width] = _sigmoid_slope(slope[:, : 3 * width], acts[step][:, : 3 * width])
            d_candidate.copy_(_tanh_slope(d_candidate, candidate))
            if valid is not None:
                slope.mul_(valid[step])
            back = (slope.to(weight.dtype) @ weight).to(slope.dtype)
            back[:, width:].addcmul_(to_cell, keep)
            running = back if valid is None else torch.where(valid[step], back, total)
        flat = rearrange(slopes, "t n g -> (t n) g").to(weight.dtype)
        before = rearrange(states[:-1], "t n s -> (t n) s").to(weight.dtype)
        return slopes, running, flat.t() @ before, None


def peephole_sequence(
    gates: Float[Tensor, "t n g"],
    first: Float[Tensor, "n s"],
    weight: Float[Tensor, "g s"],
    valid: Bool[Tensor, "t n 1"] | None,
) -> Float[Tensor, "t n s"]:
    """One layer's states after each step.

    Args:
        gates: What the inputs and the biases add to the gates i, f, o and g, side by side.
        first: Hidden and cell state before the first step, side by side.
        weight: W_h and W_c, side by side; products run in its precision.
        valid: Where the states move on; None: everywhere.
    """
    if torch.compiler.is_compiling():  # or exporting
        return _sequence_in_graph(gates, first, weight, valid)
    with torch.autocast(gates.device.type, enabled=False):
        return _Sequence.apply(gates, first, weight, valid)  # pyright: ignore


def _sequence_in_graph(gates: Tensor, first: Tensor, weight: Tensor, valid: Tensor | None) -> Tensor:
    """The forward pass of ``_Sequence`` without anything written in place: a graph would hold a copy for each."""
    states: list[Tensor] = []
    for step, gate in enumerate(gates.unbind(0)):
        _, cell = first.chunk(2, dim=-1)
        enter, keep, leave, candidate = (gate + first.to(weight.dtype) @ weight.t()).chunk(4, dim=-1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        after = torch.cat((hidden, cell), dim=-1)
        first = after if valid is None else torch.where(valid[step], after, first)
        states.append(first)
    return torch.stack(states)


def _product(gates: Tensor, states: Tensor, weight: Tensor, *, out: Tensor) -> None:
    if states.dtype == weight.dtype:
        torch.addmm(gates, states, weight, out=out)
    else:
        torch.add(gates, states.to(weight.dtype) @ weight, out=out)


def _sigmoid_slope(grad: Tensor, value: Tensor) -> Tensor:
    return torch.ops.aten.sigmoid_backward(grad, value)


def _tanh_slope(grad: Tensor, value: Tensor) -> Tensor:
    return torch.ops.aten.tanh_backward(grad, value)
