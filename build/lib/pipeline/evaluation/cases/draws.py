"""What is drawn at random for every case alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, Shaped

from pipeline.drives.categories import Category

_CAR, _VAN, _TRUCK = (3.8, 4.9, 1.7, 1.9), (5.0, 6.2, 1.9, 2.1), (7.0, 10.0, 2.4, 2.5)  # least and most length, width


def choose(rng: np.random.Generator, shares: Mapping[str, float], num: int) -> Shaped[np.ndarray, " s"]:
    """A word for each scene; what the shares leave of one is the word ``absent``.

    The same numbers are drawn whatever the shares are.
    """
    assert sum(shares.values()) <= 1.0 + 1e-9, dict(shares)
    ends = np.cumsum([*shares.values(), np.inf])
    return np.array([*shares, "absent"])[np.searchsorted(ends, rng.random(num), side="right")]


def vehicles(
    rng: np.random.Generator, num: int, *, trucks: float = 0.0
) -> tuple[Float[np.ndarray, "s 2"], Int[np.ndarray, " s"]]:
    """Sizes and categories: cars, a tenth of vans, and a share of trucks."""
    kind = np.digitize(rng.random(num), [trucks, trucks + 0.1])
    bounds = np.array([_TRUCK, _VAN, _CAR])[kind]
    length, width = rng.uniform(bounds[:, 0], bounds[:, 1]), rng.uniform(bounds[:, 2], bounds[:, 3])
    category = np.array([Category.TRUCK, Category.VAN, Category.CAR], np.int64)[kind]
    return np.stack([length, width], axis=-1), category


def pedestrians(rng: np.random.Generator, num: int) -> tuple[Float[np.ndarray, "s 2"], Int[np.ndarray, " s"]]:
    """Sizes and categories."""
    side = rng.uniform(0.5, 0.7, num)
    return np.stack([side, side], axis=-1), np.full(num, int(Category.PEDESTRIAN), np.int64)
