"""The linear base: what it does with missing steps, and its symmetries."""

import numpy as np
import torch
from torch.testing import assert_close

from models.batch import Future
from models.frames import agent_frame, rotate
from models.linear_base import linear_future, past_displacements
from pipeline.training.scenes import augment, observed_tensors
from tests.pipeline.evaluation import made_up

RATE_HZ, NUM_FUTURE = 10.0, 6
LAST_MEAN = torch.zeros(2, 4, NUM_FUTURE)  # the mean of the last two displacements goes on
LAST_MEAN[:, 2:] = 0.5 * torch.arange(1.0, NUM_FUTURE + 1)


def observed(xy_m: np.ndarray, **given: object):
    agents = made_up.observed(xy_m, **given)
    return observed_tensors(agents)


def future_of(agents, weights: torch.Tensor = LAST_MEAN) -> torch.Tensor:
    frame = agent_frame(agents, rate_hz=RATE_HZ)
    moved = past_displacements(agents, frame=frame, rate_hz=RATE_HZ)
    local = linear_future(moved, weights=weights.to(moved.dtype), frame=frame)
    return rotate(local, frame.axis[:, None]) + frame.origin_m[:, None]


def test_it_is_the_weighted_sum_of_the_past_displacements() -> None:
    agents = observed(np.array([[[0, 0], [1, 0], [2, 0], [3, 1], [5, 1]]]))
    steps = torch.arange(1, NUM_FUTURE + 1)[:, None]
    assert_close(future_of(agents)[0], torch.tensor([5.0, 1.0]).double() + steps * torch.tensor([1.5, 0.5]).double())


def test_where_a_step_is_missing_the_velocity_stands_in() -> None:
    xy_m = np.stack([np.arange(5.0), np.zeros(5)], axis=-1)[None]
    whole = future_of(observed(xy_m))
    broken = xy_m.copy()
    broken[:, 3] = np.nan
    assert_close(future_of(observed(broken, valid=[[1, 1, 1, 0, 1]])), whole)
    broken[:, 4] = np.nan  # last seen two steps ago
    assert_close(future_of(observed(broken, valid=[[1, 1, 1, 0, 0]])), whole)


def test_a_mirrored_or_scaled_past_has_the_mirrored_or_scaled_future() -> None:
    rng = np.random.default_rng(0)
    agents = observed(rng.normal(size=(3, 5, 2)), heading_rad=rng.uniform(-3, 3, (3, 5)))
    weights = torch.from_numpy(rng.normal(size=(2, 4, NUM_FUTURE)))
    nothing = Future(
        xy_m=torch.zeros(3, 1, 2), heading_rad=torch.zeros(3, 1), valid=torch.zeros(3, 1, dtype=torch.bool)
    )
    changed, _ = augment(agents, nothing, mirror=torch.tensor([True]), scale=torch.tensor([2.0]))
    assert_close(future_of(changed, weights), future_of(agents, weights) * torch.tensor([2.0, -2.0]).double())
