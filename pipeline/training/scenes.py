"""Windows as tensors on one device; a batch is a gather of scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from models.batch import Future, Observed
from models.pairs import Candidates
from pipeline.drives.categories import Category
from pipeline.windows.windows import PER_SCENE, Windows
from pipeline.windows.windows import Observed as ObservedArrays

_OBSERVED, _FUTURE = (tuple(f.name for f in fields(kind)) for kind in (Observed, Future))


def observed_tensors(observed: ObservedArrays) -> Observed:
    """The same as tensors; features stay in the precision that they are stored in."""
    arrays = {f.name: np.array(getattr(observed, f.name)) for f in fields(Observed)}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tensors["scene"], tensors["category"] = tensors["scene"].long(), tensors["category"].long()
    return Observed(**tensors)


def is_scored(observed: Observed) -> Bool[Tensor, " n"]:
    """Agents that are trained on: known at two steps at least, and able to move."""
    return (observed.valid.sum(dim=1) >= 2) & (observed.category != int(Category.STATIC))


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What fits into a batch whose shapes do not hang on what is in it.

    Attributes:
        scenes: So many, of which the last one stays empty.
        agents: In all scenes together.
        pairs: Of different agents of one scene.
    """

    scenes: int
    agents: int
    pairs: int

    @staticmethod
    def around(batches: Iterable[Int[Tensor, " b"]]) -> Room:
        """No more than the largest of the batches needs, each told by the numbers of agents in its scenes."""
        scenes = agents = pairs = 1
        for sizes in batches:
            scenes = max(scenes, len(sizes) + 1)
            agents = max(agents, int(sizes.sum()))
            pairs = max(pairs, int((sizes * (sizes - 1)).sum()))
        return Room(scenes=scenes, agents=agents, pairs=pairs)

    def holds(self, sizes: Int[Tensor, " b"]) -> bool:
        """A batch fits."""
        needed = Room.around([sizes])
        return needed.scenes <= self.scenes and needed.agents <= self.agents and needed.pairs <= self.pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """The agents of some scenes.

    Attributes:
        scene: The place of each one's scene among these, ascending.
        agent: Its own number among all agents.
        there: Which of them count; None: all.
        candidates: Their pairs, in a fixed number of places; None: whoever needs them finds them.
    """

    scene: Int[Tensor, " n"]
    agent: Int[Tensor, " n"]
    there: Bool[Tensor, " n"] | None = None
    candidates: Candidates | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneTensors:
    """All scenes of some windows on one device.

    Attributes:
        observed: Of all agents of all scenes.
        future: Likewise.
        offset: Agents of scene i are ``offset[i]:offset[i + 1]``.
    """

    observed: Observed
    future: Future
    offset: Int[Tensor, " b_plus_1"]

    @staticmethod
    def of(windows: Windows, *, device: str | torch.device) -> SceneTensors:
        """Copy windows to a device."""
        future = {
            f.name: torch.from_numpy(np.array(getattr(windows.future, f.name))).to(device) for f in fields(Future)
        }
        return SceneTensors(
            observed=observed_tensors(windows.observed).to(str(device)),
            future=Future(**future),
            offset=torch.from_numpy(np.array(windows.index.agent_offset)).long().to(device),
        )

    def members(self, scenes: Int[Tensor, " b"], *, room: Room | None = None) -> Members:
        """The agents of some scenes.

        Args:
            scenes: Their numbers; a number that no scene has is an empty one.
            room: Give as many as fit: shapes then do not hang on the data, and the device is not waited for.
        """
        offset = functional.pad(self.offset, (0, 1), value=len(self.observed.scene))
        starts = offset[scenes]
        counts = offset[scenes + 1] - starts
        begins = counts.cumsum(0) - counts
        if room is None:
            scene = torch.repeat_interleave(torch.arange(len(scenes), device=scenes.device), counts)
            within = torch.arange(len(scene), device=scenes.device) - begins[scene]
            return Members(scene=scene, agent=starts[scene] + within)
        scene, within, there = _places(counts, number=room.agents)
        others = torch.where(there, counts[scene] - 1, 0)
        receiver, place, is_pair = _places(others, number=room.pairs)
        sender = begins[scene[receiver]] + place
        sender = torch.where(is_pair, sender + (sender >= receiver), 0)
        return Members(
            scene=scene,
            agent=torch.where(there, starts[scene] + within, 0),
            there=there,
            candidates=Candidates(receiver=receiver, sender=sender, there=is_pair),
        )

    def gather(self, scenes: Int[Tensor, " b"], *, members: Members | None = None) -> tuple[Observed, Future]:
        """The agents of some scenes, scenes renumbered in the given order, features in single precision.

        Args:
            scenes: Their numbers.
            members: Their agents; nobody was or will be anywhere who is not there. By default they are found here.
        """
        members = self.members(scenes) if members is None else members
        index = scenes.clamp(max=len(self.offset) - 2)
        observed = {
            name: getattr(self.observed, name)[index if name in PER_SCENE else members.agent]
            for name in _OBSERVED
            if name != "scene"
        }
        for name in ("agent_feature", "ahead_feature", "frame_feature"):
            observed[name] = observed[name].float()
        future = {name: getattr(self.future, name)[members.agent] for name in _FUTURE}
        if members.there is not None:
            for name in ("valid", "heading_valid", "agent_feature_valid", "ahead_feature_valid"):
                observed[name] = observed[name] & members.there[:, None]
            future["valid"] = future["valid"] & members.there[:, None]
        return Observed(scene=members.scene, **observed), Future(**future)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One of the parts in which a batch goes through the model, one after the other or in several processes.

    Attributes:
        number: Of this one.
        count: Of all.
        seed: What is drawn for the batch follows from it, the same for all parts.
    """

    number: int
    count: int
    seed: int

    def of(self, observed: Observed, future: Future) -> tuple[Observed, Future, Int[Tensor, " m"]]:
        """The whole scenes that are this part's, renumbered, and which agents of the batch these are."""
        sizes = torch.bincount(observed.scene, minlength=len(observed.frame_feature_valid))
        batch = SceneTensors(observed=observed, future=future, offset=functional.pad(sizes.cumsum(0), (1, 0)))
        parts = torch.tensor(balanced(sizes.tolist(), count=self.count), device=sizes.device)
        mine = (parts == self.number).nonzero().squeeze(1)
        members = batch.members(mine)
        return *batch.gather(mine, members=members), members.agent


