"""What the signals that cameras see tell each agent.

A signal can be read from the front alone, so those that are seen hang for who drives as the camera looks. They mean the
same to who comes the other way to the same junction, and the reverse to who crosses: one of two ways has green.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from models.lamps import Lamp

LAMP_SEEN: Final = 0.05  # of all colours together, of 0..1: what is less is no lamp
_OWN: Final = 2.0  # what hangs over one's own road counts as that over the roads of so many others
_CAMERA: Final = 4.0  # and that over the road of a camera, which looks straight at it, as so many
_ACROSS: Final = math.sin(math.radians(45.0))
_REACH_M: Final = 62.0  # as far as lamps are looked for
_PASSED_M: Final = 5.0  # a line that was crossed so shortly ago still tells
_ASIDE_M: Final = 20.0  # who drives further aside is on another road
_JUNCTION_M: Final = 20.0  # two who meet and are nearer than this have no stop lines between them


def signals(
    own: Float[np.ndarray, "n f 3"],
    *,
    pose: Float[np.ndarray, "n f 3"],
    cameras: Float[np.ndarray, "m f 3"],
    camera_pose: Float[np.ndarray, "m f 3"],
) -> Float[np.ndarray, "n f 3"]:
    """A vote on what each agent's signal shows, by the lamps above its own road and above those of all who share it.

    Most signals face away from the cameras, and are told by those that do not.

    Args:
        own: What the lamps above its road mean to each agent, in the order of ``Lamp``.
        pose: Where it is (x, y) and where it is headed, in the world; not a number where that is not known.
        cameras: The lamps above the road ahead of each camera.
        camera_pose: Where it is, and where it looks.

    Returns:
        Shares of the votes, or the votes themselves if they are less than one.
    """
    shown, seen_from = np.concatenate([cameras, own]), np.concatenate([camera_pose, pose])
    pose = np.broadcast_to(pose[:, None], (len(pose), *seen_from.shape))
    shared = share_signal(pose, seen_from) & (shown.sum(axis=-1) > LAMP_SEEN)
    others = told(np.broadcast_to(shown, pose.shape), seen_from[..., 2] - pose[..., 2])
    weight = np.where(shared, np.where(np.arange(len(shown)) < len(cameras), _CAMERA, 1.0)[:, None], 0.0)
    votes = (others * weight[..., None]).sum(axis=1) + (_OWN - 1.0) * own  # everybody shares its own
    return votes / np.maximum(votes.sum(axis=-1, keepdims=True), 1.0)


def told(lamps: Float[np.ndarray, "*n 3"], turn_rad: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3"]:
    """What lamps mean to an agent.

    Args:
        lamps: In the order of ``Lamp``.
        turn_rad: From the agent's heading to that of who drives towards them.
    """
    red, green, amber = (lamps[..., lamp] for lamp in (Lamp.RED, Lamp.GREEN, Lamp.AMBER))
    other = np.empty_like(lamps)
    other[..., Lamp.RED], other[..., Lamp.GREEN], other[..., Lamp.AMBER] = np.maximum(green, amber), red, 0.0
    return np.where(_is_across(turn_rad)[..., None], other, lamps)


def share_signal(pose: Float[np.ndarray, "*n 3"], other: Float[np.ndarray, "*#n 3"]) -> Bool[np.ndarray, "*n"]:
    """Whether the junction ahead of a camera, or of another agent, seems to be the one ahead of an agent.

    Args:
        pose: Of the agent: where it is (x, y) in the world and where it is headed.
        other: Of the other.
    """
    turn_rad = other[..., 2] - pose[..., 2]
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    x_m, y_m = np.moveaxis(other[..., :2] - pose[..., :2], -1, 0)
    ahead_m, aside_m = cos * x_m + sin * y_m, cos * y_m - sin * x_m
    beside = np.abs(aside_m) <= _ASIDE_M
    along = beside & (np.abs(ahead_m) <= _REACH_M)
    towards = beside & (ahead_m >= _JUNCTION_M) & (ahead_m <= 2.0 * _REACH_M)
    across = _is_across(turn_rad)
    others_m = -aside_m / np.where(across, np.sin(turn_rad), 1.0)  # the other's way to the agent's line
    own_m = ahead_m + others_m * np.cos(turn_rad)  # and the agent's to the other's
    meets = (np.minimum(others_m, own_m) >= -_PASSED_M) & (np.maximum(others_m, own_m) <= _REACH_M)
    return np.where(across, meets, np.where(np.cos(turn_rad) > 0.0, along, towards))


def _is_across(turn_rad: Float[np.ndarray, "*n"]) -> Bool[np.ndarray, "*n"]:
    return np.abs(np.sin(turn_rad)) > _ACROSS
