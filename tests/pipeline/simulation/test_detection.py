from __future__ import annotations

import numpy as np

from pipeline.simulation.detection import detectability, follow
from pipeline.simulation.noise import Draws, draw

RATE_HZ = 10.0
HIDDEN = -np.inf


def _steady(num_steps: int) -> Draws:
    """No ups and downs, no drop-outs."""
    zero = np.zeros((num_steps, 1, 3))
    return Draws(white=zero, slow=zero, attention=zero[..., 0], chance=zero[..., :2])


def _follow(*levels: tuple[float, int]) -> list[int]:
    detectable = np.concatenate([np.full(num, level) for level, num in levels])[:, None]
    return follow(detectable, draws=_steady(len(detectable)), rate_hz=RATE_HZ)[:, 0].tolist()


def test_a_short_gap_keeps_the_track_and_a_long_one_ends_it():
    found = _follow((HIDDEN, 2), (1.0, 3), (HIDDEN, 29), (1.0, 3), (HIDDEN, 30), (1.0, 2))
    assert found == [0] * 2 + [1] * 3 + [0] * 29 + [1] * 3 + [0] * 30 + [2] * 2


def test_what_is_barely_seen_keeps_a_track_but_starts_none():
    barely = -0.5
    assert _follow((barely, 3), (0.1, 1), (barely, 3), (-0.8, 1), (barely, 2)) == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_drop_outs_and_breaks_come_as_often_as_stated():
    shape = (4000, 100)  # 40,000 agent seconds
    tracks = follow(
        np.full(shape, 5.0), draws=draw(3, num_steps=4000, num_agents=100, rate_hz=RATE_HZ), rate_hz=RATE_HZ
    )
    missing = tracks == 0
    starts = (missing[1:] & ~missing[:-1]).sum()
    assert abs(starts / 40_000 - 0.03) < 0.003
    assert abs(missing.sum() / RATE_HZ / starts - 0.4) < 0.04
    breaks = tracks.max(axis=0).sum() - 100
    assert 50 < breaks < 110  # 80, and a gap of three seconds now and then


def test_detectability_asks_for_returns_and_for_a_share():
    def of(share: float, width_m: float, height_m: float, distance_m: float) -> float:
        return detectability(
            np.array([[share]]),
            width_rad=np.array([[width_m / distance_m]]),
            height_m=np.array([height_m]),
            distance_m=np.array([[distance_m]]),
        )[0, 0]

    assert of(1.0, 1.8, 1.5, 70.0) > 0.5  # a car's back at the end of the range
    assert of(1.0, 0.5, 1.75, 70.0) < 0 < of(1.0, 0.5, 1.75, 45.0)  # a pedestrian
    assert of(0.1, 1.8, 1.5, 5.0) < 0  # thousands of returns, but a corner alone
    assert of(0.0, 1.8, 1.5, 5.0) == -np.inf
