"""What a CNN's maps must tell while it learns to see: layers that are thrown away afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from models.batch import Manoeuvres
from models.lamps import NUM_LAMPS
from models.manoeuvre import ManoeuvreHead
from models.precision import at_least_single


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """Where n agents, and points on the road ahead of them, lie in the maps of f frames.

    Attributes:
        frame: Number of each agent's frame.
        own_cell: Place of the agent in map cells (x, y), fractional.
        own_seen: It lies in the frame.
        ahead_cell: Places of q points on the road ahead.
        ahead_seen: They lie in the frame.
        hanging: Which of the points are above the road: lamps count there alone.
        motion: Velocity and the like of the agent: what tracks tell and frames need not.
    """

    frame: Int[Tensor, " n"]
    own_cell: Float[Tensor, "n 2"]
    own_seen: Bool[Tensor, " n"]
    ahead_cell: Float[Tensor, "n q 2"]
    ahead_seen: Bool[Tensor, "n q"]
    hanging: Bool[Tensor, " q"]
    motion: Float[Tensor, "n s"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the maps tell of f frames and n agents.

    Attributes:
        cells: Logits of what each cell shows: nothing of this, or one of the classes of road users.
        drivable: Logits of whether the ground that each cell shows can be driven on.
        log_depth: Logarithm of the distance in metres along the optical axis, of agents that are seen.
        manoeuvres: Of what each agent does next.
    """

    cells: Float[Tensor, "f c y x"]
    drivable: Float[Tensor, "f y x"]
    log_depth: Float[Tensor, " n"]
    manoeuvres: Manoeuvres


class SceneTasks(nn.Module):
    """Heads on maps.

    Args:
        channels: Of the maps.
        num_classes: What a cell can show, nothing included.
        motion_width: Of ``Looks.motion``.
        num_directions: Classes of directions.
        num_paces: Classes of paces.
        width: Of the layer that tells manoeuvres.
    """

    def __init__(
        self, *, channels: int, num_classes: int, motion_width: int, num_directions: int, num_paces: int, width: int
    ) -> None:
        super().__init__()
        self.cells = nn.Conv2d(channels, num_classes, 1)
        self.drivable = nn.Conv2d(channels, 1, 1)
        self.depth = nn.Linear(channels, 1)
        self.manoeuvres = ManoeuvreHead(
            in_width=3 * channels + 2 + motion_width,
            width=width,
            num_directions=num_directions,
            num_paces=num_paces,
            dropout=0.0,
        )

    def forward(self, maps: Float[Tensor, "f c y x"], looks: Looks) -> Told:
        """Tell what maps show."""
        maps = at_least_single(maps)
        own = sample_cells(maps, frame=looks.frame, cell=looks.own_cell) * looks.own_seen[:, None]
        num_points = looks.ahead_cell.shape[1]
        ahead = sample_cells(
            maps, frame=looks.frame.repeat_interleave(num_points), cell=looks.ahead_cell.flatten(0, 1)
        ).unflatten(0, (-1, num_points))
        ahead = ahead.masked_fill(~looks.ahead_seen[..., None], -torch.inf)
        there = looks.ahead_seen.any(dim=1)
        lamps = ahead[:, looks.hanging, -NUM_LAMPS:].amax(dim=1).clamp(min=0.0)
        ahead = torch.cat((torch.where(there[:, None], ahead.amax(dim=1)[:, :-NUM_LAMPS], 0.0), lamps), dim=-1)
        whole = maps.mean((2, 3))[looks.frame]
        flags = torch.stack((looks.own_seen, there), dim=-1).to(own.dtype)
        return Told(
            cells=self.cells(maps),
            drivable=self.drivable(maps).squeeze(1),
            log_depth=self.depth(own).squeeze(1),
            manoeuvres=self.manoeuvres(torch.cat((own, ahead, whole, flags, looks.motion), dim=-1)),
        )


def sample_cells(
    maps: Float[Tensor, "f c y x"], *, frame: Int[Tensor, " n"], cell: Float[Tensor, "n 2"]
) -> Float[Tensor, "n c"]:
    """Interpolate maps between the centres of cells, as ``pipeline.scene.sample`` does, with gradients.

    Args:
        maps: Of the frames.
        frame: Whose map.
        cell: Where in it (x, y); beyond the outermost centres the outermost cells count.
    """
    last = torch.tensor([maps.shape[3] - 1, maps.shape[2] - 1], device=maps.device)
    cell = torch.minimum(cell.clamp(min=0.0), last.to(cell.dtype))
    low = cell.floor().long()
    high = torch.minimum(low + 1, last)
    (share_x, share_y), total = (cell - low).unbind(-1), 0.0
    for x, along_x in ((low[:, 0], 1.0 - share_x), (high[:, 0], share_x)):
        for y, along_y in ((low[:, 1], 1.0 - share_y), (high[:, 1], share_y)):
            total = total + maps[frame, :, y, x] * (along_x * along_y)[:, None]
    assert isinstance(total, Tensor)
    return total


def cell_loss(
    logits: Float[Tensor, "f c y x"], shown: Int[Tensor, "f y x"], *, weight: Float[Tensor, " c"]
) -> Float[Tensor, ""]:
    """Cross-entropy in nats per cell; minus one is not known, and counts for nothing.

    Args:
        logits: Of what each cell shows.
        shown: What it does show.
        weight: Of each class.
    """
    return functional.cross_entropy(logits, shown, weight=weight, ignore_index=-1)


def known_mean(values: Float[Tensor, "*n"], known: Bool[Tensor, "*n"]) -> Float[Tensor, ""]:
    """Mean of what is known; zero where nothing is."""
    return (values * known).sum() / known.sum().clamp(min=1)
