"""The numbers behind the plots: error over the horizon, observed over nominal coverage, and reliability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool

from pipeline.behaviour.manoeuvre import manoeuvres
from pipeline.config import EvaluateConfig
from pipeline.evaluation.bootstrap import estimate, track_sums
from pipeline.evaluation.calibration import Reliability, mode_reliability, reliability, squared_distance
from pipeline.evaluation.metrics import displacement, step_mean
from pipeline.evaluation.scored import movers, scored_agents
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Windows

LEVELS: Final = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])


def scored_movers(windows: Windows, *, config: EvaluateConfig) -> Bool[np.ndarray, " n"]:
    """Scored agents that move."""
    moving = movers(windows.observed, windows.future, mover_m=config.mover_m)
    return scored_agents(windows.observed, windows.future).mask & moving


def horizon_table(forecasts: Mapping[str, Forecasts], windows: Windows, *, config: EvaluateConfig) -> pd.DataFrame:
    """Mean error of the movers' single forecasts, in metres, at every future step.

    Returns:
        ``horizon_s`` and, per forecaster, ``<name>``, ``<name>_low`` and ``<name>_high`` (95 % interval over tracks).
        NaN at steps that no mover has.
    """
    mask = scored_movers(windows, config=config)
    columns: dict[str, np.ndarray] = {"horizon_s": np.arange(1, windows.future.valid.shape[1] + 1) / windows.rate_hz}
    for name, each in forecasts.items():
        error = displacement(each.single_xy_m, windows.future)
        sums = track_sums(error, windows.future.valid & mask[:, None], track=windows.index.track)
        found = estimate(sums, num_resamples=config.bootstrap, seed=config.seed)
        columns |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return pd.DataFrame(columns)


def calibration_table(forecasts: Mapping[str, Forecasts], windows: Windows, *, config: EvaluateConfig) -> pd.DataFrame:
    """Share of the movers' recorded steps inside the single forecast's ellipse, per nominal share and forecaster."""
    mask = scored_movers(windows, config=config)
    columns: dict[str, np.ndarray] = {"nominal": LEVELS}
    for name, each in forecasts.items():
        distance = squared_distance(each, windows.future)
        inside = [(distance <= -2.0 * np.log1p(-level)).astype(np.float64) for level in LEVELS]
        columns[name] = np.array([step_mean(share, windows.future.valid).mean(mask) for share in inside])
    return pd.DataFrame(columns)


def reliability_table(forecasts: Mapping[str, Forecasts], windows: Windows, *, config: EvaluateConfig) -> pd.DataFrame:
    """The movers' probabilities of modes, directions and paces, against how often they came true.

    Of forecasters that tell them: with more than one mode, not all as likely, and with a manoeuvre head.

    Returns:
        A row per forecaster, what is told (``mode``, ``direction``, ``pace``) and bin of probability that holds
        something: ``forecaster, what, told, happened`` (means over the bin's pairs) and ``num_pairs``.
    """
    mask = scored_movers(windows, config=config)
    did = manoeuvres(windows.observed, windows.future, rate_hz=windows.rate_hz)
    found: dict[tuple[str, str], Reliability] = {}
    for name, each in forecasts.items():
        if np.ptp(each.probability) > 0.0:
            found[name, "mode"] = mode_reliability(each, windows.future, mask=mask)
        if each.manoeuvres is not None:
            told = each.manoeuvres
            turned = mask & did.direction_valid & told.direction_known
            found[name, "direction"] = reliability(told.direction[turned], true=did.direction[turned])
            changed = mask & did.pace_valid & told.pace_known
            found[name, "pace"] = reliability(told.pace[changed], true=did.pace[changed])
    rows = [
        (name, what, told / pairs, happened / pairs, pairs)
        for (name, what), each in found.items()
        for told, happened, pairs in zip(each.told, each.happened, each.num_pairs, strict=True)
        if pairs
    ]
    return pd.DataFrame(rows, columns=["forecaster", "what", "told", "happened", "num_pairs"])
