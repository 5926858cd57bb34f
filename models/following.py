"""Who drives behind whom, and how that draws their speeds together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from models.frames import AgentFrame, rotate
from models.pairs import Candidates, candidate_pairs

_MOVING_MPS: Final = 0.5  # whoever is slower may be parked, and then follows nobody
_REACH_M: Final = 60.0  # a gap that is wider binds nobody
_MAX_TURN_RAD: Final = math.radians(45.0)
_ASIDE_M: Final = 0.2  # what noise in positions and headings may add to the widths
_TYPICAL_M: Final = (4.5, 1.8)  # length and width of a vehicle whose own are unknown
LEADER_WIDTH: Final = 5  # of ``Leaders.inputs``
_NEAR_M: Final = 10.0  # nearer than about this, a gap is seen in detail
_MPS: Final = 10.0  # speeds are divided by this before a layer sees them


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

    def inputs(self, speed_mps: Float[Tensor, " n"]) -> Float[Tensor, "n 5"]:
        """What layers see of each agent's leader: whether there is one, how near, how much faster, and how fast.

        The base path has the leader in it. What corrects the path must see him too, and a pooled sum over all
        neighbours shows him but dimly.

        Args:
            speed_mps: Of each agent at the forecast time.
        """
        there = self.gap_m <= _REACH_M
        gap_m = torch.where(there, self.gap_m, _REACH_M)
        leader_mps = torch.where(there, speed_mps[self.leader], 0.0)
        return torch.stack(
            (
                there.to(speed_mps.dtype),
                torch.where(there, torch.exp(-gap_m / _NEAR_M), 0.0),
                gap_m / _REACH_M,
                torch.where(there, leader_mps - speed_mps, 0.0) / _MPS,
                leader_mps / _MPS,
            ),
            dim=-1,
        )

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
    scene: Int[Tensor, " n"],
    *,
    frame: AgentFrame,
    size_m: Float[Tensor, "n 2"],
    drives: Bool[Tensor, " n"],
    candidates: Candidates | None = None,
) -> Leaders:
    """The nearest vehicle ahead in the path of each one that moves, where both are if they have kept their velocities.

    Two poses on one circular arc have their chord along the mean of both headings, so what the chord has across that
    mean is how far the leader is beside the path: at most half of both widths and 0.2 m. This holds on straights and in
    bends alike, and a lane aside does not count; nor does whoever heads more than 45 degrees another way. Of several
    that overlap the follower the one that does so most is the nearest.

    Args:
        scene: Scene of each agent, ascending.
        frame: Of each agent.
        size_m: Length and width; zero where unknown.
        drives: Agents that count, both as one and as the other.
        candidates: Look among these pairs alone.
    """
    nobody = torch.arange(scene.shape[0], device=scene.device)
    drives = drives & frame.known & frame.has_axis
    keeps_all = torch.compiler.is_exporting() or candidates is not None  # a graph does, and masks
    among = nobody if keeps_all else drives.nonzero().squeeze(1)
    drives = drives.index_select(0, among)
    velocity_mps = frame.velocity_mps.index_select(0, among)
    origin_m, axis = frame.origin_m.index_select(0, among), frame.axis.index_select(0, among)
    own_m = size_m.index_select(0, among)
    poses = _Poses(
        xy_m=origin_m + rotate(velocity_mps * frame.age_s.index_select(0, among)[:, None], axis),
        axis=axis,
        size_m=torch.stack(
            [torch.where(own > 0.0, own, usual) for own, usual in zip(own_m.unbind(1), _TYPICAL_M, strict=True)], dim=1
        ),
        drives=drives,
        moves=drives & (velocity_mps.norm(dim=-1) > _MOVING_MPS),
    )
    if candidates is None:
        found = [_ahead(pairs, poses=poses) for pairs in candidate_pairs(scene.index_select(0, among))]
    else:
        pairs = candidates.receiver, candidates.sender
        gap_m = torch.where(candidates.there, _gap(pairs, poses=poses), math.inf)
        found = [(*pairs, gap_m)]
    nearest_m = torch.full_like(size_m[:, 0], math.inf)
    if not found:
        return Leaders(leader=nobody, gap_m=nearest_m)
    follower, leader, gap_m = (torch.cat(column) for column in zip(*found, strict=True))
    follower, leader = among.index_select(0, follower), among.index_select(0, leader)
    nearest_m = nearest_m.scatter_reduce(0, follower, gap_m, "amin")
    is_nearest = (gap_m == nearest_m.index_select(0, follower)) & gap_m.isfinite()
    none = scene.shape[0]  # of several that are as near, the first
    first = torch.full_like(nobody, none).scatter_reduce(0, follower, torch.where(is_nearest, leader, none), "amin")
    return Leaders(leader=torch.where(first < none, first, nobody), gap_m=nearest_m.clamp(min=0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Poses:
    """Of agents that count."""

    xy_m: Float[Tensor, "m 2"]
    axis: Float[Tensor, "m 2"]
    size_m: Float[Tensor, "m 2"]
    drives: Bool[Tensor, " m"]
    moves: Bool[Tensor, " m"]


def _ahead(
    pairs: tuple[Int[Tensor, " c"], Int[Tensor, " c"]], *, poses: _Poses
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Float[Tensor, " p"]]:
    """Those of the pairs whose first moves, and has the second ahead in its path; and the gaps."""
    follower, leader = pairs
    chord_m = poses.xy_m.index_select(0, leader) - poses.xy_m.index_select(0, follower)
    most_m = _REACH_M + 2.0 * functional.pad(poses.size_m[:, 0], (0, 1)).amax(dim=0)
    both = poses.moves.index_select(0, follower) & poses.drives.index_select(0, leader)
    near = both & (chord_m.abs().amax(dim=-1) <= most_m)
    kept = near.nonzero().squeeze(1)
    follower, leader = follower.index_select(0, kept), leader.index_select(0, kept)
    gap_m = _gap((follower, leader), poses=poses)
    kept = gap_m.isfinite().nonzero().squeeze(1)
    return follower.index_select(0, kept), leader.index_select(0, kept), gap_m.index_select(0, kept)


def _gap(pairs: tuple[Int[Tensor, " c"], Int[Tensor, " c"]], *, poses: _Poses) -> Float[Tensor, " c"]:
    """From bumper to bumper where a pair's first moves, and has the second ahead in its path; elsewhere infinite.

    Less than zero where the two overlap.
    """
    follower, leader = pairs
    chord_m = poses.xy_m.index_select(0, leader) - poses.xy_m.index_select(0, follower)
    both = poses.moves.index_select(0, follower) & poses.drives.index_select(0, leader)
    own, other = poses.axis.index_select(0, follower), poses.axis.index_select(0, leader)
    length_m, width_m = poses.size_m.index_select(0, follower).unbind(-1)
    other_length_m, other_width_m = poses.size_m.index_select(0, leader).unbind(-1)
    mean = own + other
    x, y = (mean / mean.norm(dim=-1, keepdim=True).clamp(min=1e-6)).unbind(-1)
    along_m = chord_m[:, 0] * x + chord_m[:, 1] * y
    across_m = (chord_m[:, 1] * x - chord_m[:, 0] * y).abs()
    gap_m = along_m - (length_m + other_length_m) / 2.0
    is_ahead = (
        both
        & ((own * other).sum(dim=-1) > math.cos(_MAX_TURN_RAD))
        & (along_m > length_m / 2.0)
        & (across_m <= (width_m + other_width_m) / 2.0 + _ASIDE_M)
        & (gap_m <= _REACH_M)
    )
    return torch.where(is_ahead, gap_m, math.inf)
