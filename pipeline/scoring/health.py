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
    sigma = np.concatenate([forecasts.single_sigma_m[:, None], forecasts.mode_sigma_m], axis=1)
    rho = np.concatenate([forecasts.single_rho[:, None], forecasts.mode_rho], axis=1)
    xy_m = np.concatenate([forecasts.single_xy_m[:, None], forecasts.mode_xy_m], axis=1)
    start_m, age = last_xy(observed), observed.valid.shape[1] - 1 - last_step(observed.valid)
    with np.errstate(invalid="ignore", over="ignore"):
        distance_m = np.linalg.norm(xy_m - start_m[:, None, None], axis=-1)
        steps = np.arange(1, xy_m.shape[2] + 1) + age[:, None]
        reachable_m = max_speed_mps * steps / rate_hz + SLACK_M
        good = np.ones(len(observed.category), np.bool_)
        for value in values:
            good &= np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
        good &= (sigma > 0).all(axis=(1, 2, 3)) & (np.abs(rho) < 1).all(axis=(1, 2))
        good &= (forecasts.probability >= 0).all(axis=1) & (np.abs(forecasts.probability.sum(axis=1) - 1) < 1e-3)
        return good & (distance_m <= reachable_m[:, None]).all(axis=(1, 2))


def merge(
    forecasts: Forecasts,
    *,
    fallback: Forecasts,
    use: Bool[np.ndarray, " n"],
    last_m: Float[np.ndarray, "n 2"],
    static: Bool[np.ndarray, " n"],
) -> Forecasts:
    """Take ``forecasts`` where ``use``, else ``fallback``; a ``static`` agent's paths stay at ``last_m``."""
    other = fallback.arrays()
    merged = {
        name: np.where(use.reshape(-1, *[1] * (ours.ndim - 1)), ours, other[name])
        for name, ours in forecasts.arrays().items()
    }
    head = None if forecasts.manoeuvres is None else forecasts.manoeuvres.only(direction=use, pace=use)
    merged["single_xy_m"] = np.where(static[:, None, None], last_m[:, None], merged["single_xy_m"])
    merged["mode_xy_m"] = np.where(static[:, None, None, None], last_m[:, None, None], merged["mode_xy_m"])
    return Forecasts(**{name: value.astype(np.float32) for name, value in merged.items()}, manoeuvres=head)
