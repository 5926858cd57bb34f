"""Teach the CNN of the scene features to see, by what the tracks and the map tell of the training split's frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from models.losses import shares
from models.manoeuvre import manoeuvre_loss, mirrored_directions
from models.resnet import SceneBackbone
from models.scene_tasks import Looks, SceneTasks, Told, cell_loss, known_mean
from pipeline.behaviour.manoeuvre import MIRRORED, Direction, Pace
from pipeline.config import PretrainConfig, SceneConfig
from pipeline.drives.image_header import ImageError
from pipeline.errors import InputError
from pipeline.parallel import in_threads
from pipeline.pretraining.lessons import MOTION_WIDTH, SHOWN, UNKNOWN, Lesson
from pipeline.progress import progress_bar
from pipeline.scene.extract import multiplies_bf16, pick_device
from pipeline.scene.images import decode, frame_bytes
from pipeline.scene.sample import HANGING

_CELL_WEIGHTS: Final = (0.5, 1.0, 2.0, 2.0)  # of what a cell shows: nearly all show no road user
_WEIGHTS: Final = {"cells": 1.0, "drivable": 1.0, "depth": 0.5, "manoeuvres": 1.0}
_WIDTH: Final = 64
_GAIN: Final = 0.25  # brightness and contrast change by up to this share


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some lessons as tensors: f frames and n agents in them."""

    images: UInt8[Tensor, "f 3 y x"]
    looks: Looks
    cells: Int[Tensor, "f v u"]
    drivable: Int[Tensor, "f v u"]
    log_depth: Float[Tensor, " n"]
    did: Int[Tensor, "n 2"]

    def to(self, device: str) -> Batch:
        """The same on another device."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "looks"}
        looks = {f.name: getattr(self.looks, f.name).to(device) for f in fields(self.looks)}
        return Batch(**moved, looks=Looks(**looks))


class Pupil(nn.Module):
    """A CNN that is trained, with its tasks: the backbone is frozen everywhere else.

    Args:
        backbone: Whose network and projection learn.
    """

    def __init__(self, backbone: SceneBackbone) -> None:
        super().__init__()
        self.backbone = backbone
        backbone.network.requires_grad_(True)
        backbone.projection.requires_grad_(True)
        self.tasks = SceneTasks(
            channels=backbone.channels,
            num_classes=len(SHOWN) + 1,
            motion_width=MOTION_WIDTH,
            num_directions=len(Direction),
            num_paces=len(Pace),
            width=_WIDTH,
        )

    def learning(self, mode: bool) -> None:  # noqa: FBT001  (as torch's train)
        """Take batch statistics of the network, which ``SceneBackbone`` itself never does."""
        self.backbone.network.train(mode)
        self.tasks.train(mode)

    def forward(self, images: Tensor, looks: Looks) -> Told:
        """Tell what frames show."""
        return self.tasks(self.backbone(images), looks)


def pretrain(
    backbone: SceneBackbone, lessons: Sequence[Lesson], *, scene: SceneConfig, config: PretrainConfig, device: str
) -> Pupil:
    """Train the backbone in place.

    Frames that cannot be read are left out; the scene features name them. Half of the frames are mirrored, and
    brightness and contrast vary.

    Args:
        backbone: From ``make_backbone``, with the weights to start from.
        lessons: Of the training split, and of no other.
        scene: Size of the resized frames.
        config: The recipe.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The backbone with its tasks, which ``judge`` asks; in evaluation mode.

    Raises:
        InputError: The loss became infinite, or there is no such device.
    """
    where = pick_device(device)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        pupil = Pupil(backbone).to(where, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimizer = torch.optim.AdamW(
            [parameter for parameter in pupil.parameters() if parameter.requires_grad],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        rng = np.random.default_rng(config.seed)
        num_steps = config.epochs * math.ceil(len(lessons) / config.batch_size)
        pupil.learning(True)
        with progress_bar() as bar:
            task, step = bar.add_task("pretrain the CNN, steps", total=num_steps), 0
            for _ in range(config.epochs):
                order = [lessons[int(i)] for i in rng.permutation(len(lessons))]
                for batch in batches(order, scene=scene, stride_px=backbone.stride_px, size=config.batch_size, rng=rng):
                    share = min(step / num_steps, 1.0)
                    warm = min(1.0, (step + 1) / 20.0)
                    for group in optimizer.param_groups:
                        group["lr"] = config.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * share))
                    loss = _step(pupil, batch, device=where, half=scene.precision == "bf16" and multiplies_bf16(where))
                    loss.backward()
                    norm = nn.utils.clip_grad_norm_(pupil.parameters(), 5.0)
                    if not bool(torch.isfinite(norm)):
                        raise InputError("pretrain_scene", "the loss became infinite", "lower its learning_rate")
                    optimizer.step()
                    optimizer.zero_grad()
                    step += 1
                    bar.advance(task)
    pupil.learning(False)
    backbone.requires_grad_(False)
    return pupil


def _step(pupil: Pupil, batch: Batch, *, device: str, half: bool) -> Tensor:
    batch = batch.to(device)
    with torch.autocast(device, torch.bfloat16, enabled=half):
        maps = pupil.backbone(batch.images)
    told = pupil.tasks(maps, batch.looks)
    return sum((_WEIGHTS[name] * loss for name, loss in losses(told, batch).items()), start=maps.new_zeros(()).float())


def losses(told: Told, batch: Batch) -> dict[str, Tensor]:
    """Every task's loss, a scalar."""
    seen = batch.looks.own_seen
    known = batch.drivable != UNKNOWN
    drivable = functional.binary_cross_entropy_with_logits(
        told.drivable, batch.drivable.clamp(min=0).float(), reduction="none"
    )
    depth = functional.smooth_l1_loss(told.log_depth, batch.log_depth, reduction="none", beta=0.1)
    sees = seen | batch.looks.ahead_seen.any(dim=1)
    return {
        "cells": cell_loss(told.cells, batch.cells, weight=torch.tensor(_CELL_WEIGHTS, device=told.cells.device)),
        "drivable": known_mean(drivable, known),
        "depth": known_mean(depth, seen),
        "manoeuvres": manoeuvre_loss(
            told.manoeuvres, batch.did, share=shares(sees[:, None] * (batch.did >= 0).float())
        ),
    }


