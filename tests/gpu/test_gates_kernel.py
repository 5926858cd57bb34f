"""On a GPU: the fused gates give what their operations one by one give in double precision."""

import pytest
import torch
from torch import Tensor
from torch.autograd import Function

from models.lstm import Gates, LSTMCell

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]
AGENTS, WIDTH = 1003, 48  # no whole number of programs


@pytest.mark.parametrize(
    ("sums", "states", "close"),
    [
        (torch.float64, torch.float64, {"rtol": 1e-12, "atol": 1e-12}),
        (torch.float32, torch.float32, {"rtol": 1e-5, "atol": 1e-6}),
        (torch.bfloat16, torch.float32, {"rtol": 1e-2, "atol": 1e-6}),  # its gradients are rounded to 8 bits
    ],
)
def test_states_and_gradients(sums: torch.dtype, states: torch.dtype, close: dict[str, float]) -> None:
    kernel = pytest.importorskip("models.gates_kernel")
    generator = torch.Generator().manual_seed(0)

    def drawn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    gates = (3.0 * drawn(AGENTS, 4 * WIDTH)).to(sums)
    hidden, cell, to_hidden, to_cell = (drawn(AGENTS, WIDTH).to(states) for _ in range(4))
    there = torch.rand(AGENTS, 1, generator=generator) < 0.7

    def results(function: type[Function], *, dtypes: tuple[torch.dtype, torch.dtype], device: str) -> list[Tensor]:
        given = [gates.to(device, dtypes[0]), *(each.to(device, dtypes[1]) for each in (hidden, cell))]
        given = [each.requires_grad_() for each in given]
        # Sums are written over where no kernel is.
        found = function.apply(given[0].clone(), *given[1:], there.to(device))
        slopes = torch.autograd.grad(found, given, [each.to(device, dtypes[1]) for each in (to_hidden, to_cell)])
        return [each.detach() for each in (*found, *slopes)]

    expected = results(Gates, dtypes=(torch.float64, torch.float64), device="cpu")
    found = results(kernel.FusedGates, dtypes=(sums, states), device="cuda")
    assert [each.dtype for each in found] == [states, states, sums, states, states]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu().double(), theirs, **close)


def test_a_cell_on_a_gpu_takes_the_kernel() -> None:
    pytest.importorskip("triton")
    cell = LSTMCell(WIDTH).cuda()
    projected, hidden = torch.randn(AGENTS, 4 * WIDTH).cuda(), torch.randn(AGENTS, WIDTH).cuda()
    new_hidden, _ = cell(projected, hidden=hidden, cell=hidden, valid=torch.ones(AGENTS, dtype=torch.bool).cuda())
    assert type(new_hidden.grad_fn).__name__ == "FusedGatesBackward"
