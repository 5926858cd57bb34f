"""What disturbed inputs cost: the same scenes with observations missing, noisy, mixed up or late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.forecaster import Forecaster
from pipeline.baselines import constant_velocity
from pipeline.baselines.constant_velocity import ConstantVelocity
from pipeline.baselines.history import last_xy
from pipeline.config import EvaluateConfig
from pipeline.errors import InputError
from pipeline.evaluation import metrics
from pipeline.evaluation.bootstrap import estimate, track_sums
from pipeline.evaluation.camera_plots import without_any_frame
from pipeline.evaluation.scored import MIN_OBSERVED, slices
from pipeline.progress import track
from pipeline.training.predict import predict
from pipeline.windows.windows import Observed, Windows

Disturb = Callable[[Observed, np.random.Generator, float], Observed]

_SWITCHED: Final = 0.1  # share of agents
_TURNED: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one disturbance, over the movers that are still seen twice.

    Attributes:
        name: The disturbance.
        num_agents: Forecasts that count.
        num_lost: Movers of which fewer than two observations are left; ``score`` has constant velocity for them.
        ade_m: Forecaster -> its mean error undisturbed, disturbed, and the difference with its 95 % interval.
    """

    name: str
    num_agents: int
    num_lost: int
    ade_m: Mapping[str, Mapping[str, float]]


def robustness(
    test: Windows, *, model: Forecaster, fitted: ConstantVelocity, config: EvaluateConfig, where: str | Path
) -> list[Cost]:
    """Disturb scenes in every way of ``DISTURBANCES``, and forecast them again.

    Args:
        test: Scenes that the model never saw.
        model: What forecasts them.
        fitted: Constant velocity, fitted on what the model was trained on.
        config: The section ``evaluate``; its seed draws what is disturbed.
        where: Where the scenes are from, for messages.

    Raises:
        InputError: There is no scene.
    """
    if not len(test.index.t0_ns):
        raise InputError(where, "has no scene to test on", "add drives, or change the section split")
    movers = slices(test, mover_m=config.mover_m)["movers"]

    def errors(observed: Observed) -> dict[str, np.ndarray]:
        changed = replace(test, observed=observed)
        still = constant_velocity.forecast(
            observed, num_future=test.future.valid.shape[1], rate_hz=test.rate_hz, fitted=fitted
        )
        found = {"social_lstm": predict(model, changed), "constant_velocity": still}
        return {name: metrics.ade(each, test.future).value for name, each in found.items()}

    clean = errors(test.observed)
    costs: list[Cost] = []
    for name, disturb in track(DISTURBANCES.items(), total=len(DISTURBANCES), description="disturbances"):
        observed = disturb(test.observed, np.random.default_rng(config.seed), test.rate_hz)
        counted = movers & (observed.valid.sum(axis=1) >= MIN_OBSERVED)
        disturbed = errors(observed)
        rows = {key: np.stack([clean[key], disturbed[key], disturbed[key] - clean[key]], axis=1) for key in clean}
        ade_m: dict[str, Mapping[str, float]] = {}
        for key, row in rows.items():
            sums = track_sums(row, np.repeat(counted[:, None], 3, axis=1), track=test.index.track)
            found = estimate(sums, num_resamples=config.bootstrap, seed=config.seed)
            ends = {"low": found.low[2], "high": found.high[2]}
            names = ("clean", "disturbed", "difference")
            ade_m[key] = {n: float(v) for n, v in (zip(names, found.value, strict=True))} | {
                n: float(v) for n, v in ends.items() if np.isfinite(v)
            }
        costs.append(
            Cost(name=name, num_agents=int(counted.sum()), num_lost=int((movers & ~counted).sum()), ade_m=ade_m)
        )
    return costs


def to_json(costs: list[Cost]) -> dict[str, Any]:
    """Plain values, by disturbance."""
    return {c.name: {"num_agents": c.num_agents, "num_lost": c.num_lost, "ade_m": c.ade_m} for c in costs}


