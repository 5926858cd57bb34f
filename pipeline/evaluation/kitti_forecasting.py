"""KITTI forecasting by the protocol of DESIRE and MANTRA: which windows train and test, and how they are scored.

Lee et al., "DESIRE", CVPR 2017, whose authors gave the split; Marchetz et al., "MANTRA", CVPR 2020, whose loader and
evaluation are what is followed here to the letter:

* 20 observed and 40 future steps at 10 Hz, a window at every step of every track of every class, the recording car's
  too. A track must go on for at least one step after the window: the loader asks for more than 60 steps.
* The variant ``zeroed``: where the observed positions have a variance below 0.1 m2 on both axes, the loader takes the
  agent for standing still, and both its past and its future for resting at its last observed place. ``as_recorded``
  does without.
* Of K forecasts the one with the least mean displacement over the 4 s counts, and its errors at 1, 2, 3 and 4 s.

Only what is known at a forecast time enters: neighbours are all who are seen then, whether they are scored or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from pipeline.baselines.history import any_step, last_xy
from pipeline.config import IngestConfig, WindowsConfig
from pipeline.drives.kitti_forecasting import KittiForecastingReader
from pipeline.errors import InputError
from pipeline.evaluation import metrics
from pipeline.evaluation.protocol import in_all_steps, windows_of
from pipeline.forecasts import Forecasts
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.windows.windows import Future, Observed, Windows

TRAIN: Final = (
    *("0005", "0009", "0011", "0013", "0014", "0017", "0027", "0028"),
    *("0048", "0051", "0056", "0057", "0059", "0060", "0084", "0091"),
)
TEST: Final = ("0001", "0002", "0015", "0018", "0029", "0032", "0052", "0070")
VARIANTS: Final = ("zeroed", "as_recorded")
STILL_M2: Final = 0.1
HORIZONS_S: Final = (1, 2, 3, 4)
WINDOWS: Final = WindowsConfig(
    observed_s=1.9, future_s=4.0, rate_hz=10.0, every_s=0.1, max_age_s=0.05, num_frames=1, frame_spacing_s=0.1
)
# No speed is impossible: the loader splits no track.
_INGEST: Final = IngestConfig(rate_hz=10.0, snap_s=0.01, max_gap_s=0.1, max_speed_mps=1000.0, min_motion_m=0.5)
_NAME: Final = "kitti-forecasting-2011_09_26_drive_"


def read_drives(raw: Path, *, names: Sequence[str]) -> list[CleanDrive]:
    """Drives by their numbers, such as "0005".

    Raises:
        InputError: One is missing or cannot be read.
    """
    reader = KittiForecastingReader()
    found = {ref.name.removeprefix(_NAME): ref for ref in reader.find(raw)}
    missing = [name for name in names if name not in found]
    if missing:
        todo = "give the folder that holds kitti_dataset.json of MANTRA's release"
        raise InputError(raw, f"has no drive {missing[0]}", todo)
    return [ingest_drive(reader.read(found[name]), config=_INGEST) for name in names]


def protocol_windows(cleans: Sequence[CleanDrive], *, variant: str) -> tuple[Windows, Bool[np.ndarray, " n"]]:
    """A scene at every step, and which of its agents make a window of the protocol.

    Args:
        cleans: The drives.
        variant: Of ``VARIANTS``.

    Returns:
        The windows, in which these agents alone have a future; and who they are.
    """
    windows = windows_of(cleans, config=WINDOWS)
    scored = in_all_steps(windows.observed, windows.future) & _goes_on(windows, cleans)
    if variant == "zeroed":
        windows = zeroed(windows)
    future = replace(windows.future, valid=windows.future.valid & scored[:, None])
    return replace(windows, future=future), scored


def _goes_on(windows: Windows, cleans: Sequence[CleanDrive]) -> Bool[np.ndarray, " n"]:
    """The agent's track has a step after the last one of the window."""
    index = windows.index
    last_ns = {
        (clean.name, agent_id): t_ns
        for clean in cleans
        for agent_id, t_ns in clean.tracks.groupby("agent_id")["t_ns"].max().items()
    }
    ends_ns = np.array([last_ns[name] for name in index.track_names])[index.track]
    return ends_ns > index.t0_ns[windows.observed.scene] + round(WINDOWS.future_s * 1e9)


def stands_still(observed: Observed) -> Bool[np.ndarray, " n"]:
    """Who is seen at all steps and whose positions have a variance below ``STILL_M2`` on both axes."""
    # Float64 from the middle of the steps: far from the origin squares of single precision would round.
    xy_m = np.where(observed.valid[..., None], observed.xy_m, 0.0).astype(np.float64)
    return observed.valid.all(axis=1) & (xy_m.var(axis=1) < STILL_M2).all(axis=1)


def zeroed(windows: Windows) -> Windows:
    """Who stands still rests at its last observed place, before and after, and has no heading."""
    observed, future = windows.observed, windows.future
    still = stands_still(observed)[:, None]
    place_m = last_xy(observed)[:, None].astype(np.float32)
    return replace(
        windows,
        observed=replace(
            observed,
            xy_m=np.where(still[..., None], place_m, observed.xy_m),
            heading_rad=np.where(still, 0.0, observed.heading_rad).astype(np.float32),
            heading_valid=observed.heading_valid & ~still,
        ),
        future=replace(
            future,
            xy_m=np.where(still[..., None] & future.valid[..., None], place_m, future.xy_m),
            heading_rad=np.where(still, 0.0, future.heading_rad).astype(np.float32),
        ),
    )


def errors(single: Forecasts, future: Future, *, scored: Bool[np.ndarray, " n"]) -> dict[str, list[float]]:
    """``ade_m`` and ``fde_m`` of a single forecast up to and at each of ``HORIZONS_S``, means over the scored."""
    steps = [round(horizon_s * WINDOWS.rate_hz) for horizon_s in HORIZONS_S]
    assert any_step(future.valid)[scored].all()
    return {
        "ade_m": [metrics.ade(single, future, num_steps=num).mean(scored) for num in steps],
        "fde_m": [metrics.fde(single, future, num_steps=num).mean(scored) for num in steps],
    }


def best_errors(forecasts: Forecasts, future: Future, *, scored: Bool[np.ndarray, " n"]) -> dict[str, list[float]]:
    """As ``errors``, of the mode with the least mean displacement over the whole future."""
    distance = metrics.mode_displacement(forecasts, future, num_modes=forecasts.probability.shape[1])
    order = np.argsort(-forecasts.probability, axis=1, kind="stable")
    best = np.take_along_axis(order, distance.mean(axis=-1).argmin(axis=1)[:, None], axis=1)
    chosen = np.take_along_axis(forecasts.mode_xy_m, best[..., None, None], axis=1)[:, 0]
    return errors(replace(forecasts, single_xy_m=chosen), future, scored=scored)


def least_final_errors(forecasts: Forecasts, future: Future, *, scored: Bool[np.ndarray, " n"]) -> list[float]:
    """The least final error of all modes at each of ``HORIZONS_S``, each minimum by itself: not the published way."""
    distance = metrics.mode_displacement(forecasts, future, num_modes=forecasts.probability.shape[1])
    last = [round(horizon_s * WINDOWS.rate_hz) - 1 for horizon_s in HORIZONS_S]
    return distance[scored][..., last].min(axis=1).mean(axis=0).tolist()