def _places(
    counts: Int[Tensor, " m"], *, number: int
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Bool[Tensor, " p"]]:
    """Of each of so many places, whose it is, the how manieth of these, and whether it is anybody's: or the last's."""
    ends, place = counts.cumsum(0), torch.arange(number, device=counts.device)
    owner = torch.searchsorted(ends, place, right=True).clamp(max=len(counts) - 1)
    return owner, place - (ends - counts)[owner], place < ends[-1]


def own_parts(accumulate: int, *, rank: int, world: int, seed: int) -> Sequence[Part | None]:
    """In which parts a process sends a batch through the model; None: whole.

    Args:
        accumulate: How many parts each process takes.
        rank: Number of the process.
        world: How many there are.
        seed: Of the batch.
    """
    count = accumulate * world
    return [
        Part(number=rank * accumulate + k, count=count, seed=seed) if count > 1 else None for k in range(accumulate)
    ]


def balanced(sizes: Sequence[int], *, count: int) -> list[int]:
    """Which of so many parts each size goes to, so that all parts' sums are alike: the largest first, to the least."""
    parts, sums = [0] * len(sizes), [0] * count
    for number in sorted(range(len(sizes)), key=lambda each: -sizes[each]):
        parts[number] = sums.index(min(sums))
        sums[parts[number]] += sizes[number]
    return parts


def truncate(observed: Observed, *, is_cut: Bool[Tensor, " n"], share: Float[Tensor, " n"]) -> Observed:
    """Take the first part of some agents' histories away; the last two steps always stay.

    Args:
        observed: The agents.
        is_cut: Whose.
        share: How much of what may go, below one.
    """
    num_steps = observed.valid.shape[1]
    first = torch.where(is_cut, (share * (num_steps - 1)).long(), 0)
    kept = torch.arange(num_steps, device=first.device) >= first[:, None]
    return replace(observed, valid=observed.valid & kept, heading_valid=observed.heading_valid & kept)


def drop(observed: Observed, *, is_dropped: Bool[Tensor, "n t"]) -> Observed:
    """Take single observations away, the last ones too; whoever had two keeps two.

    Args:
        observed: The agents.
        is_dropped: Which steps of whom.
    """
    kept = observed.valid & ~is_dropped
    kept = torch.where((kept.sum(dim=1) >= 2)[:, None], kept, observed.valid)
    return replace(observed, valid=kept, heading_valid=observed.heading_valid & kept)


def jitter(observed: Observed, *, noise_m: Float[Tensor, "n t 2"]) -> Observed:
    """Move the observed positions by noise; headings of pedestrians, which come from their motion, move with them."""
    xy_m = observed.xy_m + noise_m
    before, after = observed.xy_m.diff(dim=1), xy_m.diff(dim=1)
    turned = torch.atan2(after[..., 1], after[..., 0]) - torch.atan2(before[..., 1], before[..., 0])
    walks = (observed.category == int(Category.PEDESTRIAN))[:, None] & observed.valid[:, 1:] & observed.valid[:, :-1]
    heading_rad = observed.heading_rad.clone()
    heading_rad[:, 1:] += torch.where(walks, turned, 0.0)
    return replace(observed, xy_m=xy_m, heading_rad=heading_rad)


def augment(
    observed: Observed, future: Future, *, mirror: Bool[Tensor, " b"], scale: Float[Tensor, " b"]
) -> tuple[Observed, Future]:
    """Mirror some scenes along y and scale each; turning them would change nothing, every agent has its own frame."""
    sign = torch.where(mirror, -1.0, 1.0)[observed.scene]
    factor = torch.stack((scale[observed.scene], scale[observed.scene] * sign), dim=-1)[:, None]
    observed = replace(
        observed,
        xy_m=observed.xy_m * factor,
        heading_rad=observed.heading_rad * sign[:, None],
        size_m=observed.size_m * scale[observed.scene][:, None],
    )
    future = replace(future, xy_m=future.xy_m * factor, heading_rad=future.heading_rad * sign[:, None])
    return observed, future