def batches(
    lessons: Sequence[Lesson], *, scene: SceneConfig, stride_px: int, size: int, rng: np.random.Generator | None
) -> Iterator[Batch]:
    """Lessons in their order, so many at a time, with their frames.

    Args:
        lessons: What to take.
        scene: Size of the resized frames.
        stride_px: Resized pixels from one cell of a map to the next.
        size: Frames at a time.
        rng: Mirrors frames and changes their light; None leaves them as they are.
    """

    def read(lesson: Lesson) -> tuple[Lesson, UInt8[np.ndarray, "y x 3"]] | None:
        try:
            content = frame_bytes(lesson.folder, lesson.path)
            image = decode(content, camera=lesson.camera, width_px=scene.width_px, height_px=scene.height_px)
        except ImageError:
            return None
        return lesson, image

    waiting: list[tuple[Lesson, UInt8[np.ndarray, "y x 3"]]] = []
    for one in in_threads(read, lessons, ahead=2 * size):
        if one is not None:
            waiting.append(one)
        if len(waiting) == size:
            yield _collate(waiting, stride_px=stride_px, rng=rng)
            waiting.clear()
    if len(waiting) > 1 or (waiting and rng is None):  # one frame alone has no batch statistics
        yield _collate(waiting, stride_px=stride_px, rng=rng)


def mirrored_cells(labels: Int[Tensor, "f v u"], *, last_cell: float) -> Int[Tensor, "f v u"]:
    """Labels of the cells of mirrored frames: of each, those of the cell nearest to its place in the frame as it was.

    Args:
        labels: Of the frames as they were.
        last_cell: Where the last pixel lies, in cells.
    """
    columns = round(last_cell) - torch.arange(labels.shape[2])
    there = (columns >= 0) & (columns < labels.shape[2])
    return torch.where(there, labels[:, :, columns.clamp(0, labels.shape[2] - 1)], UNKNOWN)


def _collate(
    pairs: Sequence[tuple[Lesson, UInt8[np.ndarray, "y x 3"]]], *, stride_px: int, rng: np.random.Generator | None
) -> Batch:
    lessons = [lesson for lesson, _ in pairs]
    images = np.stack([image for _, image in pairs])
    counts = [len(lesson.own_cell) for lesson in lessons]
    frame = np.repeat(np.arange(len(lessons)), counts)

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(lesson, name) for lesson in lessons]))

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(lesson, name) for lesson in lessons]))

    mirrored = np.zeros(len(lessons), np.bool_)
    if rng is not None:
        mirrored = rng.random(len(lessons)) < 0.5
        gain = 1.0 + _GAIN * rng.uniform(-1.0, 1.0, (2, len(lessons), 1, 1, 1)).astype(np.float32)
        mean = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
        images = np.clip((images - mean) * gain[0] + mean * gain[1], 0.0, 255.0).astype(np.uint8)
        images[mirrored] = images[mirrored, :, ::-1]
    flips = torch.from_numpy(mirrored)
    cells, drivable, did = stacked("cells"), stacked("drivable"), joined("did")
    own, ahead = joined("own_cell").clone(), joined("ahead_cell").clone()
    last_cell = (images.shape[2] - 1) / stride_px  # cell 0 is centred on pixel 0; this is where the last pixel lies
    cells[flips], drivable[flips] = (mirrored_cells(each[flips], last_cell=last_cell) for each in (cells, drivable))
    agent_flips = flips[torch.from_numpy(frame)]
    own[agent_flips, 0] = last_cell - own[agent_flips, 0]
    ahead[agent_flips, :, 0] = last_cell - ahead[agent_flips, :, 0]
    did[:, 0] = mirrored_directions(did[:, 0], mirror=agent_flips, counterpart=torch.tensor(MIRRORED))
    return Batch(
        images=torch.from_numpy(np.ascontiguousarray(rearrange(images, "f y x c -> f c y x"))),
        looks=Looks(
            frame=torch.from_numpy(frame),
            own_cell=own,
            own_seen=joined("own_seen"),
            ahead_cell=ahead,
            ahead_seen=joined("ahead_seen"),
            hanging=torch.from_numpy(HANGING),
            motion=joined("motion"),
        ),
        cells=cells,
        drivable=drivable,
        log_depth=joined("log_depth"),
        did=did,
    )
