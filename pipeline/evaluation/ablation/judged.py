"""What an ablation keeps of forecasts: a few metrics per agent, small enough to hold those of all trainings at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Int

from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation.behaviour import behaviour_metrics, behaviour_of, choices_of, recorded_behaviour
from pipeline.evaluation.macro_f1 import Choices, macro_f1
from pipeline.evaluation.metrics import PerAgent
from pipeline.evaluation.report import Table, agent_metrics, estimates, written
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Windows

_KEPT: Final = re.compile(
    r"ade_m|fde_m|min_[af]de_6_m|miss_rate_\w+|nll|overlap_rate|offroad_rate|\w+_brier|accel_mae_mps2|curvature_mae_1pm"
)
_OWN, _REFERENCE, _DIFFERENCE = "own", "reference", "own_minus_reference"
Masks = Mapping[str, Bool[np.ndarray, " n"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The metrics of n agents.

    Attributes:
        metrics: By name, as in ``report``.
        choices: What the macro-F1 of this name is made of.
    """

    metrics: Mapping[str, PerAgent]
    choices: Mapping[str, Choices]


def judge(
    forecasts: Forecasts, windows: Windows, *, config: EvaluateConfig, overlaps: bool, maps: Mapping[str, DriveMap]
) -> Judged:
    """Judge forecasts as ``report.evaluate`` does.

    Args:
        forecasts: Aligned with ``windows.observed``.
        windows: What was observed and what came after.
        config: The section ``evaluate``.
        overlaps: Also the overlap rate, which costs more than all the rest.
        maps: By drive name; for the off-road rate, which is absent without any.
    """
    behaviour = behaviour_of(forecasts, windows.observed, rate_hz=windows.rate_hz)
    recorded = recorded_behaviour(windows)
    found = agent_metrics(forecasts, windows, config=config, overlaps=overlaps, maps=maps)
    found |= behaviour_metrics(behaviour, recorded)
    everyone = {"": np.ones(len(windows.observed.category), dtype=bool)}
    choices = choices_of({"": behaviour}, recorded, masks=everyone)
    return Judged(
        metrics={name: each for name, each in found.items() if _KEPT.fullmatch(name)},
        choices={metric: each for (_, _, metric), each in choices.items()},
    )


def join(several: Sequence[Judged]) -> Judged:
    """One after the other: of the same agents for each seed."""
    first = several[0]
    return Judged(
        metrics={
            name: PerAgent(
                value=np.concatenate([each.metrics[name].value for each in several]),
                valid=np.concatenate([each.metrics[name].valid for each in several]),
            )
            for name in first.metrics
        },
        choices={
            name: Choices(
                chosen=np.concatenate([each.choices[name].chosen for each in several]),
                true=np.concatenate([each.choices[name].true for each in several]),
                valid=np.concatenate([each.choices[name].valid for each in several]),
                num_classes=choices.num_classes,
            )
            for name, choices in first.choices.items()
        },
    )


def means(judged: Judged, masks: Masks) -> dict[str, dict[str, float]]:
    """Slice -> metric -> its mean; what nobody has is absent."""
    choices = _choices("", judged, masks)
    nobody = np.zeros(len(next(iter(judged.metrics.values())).value), dtype=np.int64)
    f1 = macro_f1(choices, minus={}, track=nobody, num_resamples=1, seed=0)
    found: dict[str, dict[str, float]] = {}
    for part, mask in masks.items():
        values = {name: each.mean(mask) for name, each in judged.metrics.items() if (each.valid & mask).any()}
        values |= {metric: each.value for (_, own, metric), each in f1.items() if own == part}
        if values:
            found[part] = values
    return found


def compare(
    own: Judged,
    reference: Judged | None,
    *,
    masks: Masks,
    track: Int[np.ndarray, " n"],
    config: EvaluateConfig,
) -> dict[str, Any]:
    """Means with 95 % intervals by bootstrap over tracks, and what the reference's are less, paired.

    Args:
        own: What was judged.
        reference: That it is compared with, of the same agents.
        masks: Slice -> its agents.
        track: Any number that all windows of a track share.
        config: The section ``evaluate``.

    Returns:
        Slice -> metric, metric_low, metric_high, ..., num_agents, num_tracks; and under ``difference`` the same of own
        minus reference (negative errors: own is better; of macro-F1, positive).
    """
    table: Table = {
        (_OWN, part, name): replace(each, valid=each.valid & mask)
        for part, mask in masks.items()
        for name, each in own.metrics.items()
    }
    choices, minus = _choices(_OWN, own, masks), {}
    if reference is not None:
        table |= {
            (_DIFFERENCE, part, name): PerAgent(
                value=each.value - reference.metrics[name].value,
                valid=each.valid & reference.metrics[name].valid & mask,
            )
            for part, mask in masks.items()
            for name, each in own.metrics.items()
        }
        minus = {(_DIFFERENCE, part, name): ((_OWN, part, name), (_REFERENCE, part, name)) for _, part, name in choices}
        choices |= _choices(_REFERENCE, reference, masks)
    found = estimates(table, track=track, config=config)
    f1 = macro_f1(choices, minus=minus, track=track, num_resamples=config.bootstrap, seed=config.seed)
    differences = found.get("difference", {}).get(_DIFFERENCE, {})
    result: dict[str, Any] = dict(found.get(_OWN, {}))
    for (name, part, metric), interval in f1.items():
        if name != _REFERENCE:
            cells = result if name == _OWN else differences
            cells[part] |= written(metric, interval.value, interval.low, interval.high)
    return result if reference is None else result | {"difference": differences}


def _choices(name: str, judged: Judged, masks: Masks) -> dict[tuple[str, str, str], Choices]:
    return {
        (name, part, metric): replace(each, valid=each.valid & mask)
        for part, mask in masks.items()
        for metric, each in judged.choices.items()
    }
