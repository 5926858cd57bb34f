"""The words by which sources call road users, in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.drives.categories import Category

EGO: Final = "ego"

# Compared in lower case with anything but letters and digits as one space: "Medium-sized Truck" is
# "medium sized truck", "vehicle.bus.rigid" is "vehicle bus rigid".
WORDS: Final[dict[Category, tuple[str, ...]]] = {
    Category.VEHICLE: (
        *("vehicle", "ego", "vehicle ego"),
        # No kind of ours: still motor vehicles. Rail-bound ones too.
        *("tram", "train", "trolley", "tram subway", "emergency vehicle"),  # KITTI, PandaSet
        *("other vehicle construction vehicle", "other vehicle uncommon"),  # PandaSet
        *("construction vehicle", "vehicle construction"),  # nuScenes
        *("large vehicle", "railed vehicle"),  # Argoverse 2
    ),
    Category.CAR: (
        "car",
        *("pickup truck", "pickup"),  # PandaSet; the size of a car, and moves like one
        *("vehicle car", "vehicle emergency police"),  # nuScenes
        "regular vehicle",  # Argoverse 2; vans and pickups too
    ),
    Category.VAN: ("van", "vehicle emergency ambulance"),
    Category.TRUCK: (
        *("truck", "medium sized truck", "semi truck", "vehicle truck"),
        *("box truck", "truck cab"),  # Argoverse 2
    ),
    Category.BUS: (
        *("bus", "vehicle bus rigid", "vehicle bus bendy"),
        *("school bus", "articulated bus"),  # Argoverse 2
    ),
    Category.TRAILER: ("trailer", "towed object", "vehicle trailer", "vehicular trailer"),
    Category.MOTORCYCLE: ("motorcycle", "motorcyclist", "motorbike", "motorized scooter", "vehicle motorcycle"),
    Category.BICYCLE: ("bicycle", "cyclist", "bicyclist", "bike", "other vehicle pedicab", "vehicle bicycle"),
    Category.PEDESTRIAN: (
        *("pedestrian", "person", "person sitting"),  # KITTI
        "pedestrian with object",  # PandaSet
        *("human pedestrian adult", "human pedestrian child"),  # nuScenes
        *("human pedestrian construction worker", "human pedestrian police officer"),
        "official signaler",  # Argoverse 2
    ),
    Category.STATIC: (
        *("static", "cone", "traffic cone", "barrier", "sign"),
        *("cones", "pylons", "signs", "road barriers", "construction signs"),  # PandaSet
        *("temporary construction barriers", "rolling containers"),
        *("movable object barrier", "movable object trafficcone", "movable object debris"),  # nuScenes
        *("movable object pushable pullable", "static object bicycle rack"),
        *("bollard", "construction cone", "construction barrel", "stop sign"),  # Argoverse 2
        *("mobile pedestrian sign", "mobile pedestrian crossing sign", "message board trailer"),
        *("traffic light trailer", "construction", "background", "riderless bicycle"),
    ),
    Category.OTHER: (
        *("other", "unknown", "misc", "animal"),
        *("personal mobility device", "animals bird", "animals other"),  # PandaSet
        *("human pedestrian personal mobility", "human pedestrian stroller", "human pedestrian wheelchair"),  # nuScenes
        *("dog", "stroller", "wheelchair", "wheeled device", "wheeled rider"),  # Argoverse 2
    ),
}
_CATEGORY_OF: Final = {word: category for category, words in WORDS.items() for word in words}


def category_of(word: str) -> Category | None:
    """The category of a source's word; None for a word that the table does not have."""
    return _CATEGORY_OF.get(re.sub(r"[\W_]+", " ", word.casefold()).strip())


def categories_of(words: Iterable[str]) -> tuple[Int[np.ndarray, " n"], tuple[str, ...]]:
    """The categories of many words, and a note on each word that is not known (its rows become ``OTHER``)."""
    column = words if isinstance(words, pd.Series) else pd.Series(list(words), dtype=object)
    of_row, once = pd.factorize(column)
    known = {word: category_of(word) for word in once}
    notes = tuple(
        f"category {word[:60]!r} is not known: {count} rows are taken as OTHER"
        for (word, category), count in zip(known.items(), np.bincount(of_row), strict=True)
        if category is None
    )
    numbers = [Category.OTHER if category is None else category for category in known.values()]
    return np.array(numbers, dtype=np.int8)[of_row], notes
