"""The loss of the manoeuvre head, by hand."""

import math

import pytest
import torch

from models.batch import Manoeuvres
from models.losses import shares
from models.manoeuvre import manoeuvre_loss, mirrored_directions
from pipeline.behaviour.manoeuvre import MIRRORED, Direction


def test_what_is_not_known_counts_for_nothing_and_the_rest_by_its_weight() -> None:
    choice = torch.zeros(3).long()
    told = Manoeuvres(
        direction_choice=choice,
        pace_choice=choice,
        direction=torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]]).log(),
        pace=torch.tensor([[0.2, 0.8], [1e-9, 1.0], [0.5, 0.5]]).log(),
    )
    did = torch.tensor([[0, 0], [1, -1], [0, 1]])
    share = shares(torch.tensor([1.0, 3.0, 0.0])[:, None] * (did >= 0))
    loss = manoeuvre_loss(told, did, share=share)
    direction = (math.log(2.0) - 3.0 * math.log(0.75)) / 4.0
    assert float(loss) == pytest.approx(direction - math.log(0.2))
    nobody = manoeuvre_loss(told, torch.full((3, 2), -1), share=shares(torch.zeros(3, 2)))
    assert float(nobody) == 0.0


def test_in_a_mirror_left_is_right() -> None:
    did = torch.tensor([Direction.LEFT, Direction.RIGHT, Direction.U_TURN, Direction.KEEP, -1, Direction.LEFT])
    mirror = torch.tensor([True] * 5 + [False])
    seen = mirrored_directions(did, mirror=mirror, counterpart=torch.tensor(MIRRORED))
    assert seen.tolist() == [Direction.RIGHT, Direction.LEFT, Direction.U_TURN, Direction.KEEP, -1, Direction.LEFT]
