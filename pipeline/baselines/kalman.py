"""A constant-velocity Kalman filter whose noise is fitted on the training drives.

State (x, y, vx, vy) with white acceleration (Bar-Shalom, Li & Kirubarajan, "Estimation with applications to tracking
and navigation", 2001, section 6.2.2). Process and measurement noise are the same along x and y, so the two axes share
gain and covariance (three numbers per agent), and turning the world turns the forecast.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from einops import repeat
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from pipeline.baselines.history import any_step, groups, known_xy, mean_over_steps, moved
from pipeline.drives.categories import Group
from pipeline.forecasts import Forecasts, unimodal
from pipeline.windows.windows import Future, Observed

MIN_AGENTS: Final = 50  # a group with fewer that move takes the noise of all groups together
MAX_AGENTS: Final = 3000  # a fit looks at no more than this many, drawn by a seed
MIN_SIGMA_M: Final = 0.01
# Natural logarithms of density / measurement_m^2 (in 1/s^3) and of speed / measurement_m (in 1/s).
_LOG_BOUNDS: Final = ((np.log(1e-4), np.log(1e5)), (np.log(0.1), np.log(1e3)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Of one group.

    Attributes:
        measurement_m: Standard deviation of a measured position along each axis.
        speed_mps: Standard deviation of the velocity along each axis before it is known.
        density: Spectral density of the white acceleration, in m2/s3.
    """

    measurement_m: float
    speed_mps: float
    density: float


