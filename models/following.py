"""Who drives behind whom, and how that draws their speeds together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.frames import AgentFrame, rotate
from models.pairs import candidate_pairs

_MOVING_MPS: Final = 0.5  # whoever is slower may be parked, and then follows nobody
_REACH_M: Final = 60.0  # a gap that is wider binds nobody
_MAX_TURN_RAD: Final = math.radians(45.0)
_ASIDE_M: Final = 0.2  # what noise in positions and headings may add to the widths
_TYPICAL_M: Final = (4.5, 1.8)  # length and width of a vehicle whose own are unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """Whose speed each agent takes on, and how fast.

    Attributes:
        leader: Index of the nearest agent ahead in the same path; the agent itself where there is none.
        pull_1ps: The speed gets nearer to the leader's by this share of the difference per second.
    """

    leader: Int[Tensor, " n"]
    pull_1ps: Float[Tensor, " n"]

    def speeds(self, alone_mps: Float[Tensor, "n u"], *, dt_s: float) -> Float[Tensor, "n u"]:
        """Speeds amid successive spans of time when everyone takes on its leader's, who takes on that of its own.

        Args:
            alone_mps: How fast each agent would go by itself.
            dt_s: Length of each span.
        """
        share = -torch.expm1(-self.pull_1ps * dt_s)
        gained = torch.zeros_like(share)
        speeds: list[Tensor] = []
        for alone in alone_mps.unbind(1):
            before = (alone + gained).clamp(min=0.0)
            gain = share * (before[self.leader] - before)
            speeds.append(before + gain / 2.0)
            gained = gained + gain
        return torch.stack(speeds, dim=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaders:
    """Each agent's leader at the forecast time.

    Attributes:
        leader: As in ``Following``.
        gap_m: From bumper to bumper, at least zero; infinite where there is none.
    """

    leader: Int[Tensor, " n"]
    gap_m: Float[Tensor, " n"]

    def following(self, reaction: Float[Tensor, "2"]) -> Following:
        """What comes of it.

        Linear car-following (Chandler, Herman and Montroll 1958) with a sensitivity that falls with the gap, as that of
        Gazis, Herman and Rothery (1961) does; here exponentially, so that it stays finite bumper to bumper.

        Args:
            reaction: The sensitivity without any gap in 1/s, and the gap in metres over which it falls by e.
        """
        sensitivity_1ps, reach_m = reaction.unbind()
        return Following(
            leader=self.leader, pull_1ps=sensitivity_1ps * torch.exp(-self.gap_m / reach_m.clamp(min=1e-6))
        )


def find_leaders(
    scene: Int[Tensor, " n"], *, frame: AgentFrame, size_m: Float[Tensor, "n 2"], drives: Bool[Tensor, " n"]
) -> Leaders:
    """The nearest vehicle ahead in the path of each one that moves, where both are if they have kept their velocities.

    Two poses on one circular arc have their chord along the mean of both headings, so what the chord has across that
    mean is how far the leader is beside the path: at most half of both widths and 0.2 m. This holds on straights and in
    bends alike, and a lane aside does not count; nor does whoever heads more than 45 degrees another way.

    Args:
        scene: Scene of each agent, ascending.
        frame: Of each agent.
        size_m: Length and width; zero where unknown.
        drives: Agents that count, both as one and as the other.
    """
    num = scene.shape[0]
    nobody = torch.arange(num, device=scene.device)
    drives = drives & frame.known & frame.has_axis
    size_m = torch.where(size_m > 0.0, size_m, size_m.new_tensor(_TYPICAL_M))
    xy_m = frame.origin_m + rotate(frame.velocity_mps * frame.age_s[:, None], frame.axis)
    moves = drives & (frame.velocity_mps.norm(dim=-1) > _MOVING_MPS)
    found = [
        _ahead(pairs, xy_m=xy_m, axis=frame.axis, size_m=size_m, drives=drives, moves=moves)
        for pairs in candidate_pairs(scene)
    ]
    if not found:
        return Leaders(leader=nobody, gap_m=torch.full_like(size_m[:, 0], math.inf))
    follower, leader, gap_m = (torch.cat(column) for column in zip(*found, strict=True))
    nearest_m = torch.full_like(size_m[:, 0], math.inf).scatter_reduce(0, follower, gap_m, "amin")
    is_nearest = (gap_m == nearest_m[follower]).nonzero().squeeze(1)
    return Leaders(leader=nobody.scatter(0, follower[is_nearest], leader[is_nearest]), gap_m=nearest_m)


def _ahead(
    pairs: tuple[Int[Tensor, " c"], Int[Tensor, " c"]],
    *,
    xy_m: Float[Tensor, "n 2"],
    axis: Float[Tensor, "n 2"],
    size_m: Float[Tensor, "n 2"],
    drives: Bool[Tensor, " n"],
    moves: Bool[Tensor, " n"],
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Float[Tensor, " p"]]:
    """Those of the pairs whose first moves, and has the second ahead in its path; and the gaps."""
    follower, leader = pairs
    both = (moves[follower] & drives[leader]).nonzero().squeeze(1)
    follower, leader = follower[both], leader[both]
    chord_m = xy_m[leader] - xy_m[follower]
    near = (chord_m.abs().amax(dim=-1) <= _REACH_M + size_m[follower, 0] + size_m[leader, 0]).nonzero().squeeze(1)
    follower, leader, chord_m = follower[near], leader[near], chord_m[near]
    mean = axis[follower] + axis[leader]
    mean = mean / mean.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    along_m = (chord_m * mean).sum(dim=-1)
    across_m = (chord_m[:, 1] * mean[:, 0] - chord_m[:, 0] * mean[:, 1]).abs()
    length_m, width_m = ((size_m[follower] + size_m[leader]) / 2.0).unbind(-1)
    gap_m = along_m - length_m
    is_ahead = (
        ((axis[follower] * axis[leader]).sum(dim=-1) > math.cos(_MAX_TURN_RAD))
        & (along_m > size_m[follower, 0] / 2.0)
        & (across_m <= width_m + _ASIDE_M)
        & (gap_m <= _REACH_M)
    )
    kept = is_ahead.nonzero().squeeze(1)
    return follower[kept], leader[kept], gap_m[kept].clamp(min=0.0)
