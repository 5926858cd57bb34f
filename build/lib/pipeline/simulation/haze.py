"""Haze: with distance, everything turns to the colour of the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.simulation.weather import Weather


@dataclass(frozen=True, kw_only=True, slots=True)
class Haze:
    """Koschmieder's law: contrast falls with the exponential of the distance.

    Attributes:
        colour: Blue, green, red, 0..255.
        reach_m: The distance after which 63 % of a thing is haze.
    """

    colour: tuple[float, float, float]
    reach_m: float

    def share(self, depth_m: float) -> float:
        """How much of what is seen at this distance is haze."""
        return float(1.0 - np.exp(-max(depth_m, 0.0) / self.reach_m))

    def over(self, colours: Float[np.ndarray, "f 3"], *, depths_m: Float[np.ndarray, " f"]) -> Float[np.ndarray, "f 3"]:
        """Colours as seen at these distances."""
        kept = np.exp(-np.maximum(depths_m, 0.0) / self.reach_m)[:, None]
        return colours * kept + np.array(self.colour) * (1.0 - kept)


def haze_of(weather: Weather) -> Haze:
    """The haze of a weather."""
    return Haze(colour=weather.sky_horizon, reach_m=weather.haze_m)
