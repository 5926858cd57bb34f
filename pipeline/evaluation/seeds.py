"""The forecasters over several seeds on held-out drives, so that luck is told from merit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.forecaster import Forecaster
from pipeline.behaviour.keeps import Keeps, fit_keeps
from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation.held_out import baseline_forecasts
from pipeline.evaluation.offroad import NO_MAPS
from pipeline.evaluation.report import evaluate
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.training.predict import predict
from pipeline.training.recipe import CHECKPOINTS, Recipe, Training
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_windows
from pipeline.windows.windows import Windows

SHOWN: Final = ("ade_m", "fde_m", "min_ade_6_m", "min_fde_6_m", "miss_rate_fde_2m", "nll")
SHOWN_SLICES: Final = ("movers", "followers", "yielders")


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedResults:
    """What several seeds gave.

    Attributes:
        report: As of ``report.evaluate``, over all seeds together: means over agents and seeds, intervals by bootstrap
            over tracks, each taken with all its windows and seeds.
        by_seed: Forecaster -> slice (those of ``SHOWN_SLICES`` that hold anyone) -> metric -> its value for each seed.
    """

    report: Mapping[str, Any]
    by_seed: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"by_seed": self.by_seed, **self.report}

    def lines(self) -> Iterator[str]:
        """A table per slice: each forecaster, then the first minus each other one; mean [95 % interval over tracks]."""
        for part in SHOWN_SLICES:
            rows = {name: self.report[name][part] for name in self.by_seed if part in self.report[name]}
            if not rows:
                yield f"{part}: none"
                continue
            first = next(iter(rows.values()))
            yield f"{part}: {first['num_agents']} forecasts of {first['num_tracks']} tracks; mean [95 % interval]"
            yield from (f"  {name}: {_cells(row, sign='')}" for name, row in rows.items())
            differences = self.report["difference"].items()
            # The baseline of behaviour has no positions.
            cells = {name: found[part] for name, found in differences if SHOWN[0] in found.get(part, {})}
            yield from (f"  {name}: {_cells(cell, sign='+')}" for name, cell in cells.items())


def evaluate_seeds(
    folder: Path,
    *,
    recipe: Recipe,
    seeds: Sequence[int],
    config: EvaluateConfig,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    checkpoints: Path = CHECKPOINTS,
) -> SeedResults:
    """Train the social and the plain LSTM once per seed on the training split, and judge them on the test split.

    Args:
        folder: The windows.
        recipe: What to train; its seed is replaced.
        seeds: One training each.
        config: The section ``evaluate``.
        maps: By drive name; for the off-road rates.
        checkpoints: Folder of resumable states.

    Raises:
        InputError: The windows cannot be read or trained on.
    """
    windows = read_windows(folder)
    recipes = {"social_lstm": recipe, "lstm": recipe.without_neighbours_and_frames()}
    models = {
        name: [_train(folder, recipe=each.with_seed(seed), checkpoints=checkpoints) for seed in seeds]
        for name, each in recipes.items()
    }
    test = select_scenes(windows, scenes_of(windows, "test"))
    train = select_scenes(windows, scenes_of(windows, "train"))
    _, baselines = baseline_forecasts(train, test)
    keeps = fit_keeps(train.observed, train.future, rate_hz=train.rate_hz)
    forecasts = {name: [predict(model, test) for model in each] for name, each in models.items()}
    forecasts |= {name: [each] * len(seeds) for name, each in baselines.items()}
    return judge_seeds(forecasts, test, config=config, maps=maps, keeps=keeps)


def judge_seeds(
    forecasts: Mapping[str, Sequence[Forecasts]],
    test: Windows,
    *,
    config: EvaluateConfig,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    keeps: Keeps | None = None,
    overlaps: bool = True,
) -> SeedResults:
    """Judge forecasters of which there is one per seed.

    Args:
        forecasts: By name, as many of each, aligned with ``test``; the first is compared with the others.
        test: The scenes to forecast.
        config: The section ``evaluate``.
        maps: By drive name; for the off-road rates.
        keeps: As in ``report.evaluate``.
        overlaps: Likewise.
    """
    num_seeds = len(next(iter(forecasts.values())))
    single = [
        evaluate({name: each[k] for name, each in forecasts.items()}, test, config=config, overlaps=False)
        for k in range(num_seeds)
    ]
    by_seed = {
        name: {
            part: {metric: [report[name][part][metric] for report in single] for metric in SHOWN}
            for part in SHOWN_SLICES
            if part in single[0][name]
        }
        for name in forecasts
    }
    # Every seed is one more copy of the test scenes: same tracks, so the bootstrap takes or leaves them together.
    copies = select_scenes(test, np.tile(np.arange(len(test.index.t0_ns)), num_seeds))
    joined = {name: _join(each) for name, each in forecasts.items()}
    report = evaluate(joined, copies, config=config, overlaps=overlaps, maps=maps, keeps=keeps)
    return SeedResults(report=report, by_seed=by_seed)


def _cells(row: Mapping[str, float], *, sign: str) -> str:
    """Every metric with its interval, where there is one: of a single track there is none."""
    text: list[str] = []
    for metric in SHOWN:
        ends = [format(row[f"{metric}{end}"], f"{sign}.3f") for end in ("_low", "_high") if f"{metric}{end}" in row]
        text.append(f"{metric} {row[metric]:{sign}.3f}" + (f" [{', '.join(ends)}]" if ends else ""))
    return ", ".join(text)


def _train(folder: Path, *, recipe: Recipe, checkpoints: Path) -> Forecaster:
    training = Training(folder, recipe=recipe, checkpoints=checkpoints)
    model = training.trainer.fit().model
    training.clear()
    return model


def _join(forecasts: Sequence[Forecasts]) -> Forecasts:
    columns = [each.arrays() for each in forecasts]
    heads = [each.manoeuvres for each in forecasts if each.manoeuvres is not None]
    return Forecasts(
        **{name: np.concatenate([column[name] for column in columns]) for name in columns[0]},
        manoeuvres=ManoeuvreProbabilities(
            **{f.name: np.concatenate([getattr(head, f.name) for head in heads]) for f in fields(heads[0])}
        )
        if heads
        else None,
    )
