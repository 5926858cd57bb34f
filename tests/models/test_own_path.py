"""The single path's own layers: what they see, and where they start."""

import numpy as np
import torch
from torch.testing import assert_close

from models.frames import agent_frame
from models.inputs import past_inputs
from models.linear_base import past_displacements
from models.own_path import OwnPath
from pipeline.training.scenes import observed_tensors
from tests.pipeline.evaluation import made_up


def test_the_past_is_how_far_back_and_how_much_faster() -> None:
    agents = observed_tensors(made_up.observed(np.array([[[0.0, 0.0], [3.0, 0.0], [4.0, 1.0]]])))
    frame = agent_frame(agents, rate_hz=1.0)
    moved = past_displacements(agents, frame=frame, rate_hz=1.0)
    # The last step alone makes the present velocity at 1 Hz: (1, 1). From the last step back: (1, 1), then (4, 1).
    expected = torch.tensor([[0.1, 0.1, 0.4, 0.1, 1.0, -0.5, 0.0, 0.0]]).double()
    assert_close(past_inputs(moved, frame=frame, rate_hz=1.0), expected)


def test_at_the_start_it_adds_nothing() -> None:
    assert_close(OwnPath(in_width=8, width=4, rank=3)(torch.randn(5, 8)), torch.zeros(5, 3))
