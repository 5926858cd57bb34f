"""All metrics of all forecasters over all slices, as the JSON of ``reports/metrics.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Int

from models.batch import REGIONS
from pipeline.behaviour.keeps import Keeps
from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation import metrics
from pipeline.evaluation.behaviour import (
    behaviour_metrics,
    behaviours_of,
    choices_of,
    recorded_behaviour,
    support,
)
from pipeline.evaluation.bootstrap import TrackSums, estimate, track_sums
from pipeline.evaluation.calibration import coverage, mode_reliability
from pipeline.evaluation.likelihood import nll_mixture, nll_single
from pipeline.evaluation.macro_f1 import Choices, macro_f1
from pipeline.evaluation.metrics import PerAgent
from pipeline.evaluation.offroad import NO_MAPS, offroad_rate, offroad_rate_modes, recorded_offroad_rate
from pipeline.evaluation.overlap import forecast_overlap, recorded_overlap
from pipeline.evaluation.scored import scored_agents, slices
from pipeline.forecasts import Forecasts
from pipeline.progress import track
from pipeline.windows.windows import Windows

BEST_OF: Final = (1, 5, 6)
COMPARED_SLICES: Final = ("all", "movers", "followers", "yielders")
_DECIMALS: Final = 5
_COVERED_SECOND: Final = re.compile(r"coverage_\d+_\d+s")  # too many for an interval each
_BATCH: Final = 64  # columns summed at a time, which bounds the memory

Key = tuple[str, str, str]  # (forecaster, slice, metric)
Table = dict[Key, PerAgent]


def evaluate(
    forecasts: Mapping[str, Forecasts],
    windows: Windows,
    *,
    config: EvaluateConfig,
    overlaps: bool = True,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    keeps: Keeps | None = None,
) -> dict[str, Any]:
    """Score forecasters beside each other on the same windows.

    Args:
        forecasts: By name, aligned with ``windows.observed``. The first is compared with each of the others.
        windows: What was observed and what came after; nobody here may have been trained on them.
        config: The section ``evaluate``.
        overlaps: Also compute the overlap rates, which cost more than all the rest.
        maps: By drive name; for the off-road rates, which are absent without any.
        keeps: The baseline of behaviour, fitted on other windows; it is reported as ``keeps``, without positions.

    Returns:
        ``{forecaster: {slice: {metric, metric_low, metric_high, ..., num_agents, num_tracks}}}`` with 95 % bootstrap
        intervals (but for the coverage of single seconds); slices are those of ``scored.slices``. ``recorded`` holds
        the overlap and off-road rates of the recorded futures, ``difference`` holds ``{first_minus_other: ...}`` with
        paired intervals (negative errors: the first is better; of macro-F1, positive), ``counts`` says who was scored,
        who was left out, and how many did which manoeuvre. What cannot be computed is absent; nothing is NaN.
    """
    scored = scored_agents(windows.observed, windows.future)
    masks = slices(windows, mover_m=config.mover_m)
    per_agent = {
        name: agent_metrics(each, windows, config=config, overlaps=overlaps, maps=maps)
        for name, each in track(forecasts.items(), total=len(forecasts), description="Scoring")
    }
    behaviours, recorded = behaviours_of(forecasts, windows, keeps=keeps), recorded_behaviour(windows)
    for name, behaviour in behaviours.items():
        per_agent[name] = per_agent.get(name, {}) | behaviour_metrics(behaviour, recorded)
    for name, each in forecasts.items():
        assert np.isfinite(each.single_xy_m[scored.mask]).all(), f"{name} forecasts numbers that are not finite"
    table: Table = {
        (name, part, metric): PerAgent(value=value.value, valid=value.valid & mask)
        for name, found in per_agent.items()
        for part, mask in masks.items()
        for metric, value in found.items()
    }
    table |= _recorded(windows, masks, overlaps=overlaps, maps=maps)
    table |= _differences(per_agent, masks)
    result = estimates(table, track=windows.index.track, config=config)
    choices = choices_of(behaviours, recorded, masks=masks)
    minus = _pairs(list(behaviours), choices)
    f1 = macro_f1(choices, minus=minus, track=windows.index.track, num_resamples=config.bootstrap, seed=config.seed)
    for (name, part, metric), interval in f1.items():
        _parent(result, name)[name][part] |= written(metric, interval.value, interval.low, interval.high)
    for name, each in forecasts.items():
        for part in result[name] if each.probability.shape[1] > 1 else ():
            error = mode_reliability(each, windows.future, mask=masks[part]).error
            result[name][part] |= written("probability_ece", error, np.nan, np.nan)
    names = [key for key in (*per_agent, "recorded", "difference") if key in result]
    counts = {
        "scenes": len(windows.index.t0_ns),
        "drives": len(np.unique(windows.index.drive)),
        "agents": len(scored.mask),
        "scored_agents": int(scored.mask.sum()),
        "scored_tracks": len(np.unique(windows.index.track[scored.mask])),
        "movers": int(masks["movers"].sum()),
        "left_out": dict(scored.left_out),
        "manoeuvres": support(recorded.manoeuvres, mask=scored.mask),
    }
    return {name: result[name] for name in names} | {"counts": counts}


def agent_metrics(
    forecasts: Forecasts,
    windows: Windows,
    *,
    config: EvaluateConfig,
    overlaps: bool = True,
    maps: Mapping[str, DriveMap] = NO_MAPS,
) -> dict[str, PerAgent]:
    """Every metric of one forecaster, by the name under which it is reported."""
    future, miss = windows.future, f"miss_rate_fde_{config.miss_m:g}m"
    found = {"ade_m": metrics.ade(forecasts, future), "fde_m": metrics.fde(forecasts, future)}
    found |= {f"min_ade_{k}_m": metrics.min_ade(forecasts, future, num_modes=k) for k in BEST_OF}
    found |= {f"min_fde_{k}_m": metrics.min_fde(forecasts, future, num_modes=k) for k in BEST_OF}
    found[miss] = metrics.miss_rate(found["fde_m"], miss_m=config.miss_m)
    found[f"{miss}_best_of_6"] = metrics.miss_rate(found["min_fde_6_m"], miss_m=config.miss_m)
    found |= {"nll": nll_single(forecasts, future), "nll_mixture": nll_mixture(forecasts, future)}
    found |= {f"coverage_{level * 100:g}": coverage(forecasts, future, level=level) for level in REGIONS}
    if overlaps:
        found["overlap_rate"] = forecast_overlap(forecasts, windows.observed, future)
    if maps:
        found["offroad_rate"] = offroad_rate(forecasts, windows, maps=maps)
        found["offroad_rate_modes"] = offroad_rate_modes(forecasts, windows, maps=maps)
    per_second, whole_seconds = windows.rate_hz, int(future.valid.shape[1] / windows.rate_hz + 1e-9)
    for second in range(1, whole_seconds + 1):
        first, last = round((second - 1) * per_second), round(second * per_second)
        found[f"ade_{second}s_m"] = metrics.ade(forecasts, future, num_steps=last)
        found[f"fde_{second}s_m"] = metrics.fde(forecasts, future, num_steps=last)
        for level in REGIONS:
            during = coverage(forecasts, future, level=level, steps=slice(first, last))
            found[f"coverage_{level * 100:g}_{second}s"] = during
    return found


def _pairs(names: Sequence[str], choices: Mapping[Key, Choices]) -> dict[Key, tuple[Key, Key]]:
    """Which macro-F1 less which other one: of the first forecaster and each other, on the slices that are compared."""
    first, *others = names
    return {
        (f"{first}_minus_{other}", part, metric): ((first, part, metric), (other, part, metric))
        for other in others
        for name, part, metric in choices
        if name == first and part in COMPARED_SLICES
    }


def _parent(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Where a forecaster or a difference of two is written."""
    return result.setdefault("difference", {}) if "_minus_" in name else result


