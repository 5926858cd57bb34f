"""The one set of agent categories that every raw format is mapped to."""

from __future__ import annotations

from enum import IntEnum


class Category(IntEnum):
    """What a road user is. The number is what windows and weights store: append, never renumber."""

    VEHICLE = 0  # a motor vehicle whose kind the source does not tell
    CAR = 1
    VAN = 2
    TRUCK = 3
    BUS = 4
    TRAILER = 5
    MOTORCYCLE = 6
    BICYCLE = 7
    PEDESTRIAN = 8
    STATIC = 9  # cones, barriers, signs: context, never a mover
    OTHER = 10  # animals, wheelchairs, whatever fits nowhere above

    @property
    def group(self) -> Group:
        """The coarse class by which results are reported."""
        return _GROUP_OF[self]


class Group(IntEnum):
    """The coarse classes by which results are reported."""

    VEHICLE = 0
    TWO_WHEELER = 1
    PEDESTRIAN = 2
    STATIC = 3
    OTHER = 4


_GROUP_OF = {
    **dict.fromkeys(
        (Category.VEHICLE, Category.CAR, Category.VAN, Category.TRUCK, Category.BUS, Category.TRAILER), Group.VEHICLE
    ),
    Category.MOTORCYCLE: Group.TWO_WHEELER,
    Category.BICYCLE: Group.TWO_WHEELER,
    Category.PEDESTRIAN: Group.PEDESTRIAN,
    Category.STATIC: Group.STATIC,
    Category.OTHER: Group.OTHER,
}
