"""What the signals that cameras see tell each agent.

A signal can be read from the front alone, so those that are seen hang for who drives as the camera looks. They mean the
same to who comes the other way to the same junction, and the reverse to who crosses: one of two ways has green.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from models.lamps import Lamp

LAMP_SEEN: Final = 0.05  # of all colours together, of 0..1: what is less is no lamp
_ACROSS: Final = math.sin(math.radians(45.0))
_REACH_M: Final = 62.0  # as far as lamps are looked for
_BESIDE_M: Final = 12.0  # who drives further aside is on another road
_ASIDE_M: Final = 20.0  # and who comes the other way; the other half of a road is further off
_PASSED_M: Final = 5.0  # who crossed shortly ago can still be on the line
_JUNCTION_M: Final = 22.0  # where others cross is no further from the lamps
# While one way has red the other has green, mostly; between the two there is amber, and red for all.
_REVERSE_OF_RED: Final = {Lamp.GREEN: 0.6, Lamp.AMBER: 0.2, Lamp.RED: 0.2}


@dataclass(frozen=True, kw_only=True, slots=True)
class RoadLamps:
    """The lamps above the road ahead of m cameras in f slots.

    Attributes:
        lamps: In the order of ``Lamp``; all zero where there is none, or no frame.
        pose: Where the camera is (x, y), in the world, and where it looks.
        ahead_m: How far ahead of it they are.
    """

    lamps: Float[np.ndarray, "m f 3"]
    pose: Float[np.ndarray, "m f 3"]
    ahead_m: Float[np.ndarray, "m f"]


def signals(
    own: Float[np.ndarray, "n f 3"], *, pose: Float[np.ndarray, "n f 3"], cameras: RoadLamps
) -> Float[np.ndarray, "n f 3"]:
    """What each agent's signal shows, in shares.

    By the newest frame, up to that of the slot, whose camera looks at lamps of the junction that the agent comes to:
    whoever drives where a camera is is read almost without error, and most signals face away from all cameras. Where no
    camera does, by the lamps above the agent's own road.

    Args:
        own: What the lamps above its road mean to each agent, in the order of ``Lamp``.
        pose: Where it is (x, y) and where it is headed, in the world; not a number where that is not known.
        cameras: Of the same slots, oldest first.
    """
    shown = own / np.maximum(own.sum(axis=-1, keepdims=True), 1.0)
    total = cameras.lamps.sum(axis=-1)
    lit, share = total > LAMP_SEEN, cameras.lamps / np.maximum(total, LAMP_SEEN)[..., None]
    for slot in range(own.shape[1]):
        for seen in range(slot + 1):  # what is newer goes over what is older
            for camera in np.flatnonzero(lit[:, seen]):
                from_there = cameras.pose[camera, seen]
                concerned = comes_to(pose[:, slot], from_there, ahead_m=float(cameras.ahead_m[camera, seen]))
                turn_rad = from_there[2] - pose[concerned, slot, 2]
                shown[concerned, slot] = told(np.broadcast_to(share[camera, seen], (len(turn_rad), 3)), turn_rad)
    return shown


def told(lamps: Float[np.ndarray, "*n 3"], turn_rad: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3"]:
    """What lamps mean to an agent.

    Args:
        lamps: In the order of ``Lamp``.
        turn_rad: From the agent's heading to that of who drives towards them.
    """
    red, green, amber = (lamps[..., lamp] for lamp in (Lamp.RED, Lamp.GREEN, Lamp.AMBER))
    other = np.stack([red] * 3, axis=-1)
    for lamp, share in _REVERSE_OF_RED.items():
        other[..., lamp] *= share
    other[..., Lamp.RED] += np.maximum(green, amber)
    return np.where(_is_across(turn_rad)[..., None], other, lamps)


def comes_to(
    pose: Float[np.ndarray, "n 3"], camera: Float[np.ndarray, " 3"], *, ahead_m: float
) -> Bool[np.ndarray, " n"]:
    """Who seems to come to the junction at which lamps hang ahead of a camera.

    Args:
        pose: Of agents: where they are (x, y) in the world and where they are headed; not a number where not known.
        camera: Where it is and where it looks.
        ahead_m: How far ahead of it the lamps are.
    """
    turn_rad = pose[:, 2] - camera[2]
    cos, sin = math.cos(camera[2]), math.sin(camera[2])
    x_m, y_m = (pose[:, :2] - camera[:2]).T
    along_m, aside_m = cos * x_m + sin * y_m, cos * y_m - sin * x_m
    beyond_m = along_m - ahead_m
    same = (np.abs(aside_m) <= _BESIDE_M) & (beyond_m <= 0.0) & (beyond_m >= -2.0 * _REACH_M)
    towards = (np.abs(aside_m) <= _ASIDE_M) & (beyond_m >= 0.0) & (beyond_m <= _REACH_M)
    across = _is_across(turn_rad)
    way_m = -aside_m / np.where(across, np.sin(turn_rad), 1.0)  # an agent's to the camera's line
    meets = np.abs(beyond_m + way_m * np.cos(turn_rad)) <= _JUNCTION_M
    crosses = meets & (way_m >= -_PASSED_M) & (way_m <= _REACH_M)
    return np.where(across, crosses, np.where(np.cos(turn_rad) > 0.0, same, towards))


def _is_across(turn_rad: Float[np.ndarray, "*n"]) -> Bool[np.ndarray, "*n"]:
    return np.abs(np.sin(turn_rad)) > _ACROSS
