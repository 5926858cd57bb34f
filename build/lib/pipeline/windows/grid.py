"""The steps of a scene as whole numbers of clean steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pipeline.config import WindowsConfig
from pipeline.errors import InputError

HOLD_S: Final = 0.15  # an agent's place in a frame is its last known one for this long, where none comes after
_CLOSE: Final = 1e-6  # products of decimal fractions are whole only up to this


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Everything that windows count, in clean steps where not said otherwise.

    Attributes:
        stride: From one window step to the next.
        every: From one forecast time to the next.
        num_observed: Window steps, the one at the forecast time included.
        num_future: Window steps.
        num_recent: Window steps back from the forecast time among which an agent must have been known.
        num_frame_history: Clean steps back from the forecast time, included, that place agents in the frames.
    """

    stride: int
    every: int
    num_observed: int
    num_future: int
    num_recent: int
    num_frame_history: int

    @property
    def num_window_history(self) -> int:
        """Clean steps back from the forecast time, included, that the observed steps span."""
        return (self.num_observed - 1) * self.stride + 1


def make_grid(config: WindowsConfig, *, clean_rate_hz: float) -> Grid:
    """Turn seconds into steps.

    Raises:
        InputError: A parameter is no whole number of steps; the message names it and the one it must fit.
    """
    frames_s = config.num_frames * config.frame_spacing_s + HOLD_S
    clean, own = f"at ingest.rate_hz {clean_rate_hz:g}", f"at windows.rate_hz {config.rate_hz:g}"
    stride = _whole(clean_rate_hz / config.rate_hz, "windows.rate_hz", f"per window step {clean}")
    observed = _whole(config.observed_s * config.rate_hz, "windows.observed_s", own)
    return Grid(
        stride=stride,
        every=_whole(config.every_s * clean_rate_hz, "windows.every_s", clean),
        num_observed=observed + 1,
        num_future=_whole(config.future_s * config.rate_hz, "windows.future_s", own),
        num_recent=min(observed, math.floor(config.max_age_s * config.rate_hz + _CLOSE)) + 1,
        num_frame_history=math.ceil(frames_s * clean_rate_hz) + 1,
    )


def _whole(steps: float, where: str, what: str) -> int:
    number = round(steps)
    if number < 1 or abs(steps - number) > _CLOSE * max(1, number):
        raise InputError(f"params.yaml: {where}", f"gives {steps:g} steps {what}, not a whole number", "change either")
    return number
