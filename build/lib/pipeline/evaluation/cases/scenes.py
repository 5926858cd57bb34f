"""Constructed scenes as arrays: who is where at every step, and whose behaviour depends on whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

RATE_HZ: Final = 10.0
OBSERVED_S: Final = 2.0
FUTURE_S: Final = 4.0
NOW: Final = round(OBSERVED_S * RATE_HZ)  # the step of the forecast time
NUM_STEPS: Final = NOW + round(FUTURE_S * RATE_HZ) + 1
TIMES_S: Final[np.ndarray] = (np.arange(NUM_STEPS) - NOW) / RATE_HZ  # of the steps; the forecast time is 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """One agent in each of s scenes, at the t steps of ``TIMES_S``.

    Attributes:
        xy_m: Box centres. The frame is the road's: x along the way of the agent that reacts, which is at x = 0 at the
            forecast time; y to the left.
        heading_rad: Counter-clockwise from x.
        size_m: Length and width.
        category: ``Category``.
        there: The scene has this agent; elsewhere the other values mean nothing.
    """

    xy_m: Float[np.ndarray, "s t 2"]
    heading_rad: Float[np.ndarray, "s t"]
    size_m: Float[np.ndarray, "s 2"]
    category: Int[np.ndarray, " s"]
    there: Bool[np.ndarray, " s"]

    def take(self, scenes: Int[np.ndarray, " k"]) -> Track:
        """The same agent of some of the scenes."""
        return Track(
            xy_m=self.xy_m[scenes],
            heading_rad=self.heading_rad[scenes],
            size_m=self.size_m[scenes],
            category=self.category[scenes],
            there=self.there[scenes],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenes:
    """s scenes of one case.

    Attributes:
        reacting: The agent whose future depends on the partner's; it is in every scene.
        partner: The one that it has to heed, or need not, or that is not there.
        reacts: What the partner does makes the reacting agent change its speed after the forecast time.
        others: Bystanders, whom nobody has to heed.
    """

    reacting: Track
    partner: Track
    reacts: Bool[np.ndarray, " s"]
    others: tuple[Track, ...] = ()

    @property
    def tracks(self) -> dict[str, Track]:
        """All agents by the role that names their tracks."""
        others = {f"other{number}": track for number, track in enumerate(self.others)}
        return {"reacting": self.reacting, "partner": self.partner, **others}

    def take(self, scenes: Int[np.ndarray, " k"]) -> Scenes:
        """Some of the scenes."""
        return Scenes(
            reacting=self.reacting.take(scenes),
            partner=self.partner.take(scenes),
            others=tuple(track.take(scenes) for track in self.others),
            reacts=self.reacts[scenes],
        )


def straight(
    *,
    x_m: Float[np.ndarray, "s t"],
    size_m: Float[np.ndarray, "s 2"],
    category: Int[np.ndarray, " s"],
    y_m: Float[np.ndarray, "#s #t"] | float = 0.0,
    heading_rad: Float[np.ndarray, "#s #t"] | float = 0.0,
    there: Bool[np.ndarray, " s"] | None = None,
) -> Track:
    """A track from its coordinates, where one number may stand for all steps; by default along x, in every scene."""
    shape = x_m.shape
    return Track(
        xy_m=np.stack([x_m, np.broadcast_to(y_m, shape)], axis=-1),
        heading_rad=np.broadcast_to(heading_rad, shape).astype(np.float64),
        size_m=size_m,
        category=category,
        there=np.ones(len(x_m), np.bool_) if there is None else there,
    )
