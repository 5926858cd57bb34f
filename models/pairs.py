"""Pairs of neighbours: who is near whom, over a whole batch at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.frames import AgentFrame, unrotate

RELATIVE_WIDTH = 11  # of ``Neighbours.relative``
_MOST_CANDIDATES = 2**20  # pairs that are looked at at a time
_MOST_PAIRS = 2**40  # in a graph, whose numbers of everything must stay within 64 bits
_AHEAD_S = 6.0  # no further ahead does it matter where two come closest
_NEAR_M = 1.0  # nearer than about this, distance is seen in detail
_STILL_MPS = 0.3  # two that move so much alike never come closer
_METRES = 10.0  # distances and speeds are divided by this before a layer sees them


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """All ordered pairs of different agents of one scene, in a fixed number of places.

    What is given these has shapes that do not hang on the data: nothing is left out, what does not count is masked.
    That is what a captured GPU graph needs.

    Attributes:
        receiver: Index of the agent that sees.
        sender: Index of the agent that is seen.
        there: The place is taken; otherwise both are any agents.
    """

    receiver: Int[Tensor, " c"]
    sender: Int[Tensor, " c"]
    there: Bool[Tensor, " c"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Ordered pairs: the agent ``receiver`` sees the agent ``sender``, both of one scene.

    Attributes:
        receiver: Index of the agent that sees.
        sender: Index of the agent that is seen.
        offset_m: The sender's position at each observed step, as seen from the receiver's position at that step,
            along the receiver's axes at the forecast time.
        velocity_mps: The sender's velocity at each step relative to the receiver's, along the same axes.
        turn: Cosine and sine of the sender's axis relative to the receiver's.
        valid: Both are valid at the step.
        fixed: They are ``Candidates``, and stay as many as they are.
    """

    receiver: Int[Tensor, " p"]
    sender: Int[Tensor, " p"]
    offset_m: Float[Tensor, "p t 2"]
    velocity_mps: Float[Tensor, "p t 2"]
    turn: Float[Tensor, "p 2"]
    valid: Bool[Tensor, "p t"]
    fixed: bool = False

    def neighbours(self) -> Neighbours:
        """At every step the pairs of which both are there, the steps one after the other."""
        if self.fixed:
            num_steps = self.valid.shape[1]
            there = self.valid.T.flatten()
            step = torch.arange(num_steps, device=there.device)
            # What is not there may be any number, and zero times that is not always zero.
            offset_m = torch.where(self.valid[..., None], self.offset_m, 0.0)
            return Neighbours(
                step=step[:, None].expand(-1, len(self.receiver)).flatten(),
                receiver=self.receiver.repeat(num_steps),
                sender=self.sender.repeat(num_steps),
                offset_m=offset_m.transpose(0, 1).flatten(0, 1),
                velocity_mps=self.velocity_mps.transpose(0, 1).flatten(0, 1),
                turn=self.turn.repeat(num_steps, 1),
                there=there,
            )
        step, pair = self.valid.T.nonzero().unbind(1)  # found once, not by every column
        at = pair * self.valid.shape[1] + step  # ``index_select`` takes whole rows, and far faster than indexing
        return Neighbours(
            step=step,
            receiver=self.receiver.index_select(0, pair),
            sender=self.sender.index_select(0, pair),
            offset_m=self.offset_m.flatten(0, 1).index_select(0, at),
            velocity_mps=self.velocity_mps.flatten(0, 1).index_select(0, at),
            turn=self.turn.index_select(0, pair),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """Pairs at some steps; the values are as in ``Pairs``.

    Attributes:
        step: Of each pair, ascending.
        there: Which of them count, as many at each step; None: all that are told of, and no others are.
    """

    step: Int[Tensor, " p"]
    receiver: Int[Tensor, " p"]
    sender: Int[Tensor, " p"]
    offset_m: Float[Tensor, "p 2"]
    velocity_mps: Float[Tensor, "p 2"]
    turn: Float[Tensor, "p 2"]
    there: Bool[Tensor, " p"] | None = None

    def where(self, kept: Bool[Tensor, " p"]) -> tuple[Neighbours, Int[Tensor, " q"] | None]:
        """Some of the pairs, and which of these they are; None: all, for the others are only masked."""
        if self.there is not None:
            return replace(self, there=self.there & kept), None
        index = kept.nonzero().squeeze(1)
        some = Neighbours(
            step=self.step.index_select(0, index),
            receiver=self.receiver.index_select(0, index),
            sender=self.sender.index_select(0, index),
            offset_m=self.offset_m.index_select(0, index),
            velocity_mps=self.velocity_mps.index_select(0, index),
            turn=self.turn.index_select(0, index),
        )
        return some, index

    def relative(self) -> Float[Tensor, "p 11"]:
        """How the two lie and move relative to each other, in the size that layers like.

        Offset, velocity and turn; which way the other lies, and how near; and where both would come closest if they
        went on as they do: how near, and in what time.
        """
        # Columns by themselves: sums over a last axis of two are slow.
        (x, y), (u, v), (cos, sin) = (each.T.contiguous() for each in (self.offset_m, self.velocity_mps, self.turn))
        time_s = (-(x * u + y * v) / (u * u + v * v + _STILL_MPS**2)).clamp(0.0, _AHEAD_S)
        near = _NEAR_M / ((x * x + y * y).sqrt() + _NEAR_M)
        closest = _NEAR_M / (((x + u * time_s).square() + (y + v * time_s).square()).sqrt() + _NEAR_M)
        way = near / _NEAR_M
        columns = (x / _METRES, y / _METRES, u / _METRES, v / _METRES, cos, sin, x * way, y * way)
        return torch.stack((*columns, near, closest, time_s / _AHEAD_S), dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What an interaction makes of pairs before it knows any state: for all steps in one go.

    Attributes:
        step: Of each pair, ascending.
        receiver: Index of the agent that sees.
        sender: Index of the agent that is seen.
        place: What the pair's message is summed into: a cell of the receiver's, or the receiver itself.
        relation: Of the two, for layers.
        there: As in ``Neighbours``.
    """

    step: Int[Tensor, " p"]
    receiver: Int[Tensor, " p"]
    sender: Int[Tensor, " p"]
    place: Int[Tensor, " p"]
    relation: Float[Tensor, "p m"]
    there: Bool[Tensor, " p"] | None = None

    def by_step(self, num_steps: int) -> list[Seen]:
        """Step by step."""
        columns = (self.step, self.receiver, self.sender, self.place, self.relation)
        if self.there is not None:
            parts = zip(*(column.chunk(num_steps) for column in (*columns, self.there)), strict=True)
            return [Seen(step=a, receiver=b, sender=c, place=d, relation=e, there=f) for a, b, c, d, e, f in parts]
        if torch.compiler.is_exporting():  # a graph cannot be split by sizes that it only knows when it runs
            at = [(self.step == step).nonzero().squeeze(1) for step in range(num_steps)]
            parts = [tuple(column[index] for column in columns) for index in at]
        else:
            sizes = torch.bincount(self.step, minlength=num_steps).tolist()
            parts = zip(*(column.split(sizes) for column in columns), strict=True)
        return [Seen(step=a, receiver=b, sender=c, place=d, relation=e) for a, b, c, d, e in parts]


def scene_pairs(
    scene: Int[Tensor, " n"], *, first: int = 0, stop: int | None = None
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"]]:
    """All ordered pairs of different agents of the same scene; ``scene`` must ascend.

    Args:
        scene: Of each agent.
        first: Receivers from this agent on.
        stop: Up to before this one; by default all.
    """
    if len(scene) == 0:
        return scene, scene
    counts = torch.bincount(scene)
    starts = counts.cumsum(0) - counts
    chosen = scene[first:stop]
    neighbours = counts[chosen]
    receiver = torch.repeat_interleave(torch.arange(first, first + len(chosen), device=scene.device), neighbours)
    position = torch.arange(len(receiver), device=scene.device) - (neighbours.cumsum(0) - neighbours)[receiver - first]
    sender = starts[scene[receiver]] + position
    other = receiver != sender
    return receiver[other], sender[other]


def neighbour_pairs(
    scene: Int[Tensor, " n"],
    *,
    xy_m: Float[Tensor, "n t 2"],
    velocity_mps: Float[Tensor, "n t 2"],
    valid: Bool[Tensor, "n t"],
    frame: AgentFrame,
    reach_m: float,
    candidates: Candidates | None = None,
) -> Pairs:
    """The pairs that come within ``reach_m`` of each other (along x or y of the scene) at any observed step.

    Memory is linear in these pairs, or in the candidates where they are given: of all others only a bounded number is
    looked at at a time.

    Args:
        scene: Scene of each agent, ascending.
        xy_m: Positions in the scene frame.
        velocity_mps: Velocities in the scene frame, zero where unknown.
        valid: Which steps are there.
        frame: Each agent's own frame.
        reach_m: No pair further apart than this is kept.
        candidates: Keep all of these instead, and look for no others.
    """
    if candidates is None:
        found = [_near(pairs, xy_m=xy_m, valid=valid, reach_m=reach_m) for pairs in candidate_pairs(scene)]
        receiver, sender = (torch.cat(side) for side in zip(*found, strict=True)) if found else (scene, scene)
        both = valid.index_select(0, receiver) & valid.index_select(0, sender)
    else:
        receiver, sender = candidates.receiver, candidates.sender
        both = valid.index_select(0, receiver) & valid.index_select(0, sender) & candidates.there[:, None]
    axis = frame.axis.index_select(0, receiver)

    def apart(values: Float[Tensor, "n t 2"]) -> Float[Tensor, "p t 2"]:
        return unrotate(values.index_select(0, sender) - values.index_select(0, receiver), axis[:, None])

    return Pairs(
        receiver=receiver,
        sender=sender,
        offset_m=apart(xy_m),
        velocity_mps=apart(velocity_mps),
        turn=unrotate(frame.axis.index_select(0, sender), axis),
        valid=both,
        fixed=candidates is not None,
    )


def candidate_pairs(scene: Int[Tensor, " n"]) -> Iterator[tuple[Int[Tensor, " p"], Int[Tensor, " p"]]]:
    """All ordered pairs of different agents of one scene, a bounded number at a time; in a graph, all at once."""
    if torch.compiler.is_exporting():
        yield _scene_pairs_in_graph(scene)
        return
    for first, stop in _runs(scene):
        yield scene_pairs(scene, first=first, stop=stop)


def _scene_pairs_in_graph(scene: Int[Tensor, " n"]) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"]]:
    """As ``scene_pairs``, by operations that ONNX has, and none that takes longer than there are agents and pairs."""
    number = torch.arange(scene.shape[0], device=scene.device)
    ones = torch.ones_like(number)
    rank = (scene != scene[(number - 1).clamp(min=0)]).long().cumsum(0)  # of the scene, among those that are there
    counts = torch.zeros_like(number).scatter_add(0, rank, ones)
    neighbours, start = counts[rank], (counts.cumsum(0) - counts)[rank]
    begin = neighbours.cumsum(0) - neighbours
    total = cast("int", neighbours.sum().item())  # a symbol, and no number yet
    torch._check(total >= 0)  # pyright: ignore
    torch._check(total <= _MOST_PAIRS)  # pyright: ignore
    # Each receiver stands for as long as it has neighbours, itself among them: one more wherever one begins.
    receiver = begin.new_zeros(total).scatter_add(0, begin, ones).cumsum(0) - 1
    sender = start[receiver] + torch.arange(total, device=scene.device) - begin[receiver]
    other = (receiver != sender).nonzero().squeeze(1)
    return receiver[other], sender[other]


def _runs(scene: Int[Tensor, " n"]) -> list[tuple[int, int]]:
    """Runs of agents with at most ``_MOST_CANDIDATES`` possible pairs each; an agent with more runs alone."""
    if len(scene) == 0:
        return []
    if len(scene) ** 2 <= _MOST_CANDIDATES:  # the usual batch, without a look at the numbers
        return [(0, len(scene))]
    total = torch.bincount(scene)[scene].cumsum(0).tolist()
    runs, first = [], 0
    while first < len(total):
        before = total[first - 1] if first else 0
        stop = max(bisect_right(total, before + _MOST_CANDIDATES), first + 1)
        runs.append((first, stop))
        first = stop
    return runs


def _near(
    pairs: tuple[Int[Tensor, " c"], Int[Tensor, " c"]],
    *,
    xy_m: Float[Tensor, "n t 2"],
    valid: Bool[Tensor, "n t"],
    reach_m: float,
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"]]:
    """Those of the pairs (receivers and senders) that come near each other."""
    receiver, sender = pairs
    # Boxes around whole histories first: most pairs of a large scene are never near.
    far = torch.finfo(xy_m.dtype).max / 4
    low = torch.where(valid[..., None], xy_m, far).amin(dim=1)
    high = torch.where(valid[..., None], xy_m, -far).amax(dim=1)
    gap_m = torch.maximum(
        low.index_select(0, sender) - high.index_select(0, receiver),
        low.index_select(0, receiver) - high.index_select(0, sender),
    ).amax(dim=-1)
    close = (gap_m <= reach_m).nonzero().squeeze(1)
    receiver, sender = receiver.index_select(0, close), sender.index_select(0, close)
    both = valid.index_select(0, receiver) & valid.index_select(0, sender)
    apart_m = (xy_m.index_select(0, sender) - xy_m.index_select(0, receiver)).abs().amax(dim=-1)
    kept = ((apart_m <= reach_m) & both).any(dim=1).nonzero().squeeze(1)
    return receiver.index_select(0, kept), sender.index_select(0, kept)
