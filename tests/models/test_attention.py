"""The vectorised attention equals the plain loop of its definition."""

import torch

from models.attention import NeighbourAttention, softmax_by
from models.pairs import Neighbours


def test_attention_equals_a_plain_loop() -> None:
    torch.manual_seed(0)
    n, width, inner, heads = 5, 8, 4, 2
    attention = NeighbourAttention(
        width=width, inner_width=inner, static_width=3, num_heads=heads, reach_m=4.0, out_width=6
    ).double()
    torch.nn.init.normal_(attention.nobody)
    hidden, static = torch.randn(n, width).double(), torch.randn(n, 3).double()
    receiver, sender = torch.tensor([[0, 1], [0, 2], [0, 3], [1, 0], [2, 4], [2, 3]]).unbind(1)
    neighbours = Neighbours(
        step=torch.zeros_like(receiver),
        receiver=receiver,
        sender=sender,
        offset_m=torch.tensor([[1.0, 2.0], [-3.0, 0.0], [4.1, 0.0], [3.0, 3.0], [0.0, 0.1], [2.0, 2.0]]).double(),
        velocity_mps=torch.randn(6, 2).double(),
        turn=torch.randn(6, 2).double(),
    )
    near = [True, True, False, False, True, True]
    expected = []
    for i in range(n):
        query = attention.query(hidden[i]).reshape(heads, -1)
        scores, values = [(query * attention.nobody).sum(1)], [torch.zeros(heads, inner // heads).double()]
        for p in range(len(near)):
            if receiver[p] != i or not near[p]:
                continue
            relative = neighbours.relative()[p]
            both = attention.state(hidden[sender[p]]) + attention.relation(torch.cat((relative, static[sender[p]])))
            key, value = both.reshape(2, heads, -1)
            scores.append((query * key).sum(1))
            values.append(value)
        weight = (torch.stack(scores) / (inner // heads) ** 0.5).softmax(dim=0)
        expected.append(torch.relu(attention.out((weight[..., None] * torch.stack(values)).sum(0).flatten())))
    seen = attention.see(neighbours, static=static)
    torch.testing.assert_close(attention(hidden, seen=seen), torch.stack(expected))


def test_shares_stay_finite_whatever_the_scores() -> None:
    score = torch.tensor([[500.0], [-500.0], [3.0], [2.0]], requires_grad=True)
    other = torch.tensor([[0.0], [1.0]], requires_grad=True)
    shares = softmax_by(score, other, group=torch.tensor([0, 0, 1, 1]))
    expected = torch.tensor([3.0, 2.0, 1.0]).softmax(dim=0)[:2]
    torch.testing.assert_close(shares.detach().squeeze(1), torch.cat((torch.tensor([1.0, 0.0]), expected)))
    shares.sum().backward()
    assert score.grad is not None
    assert score.grad.isfinite().all()
