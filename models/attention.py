"""Attention over the neighbours, by what they do and how they lie and move relative to each agent."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from models.pairs import RELATIVE_WIDTH, Neighbours, Seen
from models.precision import at_least_single

_MOST = 60.0  # millions of such exponentials have a sum in single precision


class NeighbourAttention(nn.Module):
    """Multi-head attention of each agent over its neighbours within ``reach_m``.

    The query is made from the agent's own state; keys and values from the neighbour's state, what it is (size, class)
    and its relative pose and motion. To the neighbours comes a place to look at when none of them matters, whose key is
    learned and whose value is zero: an agent by itself has a well-defined result, and the weights over neighbours need
    not sum to one. One softmax per agent and head over the pairs in a flat list: memory grows with the pairs within
    reach, whatever the sizes of the scenes.

    Source: Vaswani et al. 2017; relative poses in keys and values as in Shaw et al. 2018 and, for driving, Zhou et al.,
    "Query-centric trajectory prediction", CVPR 2023.
    """

    def __init__(
        self, *, width: int, inner_width: int, static_width: int, num_heads: int, reach_m: float, out_width: int
    ) -> None:
        super().__init__()
        assert inner_width % num_heads == 0
        self.num_heads, self.reach_m = num_heads, reach_m
        self.query = nn.Linear(width, inner_width)
        self.state = nn.Linear(width, 2 * inner_width)
        self.relation = nn.Sequential(
            nn.Linear(RELATIVE_WIDTH + static_width, inner_width),
            nn.GELU(),
            nn.Linear(inner_width, 2 * inner_width, bias=False),
        )
        self.nobody = nn.Parameter(torch.zeros(num_heads, inner_width // num_heads))
        self.out = nn.Linear(inner_width, out_width)

    def see(self, neighbours: Neighbours, *, static: Float[Tensor, "n s"]) -> Seen:
        """Look at who is near whom, what they are and how they move."""
        near, _ = neighbours.where(neighbours.offset_m.square().sum(-1) <= self.reach_m**2)
        first, bend, _ = self.relation
        assert isinstance(first, nn.Linear)
        # What they are goes through the first layer once for each agent, not for each pair.
        what = functional.linear(static, first.weight[:, RELATIVE_WIDTH:], first.bias)
        relation = what.index_select(0, near.sender)
        relation = bend(torch.addmm(relation, near.relative(), first.weight[:, :RELATIVE_WIDTH].t()))
        return Seen(
            step=near.step,
            receiver=near.receiver,
            sender=near.sender,
            place=near.receiver,
            relation=relation,
            there=near.there,
        )

    def forward(self, hidden: Float[Tensor, "n d"], *, seen: Seen) -> Float[Tensor, "n e"]:
        """Attend at one step; an agent without neighbours gets the embedding of zero."""
        last = self.relation[-1]  # here, step by step: all steps' keys and values at once would be large
        assert isinstance(last, nn.Linear)
        both = torch.addmm(self.state(hidden).index_select(0, seen.sender), seen.relation, last.weight.t())
        key, value = rearrange(at_least_single(both), "p (two h c) -> two p h c", two=2, h=self.num_heads)
        query = rearrange(at_least_single(self.query(hidden)), "n (h c) -> n h c", h=self.num_heads)
        scale = 1.0 / math.sqrt(query.shape[-1])
        score = (query.index_select(0, seen.receiver) * key).sum(-1) * scale
        if seen.there is not None:
            score = score.masked_fill(~seen.there[:, None], -math.inf)
        nobody = (query * self.nobody).sum(-1) * scale
        weight = softmax_by(score, nobody, group=seen.place)
        attended = torch.zeros_like(query).index_add_(0, seen.place, weight[..., None] * value)
        return torch.relu(self.out(rearrange(attended, "n h c -> n (h c)")))


def softmax_by(
    score: Float[Tensor, "p h"], other: Float[Tensor, "n h"], *, group: Int[Tensor, " p"]
) -> Float[Tensor, "p h"]:
    """Softmax over the rows of each group together with one score of the group's own; the rows' shares.

    Exponentials are of what rows have more than the group's own score, and not than the largest, which would have to
    be looked for. What is over ``_MOST`` counts as that: exp(60) times as much as the own one.
    """
    rows = (score - other.index_select(0, group)).clamp(max=_MOST).exp()
    total = torch.ones_like(other).index_add(0, group, rows)
    return rows / total.index_select(0, group)
