"""Weather and time of day: what they do to light, colours and the road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Colour = tuple[float, float, float]
Kind = Literal["clear", "overcast", "rain", "fog", "dusk", "night"]
KINDS: Final[tuple[Kind, ...]] = ("clear", "overcast", "rain", "fog", "dusk", "night")
_CHANCES: Final = (0.34, 0.22, 0.14, 0.1, 0.1, 0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """The look of one drive. Colours are blue, green, red in 0..255; light is a factor on a thing's own colour.

    Attributes:
        kind: Its name.
        sun_azimuth_rad: Where the sun stands, counter-clockwise from +x.
        sun_height_rad: Above the horizon.
        sun: Light from the sun on a face turned to it; 0: no sun, no shadows.
        ambient: Light from everywhere.
        sky_top: Colour overhead.
        sky_horizon: Colour at the horizon, and of haze.
        clouds: 0 none to 1 covered.
        haze_m: The distance after which 63 % of a thing is haze.
        wet: The road is wet, rain falls.
        lamps: Head lights and windows are lit.
        contrast: Of the camera's picture, 1 is neutral.
        cast: Gains of blue, green and red in the camera's picture.
        noise: Standard deviation of the camera's noise, in grey levels.
    """

    kind: Kind
    sun_azimuth_rad: float
    sun_height_rad: float
    sun: float
    ambient: float
    sky_top: Colour
    sky_horizon: Colour
    clouds: float
    haze_m: float
    wet: bool
    lamps: bool
    contrast: float
    cast: Colour
    noise: float


def pick_weather(seed: int) -> Weather:
    """Weather by chance: clear in a third of the drives, each of the bad ones in about a tenth."""
    rng = np.random.default_rng([seed, 0x5EA])
    kind = KINDS[int(rng.choice(len(KINDS), p=_CHANCES))]
    return weather_of(kind, seed=seed)


def weather_of(kind: Kind, *, seed: int) -> Weather:
    """One kind of weather, with the sun, haze and camera varied by the seed."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    sun_height_rad = float(np.radians(rng.uniform(22.0, 60.0)))
    azimuth_rad = float(rng.uniform(-np.pi, np.pi))
    warm = float(rng.uniform(-0.04, 0.04))  # the camera's white balance
    sun, ambient, top, horizon, clouds, haze_m = {
        "clear": (0.55, 0.58, (214, 150, 82), (238, 220, 196), rng.uniform(0.1, 0.5), 900.0),
        "overcast": (0.0, 0.86, (196, 188, 178), (222, 217, 210), 0.9, 500.0),
        "rain": (0.0, 0.66, (150, 143, 134), (178, 172, 166), 1.0, 190.0),
        "fog": (0.0, 0.82, (204, 202, 198), (208, 206, 202), 0.0, rng.uniform(45.0, 80.0)),
        "dusk": (0.18, 0.42, (128, 84, 58), (118, 150, 222), rng.uniform(0.2, 0.6), 500.0),
        "night": (0.0, 0.22, (40, 26, 17), (66, 50, 42), 0.3, 350.0),
    }[kind]
    if kind == "dusk":
        sun_height_rad = float(np.radians(9.0))
    return Weather(
        kind=kind,
        sun_azimuth_rad=azimuth_rad,
        sun_height_rad=sun_height_rad,
        sun=sun,
        ambient=ambient * float(rng.uniform(0.94, 1.06)),
        sky_top=top,
        sky_horizon=horizon,
        clouds=float(clouds),
        haze_m=float(haze_m * rng.uniform(0.85, 1.15)),
        wet=kind == "rain",
        lamps=kind in ("rain", "fog", "dusk", "night"),
        contrast=float(rng.uniform(0.92, 1.08)),
        cast=(1.0 - warm, 1.0, 1.0 + warm),
        noise=3.5 if kind == "night" else 1.6,
    )
