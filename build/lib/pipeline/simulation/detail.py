"""How finely a body is made, by the size at which it is seen."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

_FINE_M: Final = 42.0
_PLAIN_M: Final = 65.0


class Detail(IntEnum):
    """Of a body's mesh."""

    FAR = 0  # a few faces of the right size and colours, and the lights
    PLAIN = 1  # with wheels, flank lights, arms and legs
    FINE = 2  # with panes, rims and plates


def detail_at(distance_m: float) -> Detail:
    """What is worth drawing at this distance from the camera."""
    if distance_m < _FINE_M:
        return Detail.FINE
    return Detail.PLAIN if distance_m < _PLAIN_M else Detail.FAR
