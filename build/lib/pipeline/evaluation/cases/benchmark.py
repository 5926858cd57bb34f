"""Every kind of interaction trained on constructed scenes, and the reacting agents' errors beside those without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from models.interaction import InteractionName
from pipeline.config import EvaluateConfig, TrainConfig
from pipeline.evaluation import metrics
from pipeline.evaluation.bootstrap import Estimates, estimate, track_sums
from pipeline.evaluation.cases.cases import CASES
from pipeline.evaluation.cases.made import Constructed
from pipeline.evaluation.metrics import PerAgent
from pipeline.evaluation.overlap import forecast_overlap, recorded_overlap
from pipeline.forecasts import Forecasts
from pipeline.training.fit import fit_anew
from pipeline.training.predict import predict
from pipeline.windows.select import scenes_of
from pipeline.windows.windows import Windows

INTERACTIONS: Final[tuple[InteractionName, ...]] = ("none", "occupancy", "social", "attention")
METRICS: Final = ("ade_m", "fde_m", "min_ade_6_m", "min_fde_6_m", "overlap_rate")
_DECIMALS: Final = 4

Estimate = dict[str, float]  # value, low and high; without the ends where there is one track alone


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseResults:
    """Errors and overlap rates of reacting agents in the test split.

    Attributes:
        results: Interaction -> case (or ``all``, or ``<case>_reacts``: those who have to react) -> metric -> its mean
            over agents and seeds, with the 95 % interval over tracks.
        differences: The same of each interaction minus ``none``, agent by agent: negative is better than without.
        by_seed: Interaction -> case -> metric -> the mean of each seed.
        num_agents: Case -> reacting agents.
        recorded_overlap_rate: Case -> that of the recorded futures.
    """

    results: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    differences: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    by_seed: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    num_agents: Mapping[str, int]
    recorded_overlap_rate: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "num_agents": self.num_agents,
            "recorded_overlap_rate": self.recorded_overlap_rate,
            "results": self.results,
            "differences": self.differences,
            "by_seed": self.by_seed,
        }

    def lines(self) -> Iterator[str]:
        """A table: for each case, every interaction; below its means, the difference to ``none`` with its interval."""
        yield f"{'case':12}{'interaction':22}" + "".join(f"{metric:>24}" for metric in METRICS)
        for case in ("all", *CASES):
            for name, found in self.results.items():
                start = f"{case} ({self.num_agents[case]})" if name == "none" else ""
                yield f"{start:17}{name:17}" + "".join(f"{found[case][metric]['value']:24.3f}" for metric in METRICS)
                if name in self.differences:
                    row = self.differences[name][case]
                    yield f"{'':17}{'  minus none':17}" + "".join(f"{_interval(row[metric]):>24}" for metric in METRICS)


def run_cases(
    constructed: Constructed,
    *,
    train: TrainConfig,
    evaluate: EvaluateConfig,
    seeds: Sequence[int],
    interactions: Sequence[InteractionName] = INTERACTIONS,
) -> CaseResults:
    """Train each interaction once per seed on all cases together, and judge the test split's reacting agents.

    Args:
        constructed: Scenes of all parts.
        train: The recipe; interaction and seed are replaced, and there is no scene to use.
        evaluate: Resamples and seed of the intervals.
        seeds: One training each, the same for every interaction.
        interactions: What to train; the first is what the others are compared with.
    """
    test = constructed.take(scenes_of(constructed.windows, "test"))
    found = {
        name: [judge(forecast, test) for forecast in _forecasts(constructed.windows, test, train, name, seeds)]
        for name in interactions
    }
    masks = _masks(test)
    columns = [(name, case, metric) for name in found for case in masks for metric in METRICS]
    base = interactions[0]
    value = {key: np.concatenate([each[key[2]].value for each in found[key[0]]]) for key in columns}
    differences = {key: value[key] - value[base, key[1], key[2]] for key in columns if key[0] != base}
    valid = {
        (case, metric): np.tile(mask & found[base][0][metric].valid, len(seeds))
        for case, mask in masks.items()
        for metric in METRICS
    }
    keys = [*columns, *differences]
    # Every seed is one more copy of the test scenes: same tracks, so the bootstrap takes or leaves them together.
    sums = track_sums(
        np.stack([*value.values(), *differences.values()], axis=1),
        np.stack([valid[key[1:]] for key in keys], axis=1),
        track=np.tile(test.windows.index.track, len(seeds)),
    )
    estimates = estimate(sums, num_resamples=evaluate.bootstrap, seed=evaluate.seed)
    recorded = recorded_overlap(test.windows.observed, test.windows.future)
    return CaseResults(
        results=_nested(columns, estimates, start=0),
        differences=_nested(list(differences), estimates, start=len(columns)),
        by_seed={
            name: {
                case: {metric: [round(one[metric].mean(mask), _DECIMALS) for one in each] for metric in METRICS}
                for case, mask in masks.items()
            }
            for name, each in found.items()
        },
        num_agents={case: int(mask.sum()) for case, mask in masks.items()},
        recorded_overlap_rate={case: recorded.mean(mask) for case, mask in masks.items()},
    )


def judge(forecasts: Forecasts, test: Constructed) -> dict[str, PerAgent]:
    """``METRICS`` of every agent."""
    observed, future = test.windows.observed, test.windows.future
    return {
        "ade_m": metrics.ade(forecasts, future),
        "fde_m": metrics.fde(forecasts, future),
        "min_ade_6_m": metrics.min_ade(forecasts, future, num_modes=6),
        "min_fde_6_m": metrics.min_fde(forecasts, future, num_modes=6),
        "overlap_rate": forecast_overlap(forecasts, observed, future),
    }


def _forecasts(
    windows: Windows, test: Constructed, train: TrainConfig, interaction: InteractionName, seeds: Sequence[int]
) -> Iterator[Forecasts]:
    """Of the test scenes by one training after the other."""
    for seed in seeds:
        config = train.model_copy(update={"interaction": interaction, "scene": False, "seed": seed})
        yield predict(fit_anew(windows, config=config).model, test.windows)


def _masks(test: Constructed) -> dict[str, Bool[np.ndarray, " n"]]:
    """The reacting agents of all cases together and of each, and those of them that have to react."""
    case = test.case[test.windows.observed.scene]
    masks = {"all": test.reacting} | {name: test.reacting & (case == number) for number, name in enumerate(CASES)}
    return masks | {f"{name}_reacts": mask & test.reacts for name, mask in masks.items()}


def _nested(
    keys: Sequence[tuple[str, str, str]], estimates: Estimates, *, start: int
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """The columns from ``start`` on by interaction, case and metric."""
    nested: dict[str, dict[str, dict[str, Estimate]]] = {}
    for column, (name, case, metric) in enumerate(keys, start):
        ends = {"value": estimates.value, "low": estimates.low, "high": estimates.high}
        nested.setdefault(name, {}).setdefault(case, {})[metric] = {
            end: round(float(values[column]), _DECIMALS) for end, values in ends.items() if np.isfinite(values[column])
        }
    return nested


def _interval(found: Estimate) -> str:
    ends = f" [{found['low']:+.2f}, {found['high']:+.2f}]" if "low" in found else ""
    return f"{found['value']:+.2f}{ends}"
