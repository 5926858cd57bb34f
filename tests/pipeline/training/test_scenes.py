"""What training takes away from histories."""

import numpy as np
import torch

from pipeline.training.scenes import SceneTensors, drop, truncate
from tests.small_windows import small_windows


def test_observations_are_dropped_one_by_one_and_whoever_had_two_keeps_two() -> None:
    observed = SceneTensors.of(small_windows(num_scenes=200), device="cpu").observed
    drawn = torch.rand(observed.valid.shape, generator=torch.Generator().manual_seed(0))
    few = drop(observed, is_dropped=drawn < 0.3)
    assert not (few.valid & ~observed.valid).any()
    assert not (few.heading_valid & ~few.valid).any()
    assert abs(float(few.valid.sum() / observed.valid.sum()) - 0.7) < 0.03
    assert float(few.valid[:, -1].float().mean()) < 0.8, "the newest too"
    assert (drop(observed, is_dropped=drawn < 2.0).valid == observed.valid).all(), "all of somebody is never taken"


def test_a_cut_history_begins_later_and_keeps_its_last_two_steps() -> None:
    observed = SceneTensors.of(small_windows(gaps=False), device="cpu").observed
    num_agents, num_steps = observed.valid.shape
    is_cut = torch.arange(num_agents) % 2 == 0
    share = torch.full((num_agents,), 0.99)
    found = truncate(observed, is_cut=is_cut, share=share).valid.sum(dim=1)
    np.testing.assert_array_equal(found[is_cut], 2)
    np.testing.assert_array_equal(found[~is_cut], num_steps)
