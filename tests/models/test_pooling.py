"""The vectorised social grid equals the plain loop of its definition."""

import math

import pytest
import torch

from models import pairs as pairs_module
from models.frames import AgentFrame
from models.pairs import Neighbours, neighbour_pairs, scene_pairs
from models.pooling import OccupancyGrid, SocialGrid


def test_grid_equals_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    n, width, cells, cell_m = 9, 6, 4, 2.0
    grid = SocialGrid(width=width, num_cells=cells, cell_m=cell_m, pooled_width=5, out_width=7).double()
    hidden = torch.randn(n, width, generator=generator).double()
    scene = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2])
    xy = 3.0 * torch.randn(n, 2, generator=generator).double()
    velocity = torch.randn(n, 2, generator=generator).double()
    heading = 3.0 * torch.rand(n, generator=generator).double()
    there = torch.tensor([True] * 6 + [False] + [True] * 2)

    def seen_from(i: int, vector: torch.Tensor) -> torch.Tensor:
        cos, sin = math.cos(heading[i]), math.sin(heading[i])
        return torch.stack((cos * vector[0] + sin * vector[1], cos * vector[1] - sin * vector[0]))

    expected = []
    num_pooled = 0
    for i in range(n):
        social = torch.zeros(cells, cells, 5).double()
        for j in range(n):
            if i == j or scene[i] != scene[j] or not there[i] or not there[j]:
                continue
            offset = seen_from(i, xy[j] - xy[i])
            column, row = (math.floor(float(o) / cell_m) + cells // 2 for o in offset)
            if not (0 <= column < cells and 0 <= row < cells):
                continue
            turn = float(heading[j] - heading[i])
            direction = torch.tensor([math.cos(turn), math.sin(turn)]).double()
            closing = seen_from(i, velocity[j] - velocity[i])
            away = float(offset.norm())
            time_s = min(max(-float(offset @ closing) / (float(closing @ closing) + 0.09), 0.0), 6.0)
            closest = float((offset + closing * time_s).norm())
            detail = torch.tensor([1.0 / (away + 1.0), 1.0 / (closest + 1.0), time_s / 6.0]).double()
            way = offset / (away + 1.0)
            relative = torch.cat((offset / 10.0, closing / 10.0, direction, way, detail))
            both = grid.state(hidden[j]) + grid.own.weight @ hidden[i] + grid.motion.weight @ relative
            social[column, row] += torch.relu(grid.mix(torch.relu(both)))
            num_pooled += 1
        expected.append(torch.relu(grid.embed(social.flatten()) + grid.total.weight @ social.sum(dim=(0, 1))))
    assert num_pooled > 8

    receiver, sender = scene_pairs(scene)
    pairs = list(zip(receiver.tolist(), sender.tolist(), strict=True))
    neighbours = Neighbours(
        step=torch.zeros_like(receiver),
        receiver=receiver,
        sender=sender,
        offset_m=torch.stack([seen_from(i, xy[j] - xy[i]) for i, j in pairs]),
        velocity_mps=torch.stack([seen_from(i, velocity[j] - velocity[i]) for i, j in pairs]),
        turn=torch.stack(
            [torch.stack(((heading[j] - heading[i]).cos(), (heading[j] - heading[i]).sin())) for i, j in pairs]
        ),
    )
    both = there[receiver] & there[sender]
    pooled = grid(hidden, seen=grid.see(neighbours.where(both)[0], static=torch.zeros(n, 0).double()))
    torch.testing.assert_close(pooled, torch.stack(expected))


def test_pairs_are_all_ordered_pairs_within_scenes() -> None:
    receiver, sender = scene_pairs(torch.tensor([0, 0, 1, 3, 3, 3]))
    assert list(zip(receiver.tolist(), sender.tolist(), strict=True)) == [
        (0, 1), (1, 0), (3, 4), (3, 5), (4, 3), (4, 5), (5, 3), (5, 4),
    ]  # fmt: skip
    assert len(scene_pairs(torch.zeros(0, dtype=torch.long))[0]) == 0


def test_pairs_of_a_crowd_are_those_that_a_plain_comparison_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 agents in one scene, and small ones beside it, looked at in runs of a few."""
    generator = torch.Generator().manual_seed(0)
    scene = torch.cat((torch.zeros(300), torch.ones(5), torch.full((40,), 3.0))).long()
    xy_m = 60.0 * torch.rand(len(scene), 1, 2, generator=generator) + torch.randn(len(scene), 4, 2, generator=generator)
    valid = torch.rand(len(scene), 4, generator=generator) < 0.7
    still = torch.zeros(len(scene), 2)
    frame = AgentFrame(
        last=torch.zeros(len(scene)).long(), known=valid.any(1), origin_m=still,
        axis=torch.tensor([[1.0, 0.0]]).expand_as(still),
        has_axis=valid.any(1), age_s=still[:, 0], velocity_mps=still,
    )  # fmt: skip
    monkeypatch.setattr(pairs_module, "_MOST_CANDIDATES", 2000)
    found = neighbour_pairs(
        scene, xy_m=xy_m, velocity_mps=torch.zeros_like(xy_m), valid=valid, frame=frame, reach_m=5.0
    )
    apart = (xy_m[:, None] - xy_m[None]).abs().amax(-1)
    near = ((apart <= 5.0) & valid[:, None] & valid[None]).any(-1) & (scene[:, None] == scene[None])
    near.fill_diagonal_(0)
    expected = near.nonzero()
    assert 1000 < len(expected) < 40_000
    assert torch.equal(torch.stack((found.receiver, found.sender), 1), expected)


def test_occupancy_counts_neighbours_in_cells() -> None:
    grid = OccupancyGrid(num_cells=2, cell_m=5.0, out_width=4)
    with torch.no_grad():
        grid.embed.weight.copy_(torch.eye(4))
        grid.embed.bias.zero_()
    # Seen by agent 0: one behind on the right, two ahead on the left, one out of reach; by agent 1: one ahead right.
    offset = torch.tensor([[-1.0, -4.0], [0.0, 0.5], [4.9, 3.0], [5.0, 1.0], [2.0, -0.1]])
    neighbours = Neighbours(
        step=torch.zeros(5).long(),
        receiver=torch.tensor([0, 0, 0, 0, 1]),
        sender=torch.tensor([1, 2, 3, 4, 0]),
        offset_m=offset,
        velocity_mps=torch.zeros(5, 2),
        turn=torch.zeros(5, 2),
    )
    counts = grid(torch.zeros(3, 8), seen=grid.see(neighbours, static=torch.zeros(3, 1)))
    assert counts.tolist() == [[1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 0.0], [0.0] * 4]
