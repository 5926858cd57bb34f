"""Which channels of a map tell lights."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Lamp(IntEnum):
    """A colour's channel, counted from the last one."""

    RED = -3
    GREEN = -2
    AMBER = -1


NUM_LAMPS: Final = len(Lamp)
