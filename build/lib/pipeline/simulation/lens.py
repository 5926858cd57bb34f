"""What lies between the scene and the file: rain drops, contrast, colour cast and noise."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.weather import Weather

_SPARE_PX: Final = 64  # noise and rain are larger than the image by this, and shifted in each frame
_GREY: Final = 118.0  # the level that contrast leaves as it is
_NO_NOISE: Final = 128.0  # the level that stands for no noise


class Lens:
    """The camera's own part in a frame."""

    def __init__(self, weather: Weather, *, seed: int) -> None:
        self._weather = weather
        self._seed = seed
        self._overlays: dict[tuple[int, int], tuple[UInt8[np.ndarray, "y x 3"], UInt8[np.ndarray, "y x 3"]]] = {}

    def apply(self, image: UInt8[np.ndarray, "y x 3"], *, timestamp_ns: int) -> None:
        """Change the image in place."""
        rows, columns = image.shape[:2]
        if (rows, columns) not in self._overlays:
            self._overlays[rows, columns] = self._make_overlays(rows, columns)
        rng = np.random.default_rng([self._seed, timestamp_ns // 1_000_000])
        streaks, noise = self._overlays[rows, columns]
        if self._weather.wet:
            y, x = rng.integers(_SPARE_PX, size=2)
            cv2.add(image, streaks[y : y + rows, x : x + columns], dst=image)
        y, x = rng.integers(_SPARE_PX, size=2)
        contrast = self._weather.contrast
        # Contrast, cast and noise in one pass over the image.
        still = _GREY * (1.0 - contrast) - _NO_NOISE
        cv2.addWeighted(image, contrast, noise[y : y + rows, x : x + columns], 1.0, still, dst=image)

    def _make_overlays(self, rows: int, columns: int) -> tuple[UInt8[np.ndarray, "y x 3"], UInt8[np.ndarray, "y x 3"]]:
        """Rain, to be added; and noise around ``_NO_NOISE``."""
        rng = np.random.default_rng([self._seed, rows, columns])
        shape = (rows + _SPARE_PX, columns + _SPARE_PX, 3)
        noise: Float[np.ndarray, "y x 3"] = rng.normal(scale=self._weather.noise, size=shape)
        noise += (np.array(self._weather.cast) - 1.0) * 128.0  # the cast as an offset, which costs nothing here
        streaks = np.zeros(shape, dtype=np.uint8)
        for _ in range(shape[0] * shape[1] // 1500):
            u, v = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
            long_px = rng.uniform(0.02, 0.07) * rows
            grey = float(rng.uniform(10, 34))
            end = (round(u + 0.12 * long_px), round(v + long_px))
            cv2.line(streaks, (round(u), round(v)), end, (grey, grey, grey), 1, cv2.LINE_AA)
        return streaks, np.clip(np.rint(noise + _NO_NOISE), 0, 255).astype(np.uint8)