UNFITTED: Final = Noise(measurement_m=0.1, speed_mps=5.0, density=0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kalman:
    """What ``fit`` found: the noise per ``Group``."""

    noise: tuple[Noise, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"noise": [asdict(noise) for noise in self.noise]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Kalman:
        """The inverse of ``to_json``."""
        return cls(noise=tuple(Noise(**noise) for noise in value["noise"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Filtered:
    """State at the forecast time: position and velocity per axis, and the covariance that both axes share."""

    xy_m: Float[np.ndarray, "n 2"]
    velocity_mps: Float[np.ndarray, "n 2"]
    pp: Float[np.ndarray, " n"]
    pv: Float[np.ndarray, " n"]
    vv: Float[np.ndarray, " n"]


def forecast(observed: Observed, *, num_future: int, rate_hz: float, fitted: Kalman | None = None) -> Forecasts:
    """Filter what was observed and go on from there; one mode, whose spread is that of the next measurement.

    Args:
        observed: The agents.
        num_future: Steps to forecast.
        rate_hz: Of the observed and the future steps.
        fitted: What ``fit`` found; round figures by default.
    """
    fitted = fitted or Kalman(noise=(UNFITTED,) * len(Group))
    table = np.array([[noise.measurement_m, noise.speed_mps, noise.density] for noise in fitted.noise])
    measurement, speed, density = table[groups(observed.category)].T
    state = filter_tracks(
        known_xy(observed), observed.valid, rate_hz=rate_hz, measurement=measurement, speed=speed, density=density
    )
    times = np.arange(1, num_future + 1) / rate_hz
    xy = _paths(state, times).astype(np.float32)
    variance = _variance(state, times, measurement=measurement, density=density)
    sigma = repeat(np.sqrt(variance), "n h -> n h two", two=2).astype(np.float32)
    rho = np.zeros(xy.shape[:2], dtype=np.float32)
    return unimodal(xy, sigma_m=sigma, rho=rho)


def filter_tracks(
    xy_m: Float[np.ndarray, "n t 2"],
    valid: Bool[np.ndarray, "n t"],
    *,
    rate_hz: float,
    measurement: Float[np.ndarray, " n"],
    speed: Float[np.ndarray, " n"],
    density: Float[np.ndarray, " n"],
) -> Filtered:
    """Filter every track, all agents at once; steps that are not valid are predicted over.

    Args:
        xy_m: Measured positions, finite everywhere.
        valid: Where they were measured. The first valid step starts the filter at rest.
        rate_hz: Of the steps.
        measurement: ``Noise.measurement_m`` per agent.
        speed: ``Noise.speed_mps`` per agent.
        density: ``Noise.density`` per agent.
    """
    dt = 1.0 / rate_hz
    noise = measurement**2
    xy, velocity = np.zeros((len(xy_m), 2)), np.zeros((len(xy_m), 2))
    # Before anything is seen the state stands at zero with this much spread; the first measurement replaces it.
    pp, pv, vv = noise.copy(), np.zeros_like(noise), speed**2
    started = np.zeros(len(xy_m), dtype=bool)
    for step in range(xy_m.shape[1]):
        moving = started.astype(np.float64)
        xy = xy + dt * velocity
        pp = pp + moving * (2 * dt * pv + dt**2 * vv + density * dt**3 / 3)
        pv = pv + moving * (dt * vv + density * dt**2 / 2)
        vv = vv + moving * density * dt
        seen, first = valid[:, step], valid[:, step] & ~started
        gain_p = np.where(seen, np.where(first, 1.0, pp / (pp + noise)), 0.0)
        gain_v = np.where(seen & ~first, pv / (pp + noise), 0.0)
        innovation = xy_m[:, step] - xy
        xy = xy + gain_p[:, None] * innovation
        velocity = velocity + gain_v[:, None] * innovation
        vv = np.maximum(vv - gain_v * pv, 0.0)
        pv = np.where(first, pv, (1.0 - gain_p) * pv)
        pp = np.where(first, noise, (1.0 - gain_p) * pp)
        started |= seen
    return Filtered(xy_m=xy, velocity_mps=velocity, pp=pp, pv=pv, vv=vv)


def fit(observed: Observed, future: Future, *, rate_hz: float, seed: int = 0) -> Kalman:
    """Fit the noise of every group to the futures of the training split.

    The forecast's mean depends on the ratios of the noises alone: these minimise the average displacement error. Their
    common scale changes the spread alone: it maximises the likelihood of the futures, in closed form.

    Args:
        observed: Agents of the training split.
        future: What came after.
        rate_hz: Of the steps.
        seed: Of the agents that are drawn where there are more than ``MAX_AGENTS``.
    """
    group = groups(observed.category)
    xy = known_xy(observed)
    usable = (observed.valid.sum(axis=1) >= 2) & any_step(future.valid)
    rng = np.random.default_rng(seed)

    def noise_of(chosen: Bool[np.ndarray, " n"]) -> Noise:
        rows = np.flatnonzero(chosen)
        if len(rows) > MAX_AGENTS:
            rows = np.sort(rng.choice(rows, size=MAX_AGENTS, replace=False))
        return _fit_noise(
            xy[rows],
            observed.valid[rows],
            truth=np.where(future.valid[rows][..., None], future.xy_m[rows], 0.0).astype(np.float64),
            truth_valid=future.valid[rows],
            rate_hz=rate_hz,
        )

    if usable.sum() < MIN_AGENTS:
        return Kalman(noise=(UNFITTED,) * len(Group))
    everyone = noise_of(usable)
    telling = np.bincount(group[moved(observed, future)], minlength=len(Group)) >= MIN_AGENTS
    noise = [noise_of(usable & (group == member)) if telling[member] else everyone for member in Group]
    return Kalman(noise=tuple(noise))


def _paths(state: Filtered, times: Float[np.ndarray, " h"]) -> Float[np.ndarray, "n h 2"]:
    return state.xy_m[:, None] + state.velocity_mps[:, None] * times[:, None]


def _variance(
    state: Filtered,
    times: Float[np.ndarray, " h"],
    *,
    measurement: Float[np.ndarray, " n"],
    density: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n h"]:
    """Variance along each axis of what will be measured at the times after the forecast time."""
    pp, pv, vv, noise, rate = (value[:, None] for value in (state.pp, state.pv, state.vv, measurement**2, density))
    variance = pp + 2 * times * pv + times**2 * vv + rate * times**3 / 3 + noise
    return np.maximum(variance, MIN_SIGMA_M**2)


def _fit_noise(
    xy: Float[np.ndarray, "n t 2"],
    valid: Bool[np.ndarray, "n t"],
    *,
    truth: Float[np.ndarray, "n h 2"],
    truth_valid: Bool[np.ndarray, "n h"],
    rate_hz: float,
) -> Noise:
    """The noise of one group of agents."""
    times = np.arange(1, truth.shape[1] + 1) / rate_hz
    ones = np.ones(len(xy))

    def filtered(log_ratios: Float[np.ndarray, " 2"]) -> Filtered:
        density, speed = np.exp(log_ratios)
        return filter_tracks(xy, valid, rate_hz=rate_hz, measurement=ones, speed=speed * ones, density=density * ones)

    def error(log_ratios: Float[np.ndarray, " 2"]) -> float:
        distance = np.linalg.norm(_paths(filtered(log_ratios), times) - truth, axis=-1)
        return float(mean_over_steps(distance, truth_valid)[0].mean())

    # The error is flat far from its least value, so the simplex starts at the best of a few starts.
    starts = [np.log([density, speed]) for density in (0.1, 10.0, 1000.0) for speed in (3.0, 100.0)]
    best = minimize(
        error,
        min(starts, key=error),
        method="Nelder-Mead",
        bounds=_LOG_BOUNDS,
        options={"maxfev": 80, "xatol": 0.05, "fatol": 1e-4},
    )
    density, speed = np.exp(best.x)
    state = filtered(best.x)
    variance = _variance(state, times, measurement=ones, density=density * ones)
    squares = ((_paths(state, times) - truth) ** 2).sum(axis=-1)
    scale = float((squares / (2.0 * variance))[truth_valid].mean())
    measurement = float(np.sqrt(max(scale, 1e-8)))
    return Noise(
        measurement_m=measurement, speed_mps=float(speed) * measurement, density=float(density) * measurement**2
    )
