"""How the reacting vehicle drives: the Intelligent Driver Model behind whatever is in its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.evaluation.cases.scenes import NUM_STEPS, RATE_HZ, TIMES_S

ACCELERATION_MPS2: Final = 1.5
COMFORTABLE_MPS2: Final = 2.5  # braking that the model takes for comfortable
HARDEST_MPS2: Final = 7.0  # braking that a dry road allows
STANDSTILL_GAP_M: Final = 2.0
_LEAST_GAP_M: Final = 0.5  # keeps the model finite where there is no gap left


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """The drivers of s vehicles that go along x, at x = 0 at time 0 if nothing was in their way before.

    Attributes:
        speed_mps: Until they react.
        desired_mps: On a free road.
        headway_s: Time gap to whoever is ahead.
        length_m: Of their vehicles.
        reacts_at_s: Before this time they hold their speed: they have not yet understood what happens.
        hardest_mps2: They never brake harder.
    """

    speed_mps: Float[np.ndarray, " s"]
    desired_mps: Float[np.ndarray, " s"]
    headway_s: Float[np.ndarray, " s"]
    length_m: Float[np.ndarray, " s"]
    reacts_at_s: Float[np.ndarray, " s"]
    hardest_mps2: float = HARDEST_MPS2


def acceleration(
    *,
    speed_mps: Float[np.ndarray, " s"],
    desired_mps: Float[np.ndarray, " s"],
    headway_s: Float[np.ndarray, " s"],
    gap_m: Float[np.ndarray, " s"],
    ahead_mps: Float[np.ndarray, " s"],
) -> Float[np.ndarray, " s"]:
    """Acceleration in m/s^2.

    Source: Treiber, Hennecke and Helbing 2000, "Congested traffic states in empirical observations and microscopic
    simulations", Physical Review E 62; with the braking term never helping to accelerate.

    Args:
        speed_mps: One's own.
        desired_mps: On a free road.
        headway_s: Time gap that is kept.
        gap_m: From one's front to the rear of whoever is ahead; infinite: a free road.
        ahead_mps: Speed of whoever is ahead.
    """
    closing = speed_mps * (speed_mps - ahead_mps) / (2.0 * np.sqrt(ACCELERATION_MPS2 * COMFORTABLE_MPS2))
    wanted_m = STANDSTILL_GAP_M + np.maximum(speed_mps * headway_s + closing, 0.0)
    ratio = wanted_m / np.maximum(gap_m, _LEAST_GAP_M)
    return ACCELERATION_MPS2 * (1.0 - (speed_mps / desired_mps) ** 4 - ratio**2)


def equilibrium_gap_m(
    *, speed_mps: Float[np.ndarray, " s"], desired_mps: Float[np.ndarray, " s"], headway_s: Float[np.ndarray, " s"]
) -> Float[np.ndarray, " s"]:
    """The gap at which the model holds a speed below the desired one behind a vehicle that is as fast."""
    return (STANDSTILL_GAP_M + speed_mps * headway_s) / np.sqrt(1.0 - (speed_mps / desired_mps) ** 4)


def roll_out(
    driver: Driver, *, rear_m: Float[np.ndarray, "s t"], rear_mps: Float[np.ndarray, "s t"]
) -> tuple[Float[np.ndarray, "s t"], Float[np.ndarray, "s t"]]:
    """Places of the vehicles' centres and speeds over the steps of ``TIMES_S``; none drives backwards.

    Source: the ballistic update of Treiber and Kanagaraj 2015, "Comparing numerical integration schemes for
    time-continuous car-following models", Physica A 419.

    Args:
        driver: Who drives.
        rear_m: The rear end of what is in the way; infinite: nothing is.
        rear_mps: Its speed.
    """
    dt = 1.0 / RATE_HZ
    x = np.empty((len(driver.speed_mps), NUM_STEPS))
    v = np.empty_like(x)
    x[:, 0], v[:, 0] = driver.speed_mps * TIMES_S[0], driver.speed_mps
    for step in range(NUM_STEPS - 1):
        wanted = acceleration(
            speed_mps=v[:, step],
            desired_mps=driver.desired_mps,
            headway_s=driver.headway_s,
            gap_m=rear_m[:, step] - x[:, step] - driver.length_m / 2.0,
            ahead_mps=rear_mps[:, step],
        )
        awake = TIMES_S[step] >= driver.reacts_at_s
        a = np.where(awake, np.maximum(wanted, -driver.hardest_mps2), 0.0)
        v[:, step + 1] = np.maximum(v[:, step] + a * dt, 0.0)
        x[:, step + 1] = x[:, step] + (v[:, step] + v[:, step + 1]) * dt / 2.0
    return x, v
