"""What an agent is doing at the forecast time: speed, acceleration and curvature, from what was observed alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from pipeline.baselines.history import known_xy, last_step
from pipeline.windows.windows import Observed

FIT_S: Final = 2.0  # so much of the history is fitted: 0.05 m of jitter at 5 Hz is then 0.1 m/s2
MIN_FITTED: Final = 5  # of fewer steps an acceleration is noise, and taken to be none
MIN_TURNING_MPS: Final = 1.0  # of one that is slower than this no curvature can be told


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """The motion of n agents when last seen.

    Attributes:
        velocity_mps: In the scene frame; zero where it cannot be told.
        known: It can: there are two valid steps.
        accel_mps2: Along the direction of motion; zero where it cannot be told.
        curvature_1pm: Left positive; zero where it cannot be told.
    """

    velocity_mps: Float[np.ndarray, "n 2"]
    known: Bool[np.ndarray, " n"]
    accel_mps2: Float[np.ndarray, " n"]
    curvature_1pm: Float[np.ndarray, " n"]


def present(observed: Observed, *, rate_hz: float) -> Present:
    """Fit a parabola to the last seconds of each agent by least squares; a line where it has few steps.

    The acceleration is taken apart at the middle of these seconds, along and across the velocity there, and the motion
    goes on from there to the last step on an arc: the velocity of the parabola itself would leave a circle.

    Args:
        observed: The agents.
        rate_hz: Of the steps.
    """
    last, step = last_step(observed.valid), np.arange(observed.valid.shape[1])
    time_s = (step - last[:, None]) / rate_hz
    used = observed.valid & (time_s >= -FIT_S - 1e-6)
    count = used.sum(axis=1)
    known, curved = count >= 2, count >= MIN_FITTED
    powers = np.stack([np.ones_like(time_s), time_s, time_s**2], axis=-1)
    fitting = np.stack([count > 0, known, curved], axis=-1)
    powers = np.where(used[..., None], powers, 0.0) * fitting[:, None]
    transposed = np.swapaxes(powers, 1, 2)
    # One on the diagonal gives zero for a power that is left out.
    normal = transposed @ powers + np.eye(3) * ~fitting[:, None]
    fitted = np.linalg.solve(normal, transposed @ known_xy(observed))
    half_s = -np.where(used, time_s, 0.0).min(axis=1) / 2.0
    accel = 2.0 * fitted[:, 2]
    velocity = fitted[:, 1] - accel * half_s[:, None]
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    unit = velocity / np.maximum(speed, 1e-9)[:, None]
    along = (unit * accel).sum(axis=1)
    across = unit[:, 0] * accel[:, 1] - unit[:, 1] * accel[:, 0]
    curvature = np.where(speed >= MIN_TURNING_MPS, across / np.maximum(speed, 1e-9) ** 2, 0.0)
    now = np.maximum(speed + along * half_s, 0.0)
    direction = np.arctan2(unit[:, 1], unit[:, 0]) + curvature * (speed + now) / 2.0 * half_s
    return Present(
        velocity_mps=now[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=-1),
        known=known,
        accel_mps2=along,
        curvature_1pm=curvature,
    )
