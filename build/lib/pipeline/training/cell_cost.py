"""What the peephole LSTM costs beside the fused one, forward and backward, on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.peephole import PeepholeLSTM

_WARM_UP: Final = 3  # rounds that are not counted


@dataclass(frozen=True, kw_only=True, slots=True)
class CellSize:
    """What is run: a batch of sequences through one layer as wide as its inputs.

    Attributes:
        width: Of inputs and states.
        steps: Of every sequence.
        sequences: In the batch.
        threads: That torch may use.
    """

    width: int
    steps: int
    sequences: int
    threads: int


def cell_costs(size: CellSize, *, repeats: int) -> dict[str, tuple[float, ...]]:
    """Processor seconds of each contestant in each repeat, all of them once per repeat, in turn.

    ``fused`` is ``torch.nn.LSTM``; ``peephole`` is ``models.peephole.PeepholeLSTM``; ``loop`` is the same equations one
    step after the other with nothing but autograd; ``products`` are the matrix products of ``peephole`` alone, forward
    and backward, and ``fused products`` those of ``fused``. On one thread, processor seconds are the time that it
    takes on a machine with nothing else to do, also where there is something else.

    Args:
        size: What is run.
        repeats: How often.
    """
    assert repeats >= 1
    before = torch.get_num_threads()
    torch.set_num_threads(size.threads)
    try:
        contestants = _contestants(size)
        rounds = [{name: _seconds(run) for name, run in contestants.items()} for _ in range(_WARM_UP + repeats)]
    finally:
        torch.set_num_threads(before)
    return {name: tuple(one[name] for one in rounds[_WARM_UP:]) for name in contestants}


def cost_lines(costs: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """A table for people: median and quartiles in milliseconds, and the ratio to ``fused``, taken repeat by repeat."""
    yield f"{'forward + backward':20}{'ms':>8}  {'quartiles':18}{'x fused':>8}  quartiles"
    for name, seconds in costs.items():
        ratios = [own / fused for own, fused in zip(seconds, costs["fused"], strict=True)]
        low, high = _quartiles(seconds)
        least, most = _quartiles(ratios)
        spread = f"{1000.0 * low:.1f} to {1000.0 * high:.1f}"
        yield f"{name:20}{1000.0 * median(seconds):8.1f}  {spread:18}{median(ratios):8.2f}  {least:.2f} to {most:.2f}"


def loop_states(module: PeepholeLSTM, inputs: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
    """Hidden states of one layer by the plain loop: every operation of every step is recorded by autograd."""
    (projection,), (recurrent,) = module.inputs, module.recurrent
    hidden = cell = inputs.new_zeros(len(inputs), module.width)
    states: list[Tensor] = []
    for step in inputs.unbind(1):
        gates = projection(step) + torch.cat((hidden, cell), dim=-1) @ recurrent.t()
        enter, keep, leave, candidate = gates.chunk(4, dim=-1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        states.append(hidden)
    return torch.stack(states, dim=1)


def _contestants(size: CellSize) -> dict[str, Callable[[], None]]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(size.sequences, size.steps, size.width, generator=generator).requires_grad_()
    slope = torch.randn(size.sequences, size.steps, size.width, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fused, peephole = nn.LSTM(size.width, size.width, batch_first=True), PeepholeLSTM(size.width, size.width)

    def trained(module: nn.Module, forward: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def run() -> None:
            module.zero_grad()
            inputs.grad = None
            forward(inputs).backward(slope)

        return run

    return {
        "fused": trained(fused, lambda x: fused(x)[0]),
        "peephole": trained(peephole, lambda x: peephole(x)[0]),
        "loop": trained(peephole, lambda x: loop_states(peephole, x)),
        "products": _products(size, state_width=2 * size.width, generator=generator),
        "fused products": _products(size, state_width=size.width, generator=generator),
    }


def _products(size: CellSize, *, state_width: int, generator: torch.Generator) -> Callable[[], None]:
    """The products of a layer whose recurrent matrix sees states of ``state_width``, with nothing between them."""
    rows, gates = size.sequences * size.steps, 4 * size.width
    inputs, states, slopes = (
        torch.randn(rows, width, generator=generator) for width in (size.width, state_width, gates)
    )
    projection, recurrent = (torch.randn(gates, width, generator=generator) for width in (size.width, state_width))

    def run() -> None:
        torch.mm(inputs, projection.t())
        for state in states.split(size.sequences):
            torch.mm(state, recurrent.t())
        for slope in slopes.split(size.sequences):
            torch.mm(slope, recurrent)
        torch.mm(slopes.t(), states)
        torch.mm(slopes.t(), inputs)
        torch.mm(slopes, projection)

    return run


def _seconds(run: Callable[[], None]) -> float:
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high
