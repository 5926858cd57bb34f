import torch

from models.peephole import PeepholeLSTM
from pipeline.training.cell_cost import CellSize, cell_costs, cost_lines, loop_states

NAMES = ["fused", "peephole", "loop", "products", "fused products"]


def test_every_contestant_is_measured_in_every_repeat() -> None:
    threads = torch.get_num_threads()
    costs = cell_costs(CellSize(width=8, steps=3, sequences=16, threads=1), repeats=4)
    assert torch.get_num_threads() == threads
    assert list(costs) == NAMES
    assert all(len(seconds) == 4 and min(seconds) > 0.0 for seconds in costs.values())


def test_ratios_are_taken_repeat_by_repeat() -> None:
    _, fused, peephole = cost_lines({"fused": (1.0, 2.0, 4.0), "peephole": (1.5, 3.0, 6.0)})
    assert fused.split() == ["fused", "2000.0", "1500.0", "to", "3000.0", "1.00", "1.00", "to", "1.00"]
    assert peephole.split() == ["peephole", "3000.0", "2250.0", "to", "4500.0", "1.50", "1.50", "to", "1.50"]


def test_the_plain_loop_is_the_same_recurrence() -> None:
    torch.manual_seed(0)
    module = PeepholeLSTM(4, 4).double()
    inputs = torch.randn(3, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(loop_states(module, inputs), module(inputs)[0])
