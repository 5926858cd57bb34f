"""Clean drives and their scene features to windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

from pipeline.config import WindowsConfig
from pipeline.errors import Dropped
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.split import Split
from pipeline.progress import track
from pipeline.scene.kind import common_channels
from pipeline.scene.store import SceneFeatures
from pipeline.windows.cut import Cut, History, cut, forecast_steps
from pipeline.windows.grid import Grid, make_grid
from pipeline.windows.inputs import observe, observed_steps, scene_origins
from pipeline.windows.join import concatenate
from pipeline.windows.windows import UNSPLIT, Future, SceneIndex, Windows

_S_TO_NS = 1_000_000_000
_REASONS: Final = (
    "",  # kept
    "not within one split",
    "no agent known",
    "no agent with two known steps",
    "no agent with a recorded future",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """Windows, and the forecast times that made no scene."""

    windows: Windows
    left_out: tuple[Dropped, ...]


def build_windows(
    cleans: Sequence[CleanDrive],
    features: Mapping[str, SceneFeatures],
    *,
    config: WindowsConfig,
    split: Split | None,
) -> Windows:
    """As ``build``, without the account of what was left out."""
    return build(cleans, features, config=config, split=split).windows


def build(
    cleans: Sequence[CleanDrive],
    features: Mapping[str, SceneFeatures],
    *,
    config: WindowsConfig,
    split: Split | None,
) -> Built:
    """Scenes around the forecast times of drives.

    With a split, a data set: each scene, with all that it reads, lies within one part of the split, some agent
    has two known steps and some agent has a recorded future. Without one, everything that can be scored: every
    forecast time at which an agent was known, up to the drive's last step.

    Args:
        cleans: The drives; their names differ.
        features: By drive name, for each of them; all that have frames have the same channels.
        config: The window.
        split: Which drives or blocks train, choose and judge, or None.

    Raises:
        InputError: A parameter is no whole number of steps, or the drives' features differ in channels.
    """
    assert cleans, "no drives"
    channels = common_channels([features[clean.name].kind for clean in cleans])
    drives = track(cleans, total=len(cleans), description="windows") if len(cleans) > 1 else cleans
    built = [build_drive(c, features[c.name], config=config, split=split, channels=channels) for c in drives]
    return Built(
        windows=concatenate([one.windows for one in built]),
        left_out=tuple(dropped for one in built for dropped in one.left_out),
    )


def build_drive(
    clean: CleanDrive, features: SceneFeatures, *, config: WindowsConfig, split: Split | None, channels: int
) -> Built:
    """As ``build``, of one drive.

    Args:
        clean: The drive.
        features: Of it.
        config: The window.
        split: As in ``build``.
        channels: Of all drives' scene features.
    """
    grid = make_grid(config, clean_rate_hz=clean.rate_hz)
    steps = forecast_steps(clean, grid=grid)
    splits = _splits(clean, steps, config=config, split=split)
    parts = cut(clean, steps=steps, features=features, config=config, grid=grid)
    reason = _reasons(parts, splits, grid=grid, dataset=split is not None)
    if reason.any():  # cutting again costs less than gathering what is kept
        parts = cut(clean, steps=steps[reason == 0], features=features, config=config, grid=grid)
    counts = np.bincount(reason, minlength=len(_REASONS))
    left_out = tuple(
        Dropped(where=clean.name, reason=why, count=int(count))
        for why, count in zip(_REASONS[1:], counts[1:], strict=True)
        if count
    )
    splits = splits[reason == 0]
    windows = _windows(clean, parts, splits, features=features, rate_hz=config.rate_hz, channels=channels, grid=grid)
    return Built(windows=windows, left_out=left_out)


def part_of_drive(
    clean: CleanDrive, features: SceneFeatures, *, config: WindowsConfig, split: Split, part: int
) -> tuple[History, Windows]:
    """One drive's scenes of one part of the split: what was known there, and the windows. Nothing is left out.

    Args:
        clean: The drive.
        features: Of it.
        config: The window.
        split: Of the drives.
        part: Index into ``SPLITS``.
    """
    grid = make_grid(config, clean_rate_hz=clean.rate_hz)
    steps = forecast_steps(clean, grid=grid)
    splits = _splits(clean, steps, config=config, split=split)
    steps, splits = steps[splits == part], splits[splits == part]
    parts = cut(clean, steps=steps, features=features, config=config, grid=grid)
    channels = features.maps.shape[1]
    windows = _windows(clean, parts, splits, features=features, rate_hz=config.rate_hz, channels=channels, grid=grid)
    return parts.history, windows


def _splits(
    clean: CleanDrive, steps: Int[np.ndarray, " b"], *, config: WindowsConfig, split: Split | None
) -> Int[np.ndarray, " b"]:
    """The part of the split that holds all that a scene reads, its frames included, within the drive."""
    if split is None:
        return np.full(len(steps), UNSPLIT, np.int8)
    past_ns = round(max(config.observed_s, config.num_frames * config.frame_spacing_s) * _S_TO_NS)
    times_ns = clean.step_times_ns[steps]
    starts = np.maximum(times_ns - past_ns, clean.step_times_ns[0])
    ends = np.minimum(times_ns + round(config.future_s * _S_TO_NS), clean.step_times_ns[-1])
    parts = [split.of(clean.name, int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
    return np.array(parts, np.int8)


def _reasons(parts: Cut, splits: Int[np.ndarray, " b"], *, grid: Grid, dataset: bool) -> Int[np.ndarray, " b"]:
    """Why each scene is left out, an index into ``_REASONS``; 0: it is kept."""
    history = parts.history

    def some(of_agent: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " b"]:
        return np.bincount(history.scene, weights=of_agent, minlength=len(splits)) > 0

    known = some(np.ones(len(history.scene), np.bool_))
    two_known = some(np.asarray(observed_steps(history.valid, grid=grid).sum(axis=1) >= 2))
    recorded = some(np.asarray(parts.recorded.valid.any(axis=1)))
    wrong = [dataset & (splits == UNSPLIT), ~known, dataset & ~two_known, dataset & ~recorded]
    return np.select(wrong, list(range(1, len(_REASONS))), default=0)


def _windows(
    clean: CleanDrive,
    parts: Cut,
    splits: Int[np.ndarray, " b"],
    *,
    features: SceneFeatures,
    rate_hz: float,
    channels: int,
    grid: Grid,
) -> Windows:
    """The scenes of one drive."""
    history, recorded = parts.history, parts.recorded
    num_scenes = len(history.t0_ns)
    origin_m = scene_origins(history)
    future_m = recorded.xy_m - origin_m[history.scene, None]
    return Windows(
        rate_hz=rate_hz,
        index=SceneIndex(
            drive=np.zeros(num_scenes, np.int32),
            t0_ns=history.t0_ns,
            origin_m=origin_m,
            split=splits,
            agent_offset=np.searchsorted(history.scene, np.arange(num_scenes + 1)),
            track=parts.agent.astype(np.int32),
            drive_names=(clean.name,),
            track_names=tuple((clean.name, agent_id) for agent_id in parts.agent_ids),
        ),
        observed=observe(history, origin_m=origin_m, features=features, channels=channels, grid=grid),
        future=Future(
            xy_m=np.where(recorded.valid[..., None], future_m, 0.0).astype(np.float32),
            heading_rad=recorded.heading_rad.astype(np.float32),
            valid=recorded.valid,
        ),
    )
