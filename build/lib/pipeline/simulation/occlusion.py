"""What a sensor on the ego's roof sees of the boxes around it, over and past one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_SECTORS: Final = 1440  # of a quarter of a degree: 30 cm at 70 m
_SECTOR_RAD: Final = 2.0 * np.pi / NUM_SECTORS
_AZIMUTH_RAD: Final = (np.arange(NUM_SECTORS) + 0.5) * _SECTOR_RAD
_RAYS: Final = np.stack([np.cos(_AZIMUTH_RAD), np.sin(_AZIMUTH_RAD)], axis=1)
_LEAST_M: Final = 0.1  # no box is taken as nearer than this
_STEEPEST: Final = 1e3  # bound of a slope
_APART: Final = 1e4  # sectors are told apart by this much slope; more than twice the steepest


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """What stands around the sensor at one time, upright on the ground.

    Attributes:
        corners_m: Footprints, convex, counter-clockwise, in the world.
        height_m: Of their tops.
        hides: Whether one covers what is behind it.
    """

    corners_m: Float[np.ndarray, "n 4 2"]
    height_m: Float[np.ndarray, " n"]
    hides: Bool[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """How the sensor sees each box.

    Attributes:
        share: Of its silhouette that nothing covers, in [0, 1].
        width_rad: Horizontal angle that it takes, covered or not.
    """

    share: Float[np.ndarray, " n"]
    width_rad: Float[np.ndarray, " n"]


def view(boxes: Boxes, *, sensor_m: Float[np.ndarray, " 3"]) -> Views:
    """See every box from a sensor.

    One ray goes through the middle of each of ``NUM_SECTORS`` sectors. Along it, a box covers what is behind it up
    to the line of sight over its top: a low car does not cover a bus.

    Args:
        boxes: None of them holds the sensor.
        sensor_m: The sensor's place.
    """
    offset = boxes.corners_m - sensor_m[:2]
    centre = offset.mean(axis=1)
    azimuth = np.arctan2(centre[:, 1], centre[:, 0])
    # Corners turned into the direction of the centre, so that no box straddles the cut at pi.
    cos, sin = np.cos(azimuth)[:, None], np.sin(azimuth)[:, None]
    along, aside = cos * offset[..., 0] + sin * offset[..., 1], cos * offset[..., 1] - sin * offset[..., 0]
    angle = np.arctan2(aside, along)
    low, high = angle.min(axis=1), angle.max(axis=1)
    first = np.ceil((azimuth + low) / _SECTOR_RAD - 0.5).astype(np.int64)
    last = np.floor((azimuth + high) / _SECTOR_RAD - 0.5).astype(np.int64)
    missed = last < first  # narrower than a sector: the one that its centre lies in
    first[missed] = last[missed] = np.floor(azimuth[missed] / _SECTOR_RAD).astype(np.int64)

    counts = last - first + 1
    box = np.repeat(np.arange(len(counts)), counts)
    sector = (np.arange(len(box)) + np.repeat(first - np.cumsum(counts) + counts, counts)) % NUM_SECTORS
    enter, leave = _cross(offset, box=box, ray=_RAYS[sector], otherwise_m=np.hypot(*centre.T))

    over = boxes.height_m[box] - sensor_m[2]
    slope = np.clip(np.maximum(over / enter, over / leave), -_STEEPEST, _STEEPEST)
    slope[~boxes.hides[box]] = -_STEEPEST
    # The steepest line over anything nearer in the same sector: a running maximum that starts anew with each sector.
    order = np.lexsort((enter, sector))
    highest = np.maximum.accumulate(sector[order] * _APART + slope[order])
    nearer = np.empty(len(box))
    nearer[order] = np.concatenate([[-_APART], highest[:-1]])[: len(box)] - sector[order] * _APART

    covered_m = sensor_m[2] + np.maximum(nearer, -_STEEPEST) * enter
    clear = np.clip(1.0 - covered_m / boxes.height_m[box], 0.0, 1.0)
    return Views(share=np.bincount(box, clear, minlength=len(counts)) / counts, width_rad=high - low)


def _cross(
    offset_m: Float[np.ndarray, "n 4 2"],
    *,
    box: Int[np.ndarray, " r"],
    ray: Float[np.ndarray, "r 2"],
    otherwise_m: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    """Where rays from the origin enter and leave their footprints; at ``otherwise_m`` where they miss them."""
    edge = np.roll(offset_m, -1, axis=1) - offset_m
    normal = np.stack([edge[..., 1], -edge[..., 0]], axis=-1)  # outward
    reach = (normal * offset_m).sum(axis=-1)[box]
    closing = normal[box, :, 0] * ray[:, :1] + normal[box, :, 1] * ray[:, 1:]
    distance = reach / np.where(closing == 0.0, np.inf, closing)
    enter = np.where(closing < 0.0, distance, -np.inf).max(axis=1)
    leave = np.where(closing > 0.0, distance, np.inf).min(axis=1)
    hit = (enter <= leave) & np.isfinite(enter) & np.isfinite(leave)
    enter = np.maximum(np.where(hit, enter, otherwise_m[box]), _LEAST_M)
    return enter, np.maximum(np.where(hit, leave, otherwise_m[box]), enter)


def footprints(
    centre_m: Float[np.ndarray, "n 2"],
    *,
    heading_rad: Float[np.ndarray, " n"],
    length_m: Float[np.ndarray, " n"],
    width_m: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 4 2"]:
    """The corners of boxes, counter-clockwise from the front right one."""
    ahead = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=-1) * length_m[:, None] / 2.0
    left = np.stack([-np.sin(heading_rad), np.cos(heading_rad)], axis=-1) * width_m[:, None] / 2.0
    return centre_m[:, None] + np.stack([ahead - left, ahead + left, -ahead + left, -ahead - left], axis=1)
