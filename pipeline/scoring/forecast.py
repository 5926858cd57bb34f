"""One drive from its raw recording to forecasts, by the very code that made the training data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import Float, Int

from pipeline.baselines import constant_velocity
from pipeline.baselines.history import last_xy
from pipeline.config import WindowsConfig
from pipeline.drives.drive import Drive
from pipeline.drives.map import DriveMap
from pipeline.drives.registry import DriveRef, read_drive
from pipeline.errors import Dropped, InputError, Suspicion
from pipeline.forecasts import Forecasts
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.scene.extract import extract_features, pick_device
from pipeline.scene.store import SceneFeatures
from pipeline.scoring.health import Health, input_health, merge, sound
from pipeline.training.bundle import Bundle
from pipeline.training.familiar import NOT_MEASURED, Drift
from pipeline.training.predict import AGENTS_PER_BATCH, Network, predict, predict_by
from pipeline.windows.build import build_windows
from pipeline.windows.select import select_agents
from pipeline.windows.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class DriveForecast:
    """Forecasts of every agent of one drive at every forecast time.

    Attributes:
        name: The drive's name, a plain file name.
        windows: Its scenes; none belongs to a split.
        forecasts: Aligned with ``windows.observed``; finite throughout.
        health: ``Health`` of each.
        dropped: What reading, cleaning and looking at the frames left out, and why.
        notes: What reading and cleaning had to assume.
        suspicions: What is hardly as the drive's source meant it.
        map: Of the drive, in its world frame; None where it has none.
        scene_scores: How unusual each scene is (``Familiar.scene_scores``); None where it was not measured.
        drift: How the drive differs from those of the training.
        seconds: Spent in each step.
    """

    name: str
    windows: Windows
    forecasts: Forecasts
    health: Int[np.ndarray, " n"]
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    map: DriveMap | None = None
    scene_scores: Float[np.ndarray, " b"] | None = None
    drift: Drift = NOT_MEASURED
    seconds: dict[str, float] = field(default_factory=dict)


def forecast_drive(
    bundle: Bundle,
    drive: Drive,
    *,
    device: str = "auto",
    cache: Path | None = None,
    every_s: float | None = None,
    batch_size: int = AGENTS_PER_BATCH,
    network: Network | None = None,
) -> DriveForecast:
    """Forecast every agent of a new drive at every forecast time.

    Args:
        bundle: The model with the configuration of everything before it.
        drive: As its reader delivered it.
        device: ``auto``, ``cpu`` or ``cuda``.
        cache: Folder where features of frames are kept between runs; none by default.
        every_s: Between forecast times, if other than in training.
        batch_size: Agents that go through the network at once; it changes the last bits of the forecasts.
        network: What runs in the place of the bundle's forecaster.

    Raises:
        InputError: Nothing of the drive can be used.
    """
    seconds: dict[str, float] = {}
    started = perf_counter()

    def lap(step: str) -> None:
        seconds[step] = perf_counter() - started - sum(seconds.values())

    clean = ingest_drive(drive, config=bundle.ingest)
    lap("ingest")
    features = _features(bundle, clean, device=device, cache=cache)
    lap("scene_features")
    windows = build_windows([clean], {clean.name: features}, config=_windows_config(bundle, every_s), split=None)
    lap("windows")
    forecasts, health = forecast_windows(
        bundle, windows, device=pick_device(device), batch_size=batch_size, network=network
    )
    lap("forecast")
    scene_scores, drift = bundle.familiar.scene_scores(windows), bundle.familiar.drift(windows)
    lap("drift")
    return DriveForecast(
        name=drive.name,
        windows=windows,
        forecasts=forecasts,
        health=health,
        dropped=(*clean.dropped, *features.dropped),
        notes=clean.notes,
        suspicions=clean.suspicions,
        map=clean.map,
        scene_scores=scene_scores,
        drift=drift,
        seconds=seconds,
    )


def scenes_of_drives(
    bundle: Bundle, refs: Iterable[DriveRef], *, device: str = "auto"
) -> tuple[Windows, list[InputError]]:
    """The scenes of drives as ``forecast_drive`` makes them, frames included, and why others of them have none.

    Args:
        bundle: The model with the configuration of everything before it.
        refs: Where the drives are.
        device: That looks at frames.
    """
    cleans: list[CleanDrive] = []
    problems: list[InputError] = []
    for ref in refs:
        try:
            cleans.append(ingest_drive(read_drive(ref), config=bundle.ingest))
        except InputError as problem:
            problems.append(problem)
    features = {clean.name: _features(bundle, clean, device=device, cache=None) for clean in cleans}
    return build_windows(cleans, features, config=bundle.windows, split=None), problems


def forecast_windows(
    bundle: Bundle,
    windows: Windows,
    *,
    device: str,
    batch_size: int = AGENTS_PER_BATCH,
    network: Network | None = None,
) -> tuple[Forecasts, Int[np.ndarray, " n"]]:
    """The model's forecasts where they are sound, constant velocity elsewhere, and the ``Health`` of each."""
    observed = windows.observed
    if network is None:
        ours = predict(bundle.model, windows, device=device, agents_per_batch=batch_size)
    else:
        ours = predict_by(network, windows, agents_per_batch=batch_size)
    health = input_health(observed)
    trusted = np.isin(health, (Health.OK, Health.STALE))
    good = sound(ours, observed=observed, rate_hz=windows.rate_hz, max_speed_mps=bundle.ingest.max_speed_mps)
    health = np.where(trusted & ~good, np.int8(Health.NON_FINITE), health)
    use = trusted & good
    fallback = constant_velocity.forecast(
        select_agents(observed, np.flatnonzero(~use)),
        num_future=bundle.windows.num_future,
        rate_hz=windows.rate_hz,
        num_modes=ours.probability.shape[1],
        fitted=bundle.constant_velocity,
    )
    merged = merge(ours, fallback=fallback, use=use, last_m=last_xy(observed), static=health == Health.STATIC)
    return merged, health


def _features(bundle: Bundle, clean: CleanDrive, *, device: str, cache: Path | None) -> SceneFeatures:
    if bundle.backbone is None:
        return SceneFeatures.empty(clean, bundle.model.config.scene_channels)
    return extract_features(clean, backbone=bundle.backbone, config=bundle.scene, cache=cache, device=device)


def _windows_config(bundle: Bundle, every_s: float | None) -> WindowsConfig:
    return bundle.windows if every_s is None else bundle.windows.model_copy(update={"every_s": every_s})