def table(costs: list[Cost]) -> Iterator[str]:
    """For people: the movers' ADE, and what each disturbance adds to it."""
    names = list(costs[0].ade_m)
    yield f"{'movers':38}" + "".join(f"{name:>44}" for name in names) + f"{'lost':>7}"
    for cost in costs:
        cells = ""
        for name in names:
            row = cost.ade_m[name]
            ends = f" [{row['low']:+.3f}, {row['high']:+.3f}]" if "low" in row else ""
            text = f"{row['disturbed']:.3f} m, {row['difference'] / row['clean']:+.1%}{ends}"
            cells += f"{text:>44}"
        yield f"{cost.name:38}{cells}{cost.num_lost:7d}"


def dropped(observed: Observed, rng: np.random.Generator, _rate_hz: float) -> Observed:
    """Three observations of ten are missing, the last one too."""
    return _only(observed, rng.random(observed.valid.shape) >= 0.3)


def jittered(observed: Observed, rng: np.random.Generator, _rate_hz: float) -> Observed:
    """Every position is off by 0.2 m along each axis (standard deviation)."""
    noise_m = rng.normal(0.0, 0.2, observed.xy_m.shape).astype(np.float32)
    return replace(observed, xy_m=np.where(observed.valid[..., None], observed.xy_m + noise_m, observed.xy_m))


def switched(observed: Observed, rng: np.random.Generator, _rate_hz: float) -> Observed:
    """One agent of ten took its identity over, somewhere in its past, from whoever is nearest to it now."""
    xy, heading, heading_valid, valid = (
        np.array(each) for each in (observed.xy_m, observed.heading_rad, observed.heading_valid, observed.valid)
    )
    place, num_steps = last_xy(observed), observed.valid.shape[1]
    for agent in np.flatnonzero(rng.random(len(place)) < _SWITCHED):
        others = np.flatnonzero(observed.scene == observed.scene[agent])
        others = others[others != agent]
        step = rng.integers(1, num_steps - 1)
        if len(others):
            other = others[np.argmin(np.linalg.norm(place[others] - place[agent], axis=-1))]
            for own, all_of_them in (
                (xy, observed.xy_m),
                (heading, observed.heading_rad),
                (heading_valid, observed.heading_valid),
                (valid, observed.valid),
            ):
                own[agent, :step] = all_of_them[other, :step]
    return replace(observed, xy_m=xy, heading_rad=heading, heading_valid=heading_valid, valid=valid)


def turned(observed: Observed, rng: np.random.Generator, _rate_hz: float) -> Observed:
    """One agent of ten has all its headings the wrong way round."""
    wrong = rng.random(len(observed.scene)) < _TURNED
    return replace(observed, heading_rad=observed.heading_rad + np.float32(np.pi) * wrong[:, None])


def shortened(seconds: float) -> Disturb:
    """Nobody was seen before the last seconds."""

    def disturb(observed: Observed, _rng: np.random.Generator, rate_hz: float) -> Observed:
        num_steps = observed.valid.shape[1]
        kept = np.arange(num_steps) >= num_steps - 1 - round(seconds * rate_hz)
        return _only(observed, np.broadcast_to(kept, observed.valid.shape))

    return disturb


def without_newest_frame(observed: Observed, _rng: np.random.Generator, _rate_hz: float) -> Observed:
    """The newest frame of every scene has not come yet."""
    names = ("agent_feature_valid", "ahead_feature_valid", "frame_feature_valid")
    valid = {name: np.array(getattr(observed, name)) for name in names}
    for each in valid.values():
        each[:, -1] = False
    return replace(observed, **valid)


def without_frames(observed: Observed, _rng: np.random.Generator, _rate_hz: float) -> Observed:
    """No camera was there."""
    return without_any_frame(observed)


DISTURBANCES: Final[Mapping[str, Disturb]] = {
    "30 % of observations dropped": dropped,
    "positions off by 0.2 m": jittered,
    "10 % of identities switched": switched,
    "10 % of headings turned round": turned,
    "seen for 1 s": shortened(1.0),
    "seen for 0.4 s": shortened(0.4),
    "newest frame late": without_newest_frame,
    "no frame at all": without_frames,
}


def _only(observed: Observed, kept: np.ndarray) -> Observed:
    """What is observed of some steps alone."""
    return replace(observed, valid=observed.valid & kept, heading_valid=observed.heading_valid & kept)
