"""What a CNN that learned to see makes of held-out frames: figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8

from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.config import SceneConfig
from pipeline.pretraining.lessons import SHOWN, UNKNOWN, Lesson
from pipeline.pretraining.pretrain import Pupil, batches

NUM_PICTURES: Final = 4
_BATCH: Final = 16
_COLOURS: Final = ((0, 114, 178), (230, 159, 0), (204, 121, 167))  # RGB, of SHOWN
_DRIVABLE: Final = (0, 158, 115)


@torch.no_grad()
def judge(pupil: Pupil, held_out: Sequence[Lesson], *, taught: Sequence[Lesson], scene: SceneConfig) -> dict[str, Any]:
    """Ask the tasks about frames that were not learned from.

    Args:
        pupil: Trained.
        held_out: Lessons of drives that training did not see.
        taught: Those that it did; how often each manoeuvre happens there is what the Brier scores are compared with.
        scene: Size of the resized frames.

    Returns:
        ``num_frames``; ``cell_iou`` by class: intersection over union of the cells that show it, and that are said to;
        ``drivable_accuracy`` of the ground's cells beside ``drivable_share``, the share of the commoner answer;
        ``depth_error``: the median relative error of agents' distances; ``direction_brier`` and ``pace_brier`` of the
        agents in view, beside ``..._prior``, those of the training split's frequencies. NaN is null.
    """
    pupil = pupil.cpu()  # a fraction of the training's work, and everything else is there
    counts = np.zeros((3, len(SHOWN)))  # both, shown, told
    ground = np.zeros(3)  # right, drivable, all
    depths: list[np.ndarray] = []
    brier: dict[str, list[np.ndarray]] = {"direction": [], "pace": []}
    prior = {name: _frequency(taught, column, num=len(kind)) for column, (name, kind) in enumerate(_KINDS.items())}
    did: dict[str, list[np.ndarray]] = {"direction": [], "pace": []}
    num_frames = 0
    for batch in batches(held_out, scene=scene, stride_px=pupil.backbone.stride_px, size=_BATCH, rng=None):
        told = pupil(batch.images, batch.looks)
        num_frames += len(batch.images)
        said, shown = told.cells.argmax(1).numpy(), batch.cells.numpy()
        for number in range(len(SHOWN)):
            is_shown, is_said = shown == number + 1, said == number + 1
            counts[:, number] += (is_shown & is_said).sum(), is_shown.sum(), is_said.sum()
        known = batch.drivable.numpy() != UNKNOWN
        free, guessed = batch.drivable.numpy()[known] == 1, told.drivable.numpy()[known] > 0.0
        ground += (free == guessed).sum(), free.sum(), len(free)
        seen = batch.looks.own_seen
        depths.append((told.log_depth - batch.log_depth)[seen].expm1().abs().numpy())
        sees = (seen | batch.looks.ahead_seen.any(1)).numpy()
        for column, name in enumerate(_KINDS):
            log_probability = getattr(told.manoeuvres, name)
            true = batch.did[:, column].numpy()
            counted = sees & (true != UNKNOWN)
            brier[name].append(_brier(log_probability.exp().numpy()[counted], true[counted]))
            did[name].append(true[counted])
    found: dict[str, Any] = {
        "num_frames": num_frames,
        "cell_iou": {
            group.name.lower(): _ratio(counts[0, number], counts[1:, number].sum() - counts[0, number])
            for number, group in enumerate(SHOWN)
        },
        "drivable_accuracy": _ratio(ground[0], ground[2]),
        "drivable_share": _ratio(max(ground[1], ground[2] - ground[1]), ground[2]),
        "depth_error": _middle(depths),
    }
    for name in _KINDS:
        found[f"{name}_brier"] = _mean(brier[name])
        true = np.concatenate(did[name]) if did[name] else np.zeros(0, np.int64)
        found[f"{name}_brier_prior"] = _mean([_brier(np.tile(prior[name], (len(true), 1)), true)])
    return found


@torch.no_grad()
def write_pictures(folder: Path, pupil: Pupil, held_out: Sequence[Lesson], *, scene: SceneConfig) -> None:
    """Draw what the CNN sees in some held-out frames, ``frame_1.jpg`` and so on: road users' cells and free ground."""
    step = max(len(held_out) // NUM_PICTURES, 1)
    chosen = held_out[step // 2 :: step][:NUM_PICTURES]
    pupil = pupil.cpu()
    one_by_one = batches(chosen, scene=scene, stride_px=pupil.backbone.stride_px, size=1, rng=None)
    for number, batch in enumerate(one_by_one, start=1):
        told = pupil(batch.images, batch.looks)
        image = rearrange(batch.images[0].numpy(), "c y x -> y x c")
        stride = pupil.backbone.stride_px
        picture = _tinted(
            image, cells=told.cells[0].argmax(0).numpy(), drivable=told.drivable[0].numpy(), stride_px=stride
        )
        cv2.imwrite(str(folder / f"frame_{number}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _tinted(
    image: UInt8[np.ndarray, "y x 3"],
    *,
    cells: Int[np.ndarray, "v u"],
    drivable: Float[np.ndarray, "v u"],
    stride_px: int,
) -> UInt8[np.ndarray, "r s 3"]:
    """The frame at twice its size, with a square of colour for each cell that shows something."""
    picture = cv2.resize(image, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
    tint = picture.copy()
    horizon = cells.shape[0] // 2  # nobody drives in the sky: the task never asked there
    for row, column in np.ndindex(cells.shape):
        middle = 2.0 * (np.asarray([column, row]) * stride_px + 0.5)
        low, high = (middle - stride_px * 0.9).astype(int), (middle + stride_px * 0.9).astype(int)
        if cells[row, column]:
            colour = _COLOURS[cells[row, column] - 1]
        elif row >= horizon and drivable[row, column] > 0.0:
            colour = _DRIVABLE
        else:
            continue
        cv2.rectangle(tint, low.tolist(), high.tolist(), colour, thickness=-1)
    return cv2.addWeighted(picture, 0.6, tint, 0.4, 0.0)


_KINDS: Final = {"direction": Direction, "pace": Pace}


def _frequency(lessons: Sequence[Lesson], column: int, *, num: int) -> Float[np.ndarray, " c"]:
    did = np.concatenate([lesson.did[:, column] for lesson in lessons])
    counts = np.bincount(did[did != UNKNOWN], minlength=num) + 1.0
    return counts / counts.sum()


def _brier(probability: Float[np.ndarray, "n c"], true: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.square(probability - np.eye(probability.shape[1])[true]).sum(axis=1)


def _ratio(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None


def _mean(parts: Sequence[np.ndarray]) -> float | None:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(values.mean()), 4) if len(values) else None


def _middle(parts: Sequence[np.ndarray]) -> float | None:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(np.median(values)), 4) if len(values) else None