def written(metric: str, value: float, low: float, high: float) -> dict[str, float]:
    """A value and the ends of its interval, where they are."""
    ends = {"": value, "_low": low, "_high": high}
    return {f"{metric}{suffix}": round(float(each), _DECIMALS) for suffix, each in ends.items() if np.isfinite(each)}


def _recorded(
    windows: Windows,
    masks: Mapping[str, Bool[np.ndarray, " n"]],
    *,
    overlaps: bool,
    maps: Mapping[str, DriveMap],
) -> Table:
    """What the recorded futures amount to by the metrics that need no forecast."""
    found: dict[str, PerAgent] = {}
    if overlaps:
        found["overlap_rate"] = recorded_overlap(windows.observed, windows.future)
    if maps:
        found["offroad_rate"] = recorded_offroad_rate(windows, maps=maps)
    return {
        ("recorded", part, metric): PerAgent(value=value.value, valid=value.valid & mask)
        for metric, value in found.items()
        for part, mask in masks.items()
    }


def _differences(per_agent: Mapping[str, Mapping[str, PerAgent]], masks: Mapping[str, Bool[np.ndarray, " n"]]) -> Table:
    """Agent by agent, the first forecaster minus each other one."""
    first, *others = per_agent
    return {
        (f"{first}_minus_{other}", part, metric): PerAgent(
            value=value.value - per_agent[other][metric].value,
            valid=value.valid & per_agent[other][metric].valid & masks[part],
        )
        for other in others
        for part in COMPARED_SLICES
        for metric, value in per_agent[first].items()
        if metric in per_agent[other]
        if not metric.startswith("coverage")  # nearer to the level is better, so a difference says nothing
    }


def estimates(table: Table, *, track: Int[np.ndarray, " n"], config: EvaluateConfig) -> dict[str, dict[str, Any]]:
    """Means and intervals of all columns in one bootstrap, nested by name and slice.

    Args:
        table: Of the same n agents; names with ``_minus_`` are nested once more, under ``difference``.
        track: Any number that all windows of a track share.
        config: The section ``evaluate``.
    """
    if not len(track):
        return {}
    columns = list(table.values())
    sums = [
        track_sums(
            np.stack([column.value for column in batch], axis=1),
            np.stack([column.valid for column in batch], axis=1),
            track=track,
        )
        for batch in (columns[start : start + _BATCH] for start in range(0, len(columns), _BATCH))
    ]
    found = estimate(
        TrackSums(
            total=np.concatenate([each.total for each in sums], axis=1),
            count=np.concatenate([each.count for each in sums], axis=1),
        ),
        num_resamples=config.bootstrap,
        seed=config.seed,
    )
    result: dict[str, dict[str, Any]] = {}
    for column, (name, part, metric) in enumerate(table):
        if not found.num_agents[column]:
            continue
        cell = _parent(result, name).setdefault(name, {}).setdefault(part, {})
        alone = bool(_COVERED_SECOND.fullmatch(metric))
        low, high = (np.nan if alone else ends[column] for ends in (found.low, found.high))
        cell |= written(metric, found.value[column], low, high)
        for key, values in {"num_agents": found.num_agents, "num_tracks": found.num_tracks}.items():
            cell[key] = max(int(values[column]), cell.get(key, 0))
    return result
