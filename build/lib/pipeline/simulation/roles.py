"""What the face of a body is: the rows of an agent's palette."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """A row of a palette."""

    PAINT = 0
    TRIM = 1
    GLASS = 2
    TYRE = 3
    RIM = 4
    PLATE = 5
    CARGO = 6
    CLOTH = 7
    TROUSERS = 8
    SKIN = 9
    HELMET = 10
    METAL = 11
    # Lights: their colour depends on whether they are on.
    BRAKE = 12
    LEFT = 13
    RIGHT = 14
    HEAD = 15
