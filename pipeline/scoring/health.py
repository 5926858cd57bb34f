"""Whether a forecast is the model's, and why not where it is not."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import last_step, last_xy
from pipeline.drives.categories import Category
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Observed

MIN_STEPS: Final = 2  # a motion needs two measurements
SLACK_M: Final = 5.0  # how far beyond the fastest possible motion a forecast may lie: boxes jitter


class Health(IntEnum):
    """What a forecast rests on. Every one but ``OK`` and ``STALE`` is constant velocity."""

    OK = 0  # the model's
    STALE = 1  # the model's, but the agent was last measured before the forecast time
    SHORT_HISTORY = 2  # fewer than two measured steps known by the forecast time
    STATIC = 3  # a cone, barrier or sign: it stays where it is
    NON_FINITE = 4  # the model's output failed a check: not finite, no distribution, or faster than possible

    @property
    def label(self) -> str:
        """The word in the output."""
        return self.name.lower()


def input_health(observed: Observed) -> Int[np.ndarray, " n"]:
    """``Health`` of each agent as far as its input tells."""
    health = np.where(observed.valid[:, -1], Health.OK, Health.STALE)
    health = np.where(observed.valid.sum(axis=1) < MIN_STEPS, Health.SHORT_HISTORY, health)
    return np.where(observed.category == Category.STATIC, Health.STATIC, health).astype(np.int8)


def sound(forecasts: Forecasts, *, observed: Observed, rate_hz: float, max_speed_mps: float) -> Bool[np.ndarray, " n"]:
    """Which agents' forecasts are finite, are distributions, and could be driven at ``max_speed_mps``."""
    values = list(forecasts.arrays().values())
    if forecasts.manoeuvres is not None:
        values += [forecasts.manoeuvres.direction, forecasts.manoeuvres.pace]
    start_m, age = last_xy(observed).astype(np.float32), observed.valid.shape[1] - 1 - last_step(observed.valid)
    steps = np.arange(1, forecasts.single_rho.shape[1] + 1) + age[:, None]
    reach_m = (max_speed_mps * steps / rate_hz + SLACK_M).astype(np.float32)
    probability = forecasts.probability
    with np.errstate(invalid="ignore", over="ignore"):
        good = _everywhere(probability >= 0)
        good &= np.abs(probability.sum(axis=1) - 1) < 1e-3
        for value in values:
            good &= _everywhere(np.isfinite(value))
        for sigma_m in (forecasts.single_sigma_m, forecasts.mode_sigma_m):
            good &= _everywhere(sigma_m > 0)
        for rho in (forecasts.single_rho, forecasts.mode_rho):
            good &= _everywhere(np.abs(rho) < 1)
        for xy_m in (forecasts.single_xy_m[:, None], forecasts.mode_xy_m):
            x, y = np.moveaxis(xy_m - start_m[:, None, None], -1, 0)
            good &= _everywhere(x * x + y * y <= np.square(reach_m)[:, None])
    return good


def _everywhere(holds: Bool[np.ndarray, "n ..."]) -> Bool[np.ndarray, " n"]:
    return np.asarray(holds.all(axis=tuple(range(1, holds.ndim))))


def merge(
    forecasts: Forecasts,
    *,
    fallback: Forecasts,
    use: Bool[np.ndarray, " n"],
    last_m: Float[np.ndarray, "n 2"],
    static: Bool[np.ndarray, " n"],
) -> Forecasts:
    """Take ``forecasts`` where ``use``, else ``fallback``; a ``static`` agent's paths stay at ``last_m``.

    Args:
        forecasts: Of n agents.
        fallback: Of those of them that are not of use, and of no others.
        use: Whose forecasts are.
        last_m: Where each was last seen.
        static: Who stays there.
    """
    merged = {name: np.array(ours, np.float32) for name, ours in forecasts.arrays().items()}
    for name, other in fallback.arrays().items():
        merged[name][~use] = other
    merged["single_xy_m"][static] = last_m[static, None]
    merged["mode_xy_m"][static] = last_m[static, None, None]
    head = None if forecasts.manoeuvres is None else forecasts.manoeuvres.only(direction=use, pace=use)
    return Forecasts(**merged, manoeuvres=head)
