from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.lstm import LSTMCell
from models.peephole import PeepholeCell, PeepholeLSTM


def layer(*, num_layers: int = 1, input_width: int = 3, width: int = 4) -> PeepholeLSTM:
    torch.manual_seed(0)
    module = PeepholeLSTM(input_width, width, num_layers=num_layers).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def by_the_equations(module: PeepholeLSTM, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """h_t of the last layer, and its last c_t, by the design's equations, one sequence and one matrix at a time."""

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-x))

    hidden_of, cell = inputs, np.zeros(0)
    for projection, recurrent in zip(module.inputs, module.recurrent, strict=True):
        w_xi, w_xf, w_xo, w_xg = np.split(projection.weight.detach().numpy(), 4)
        b_i, b_f, b_o, b_g = np.split(projection.bias.detach().numpy(), 4)
        (w_hi, w_ci), (w_hf, w_cf), (w_ho, w_co), (w_hg, w_cg) = (
            np.split(rows, 2, axis=1) for rows in np.split(recurrent.detach().numpy(), 4)
        )
        outputs = np.zeros((*hidden_of.shape[:2], module.width))
        cells = np.zeros((len(hidden_of), module.width))
        for n, sequence in enumerate(hidden_of):
            h, c = np.zeros(module.width), np.zeros(module.width)
            for t, x in enumerate(sequence):
                i = sigmoid(w_xi @ x + w_hi @ h + w_ci @ c + b_i)
                f = sigmoid(w_xf @ x + w_hf @ h + w_cf @ c + b_f)
                o = sigmoid(w_xo @ x + w_ho @ h + w_co @ c + b_o)
                g = np.tanh(w_xg @ x + w_hg @ h + w_cg @ c + b_g)
                c = f * c + i * g
                h = o * np.tanh(c)
                outputs[n, t] = h
            cells[n] = c
        hidden_of, cell = outputs, cells
    return hidden_of, cell


@pytest.mark.parametrize("num_layers", [1, 3])
def test_it_is_the_equations(num_layers: int) -> None:
    module = layer(num_layers=num_layers)
    inputs = np.random.default_rng(0).normal(size=(5, 7, 3))
    outputs, (hidden, cell) = module(torch.from_numpy(inputs))
    expected, last_cell = by_the_equations(module, inputs)
    np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(hidden[-1].detach().numpy(), expected[:, -1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cell[-1].detach().numpy(), last_cell, rtol=1e-12, atol=1e-14)


def test_its_own_backward_pass_is_the_derivative() -> None:
    module = layer(num_layers=2, width=3)
    names, parameters = zip(*module.named_parameters(), strict=True)
    inputs = torch.randn(3, 4, 3, dtype=torch.float64, requires_grad=True)
    state = [torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    valid = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 1, 0]], dtype=torch.bool)

    def run(inputs: Tensor, hidden: Tensor, cell: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, values, strict=True))
        call = {"valid": valid, "state": (hidden, cell)}
        outputs, ends = torch.func.functional_call(module, weights, (inputs,), call)
        return outputs, *ends

    assert torch.autograd.gradcheck(run, (inputs, *state, *parameters))


def test_a_shorter_sequence_ends_as_if_nothing_followed() -> None:
    module = layer(num_layers=2)
    inputs = torch.randn(2, 6, 3, dtype=torch.float64)
    valid = torch.arange(6) < torch.tensor([[4], [6]])
    _, (hidden, cell) = module(inputs, valid=valid)
    _, (short_hidden, short_cell) = module(inputs[:1, :4])
    torch.testing.assert_close((hidden[:, :1], cell[:, :1]), (short_hidden, short_cell))


def test_a_run_in_two_parts_is_the_whole_run() -> None:
    module = layer(num_layers=2)
    inputs = torch.randn(2, 6, 3, dtype=torch.float64)
    first, state = module(inputs[:, :2])
    second, ends = module(inputs[:, 2:], state=state)
    whole, whole_ends = module(inputs)
    torch.testing.assert_close((torch.cat((first, second), dim=1), ends), (whole, whole_ends))


def test_one_step_of_the_cell_is_one_step_of_the_layer() -> None:
    module, cell = layer(), PeepholeCell(4).double()
    with torch.no_grad():
        cell.weight.copy_(module.recurrent[0])
        cell.bias.zero_()
    inputs = torch.randn(5, 1, 3, dtype=torch.float64)
    state = torch.randn(2, 1, 5, 4, dtype=torch.float64)
    valid = torch.tensor([True, True, False, True, True])
    _, (hidden, cells) = module(inputs, valid=valid[:, None], state=(state[0], state[1]))
    step = cell(module.inputs[0](inputs[:, 0]), hidden=state[0, 0], cell=state[1, 0], valid=valid)
    torch.testing.assert_close(step, (hidden[0], cells[0]))
    torch.testing.assert_close(step[0][2], state[0, 0, 2])


def test_without_peepholes_it_is_the_lstm() -> None:
    torch.manual_seed(0)
    plain, cell = LSTMCell(4), PeepholeCell(4)
    enter, keep, candidate, leave = plain.recurrent.weight.detach().split(4)
    with torch.no_grad():
        cell.weight.copy_(torch.cat((torch.cat((enter, keep, leave, candidate)), torch.zeros(16, 4)), dim=1))
    projected, hidden, state = torch.randn(3, 16), torch.randn(3, 4), torch.randn(3, 4)
    enter, keep, candidate, leave = projected.split(4, dim=1)
    there = torch.ones(3, dtype=torch.bool)
    torch.testing.assert_close(
        cell(torch.cat((enter, keep, leave, candidate), dim=1), hidden=hidden, cell=state, valid=there),
        plain(projected, hidden=hidden, cell=state, valid=there),
    )


def test_in_half_precision_the_states_stay_in_single() -> None:
    torch.manual_seed(0)
    module = PeepholeLSTM(3, 8)
    inputs = torch.randn(4, 6, 3)
    exact, _ = module(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, (_, cell) = module(inputs)
    assert outputs.dtype == cell.dtype == torch.float32
    assert not torch.equal(outputs, exact)
    torch.testing.assert_close(outputs, exact, rtol=0.0, atol=0.02)
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in module.parameters())


def test_forget_gates_start_open_and_every_matrix_orthogonal() -> None:
    module = PeepholeLSTM(3, 4, num_layers=2)
    for projection, recurrent in zip(module.inputs, module.recurrent, strict=True):
        assert projection.bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
        for rows in recurrent.split(4):
            for block in rows.split(4, dim=1):
                torch.testing.assert_close(block @ block.T, torch.eye(4))


def test_a_signal_a_hundred_steps_back_still_trains() -> None:
    """The sign of the first of a hundred inputs, noise after it, is what the last state must tell."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    module, readout = PeepholeLSTM(2, 16), torch.nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*module.parameters(), *readout.parameters()], lr=0.01)
    losses: list[float] = []
    for _ in range(600):  # how soon it is found hangs on how a machine rounds: within 100 to 300 steps over seeds
        inputs = torch.zeros(32, 100, 2)
        inputs[..., 0] = 0.3 * torch.randn(32, 100, generator=generator)
        answer = torch.randint(0, 2, (32,), generator=generator).float()
        inputs[:, 0, 0], inputs[:, 0, 1] = 2.0 * answer - 1.0, 1.0
        outputs, _ = module(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(readout(outputs[:, -1])[:, 0], answer)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if sum(losses[-10:]) < 1.0:
            break
    assert min(losses[:5]) > 0.4
    assert sum(losses[-10:]) / 10 < 0.1
