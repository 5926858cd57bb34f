"""Forecasters on the drives that training never saw, beside the baselines fitted on those that it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.forecaster import Forecaster
from pipeline.baselines import constant_velocity, kalman
from pipeline.behaviour.keeps import fit_keeps
from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.errors import InputError
from pipeline.evaluation.behaviour import KEEPS
from pipeline.evaluation.offroad import NO_MAPS
from pipeline.evaluation.report import evaluate
from pipeline.forecasts import Forecasts
from pipeline.training.predict import predict
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What came out.

    Attributes:
        windows: The test scenes.
        forecasts: Of every forecaster on them, the judged models first, then the baselines.
        report: Of ``report.evaluate``.
        baselines: What was fitted, per baseline, as JSON.
    """

    windows: Windows
    forecasts: Mapping[str, Forecasts]
    report: Mapping[str, Any]
    baselines: Mapping[str, Any]


def evaluate_models(
    windows: Windows,
    *,
    models: Mapping[str, Forecaster],
    config: EvaluateConfig,
    where: Path,
    device: str = "cpu",
    maps: Mapping[str, DriveMap] = NO_MAPS,
) -> Evaluation:
    """Judge trained forecasters, both baselines and that of behaviour on the test split.

    Args:
        windows: Of all splits.
        models: By name; the first is compared with all the others.
        config: The section ``evaluate``.
        where: The windows' folder, for messages.
        device: That the models run on.
        maps: By drive name; for the off-road rates.

    Raises:
        InputError: There is no test or no training scene, or a model was trained for other steps.
    """
    parts = {split: scenes_of(windows, split) for split in ("train", "test")}
    for split, scenes in parts.items():
        if not len(scenes):
            todo = "add drives, or change the section split of params.yaml, and run the split and windows stages again"
            raise InputError(where, f"has no scene in the {split} split", todo)
    ours = (windows.future.valid.shape[1], windows.rate_hz, windows.observed.agent_feature.shape[-1])
    for name, model in models.items():
        theirs = (model.config.num_future, model.config.rate_hz, model.config.scene_channels)
        if ours != theirs:
            what = f"has future steps, rate and scene channels {ours}, but {name} was trained for {theirs}"
            raise InputError(where, what, "run the train and baseline stages again")
    test = select_scenes(windows, parts["test"])
    forecasts = {name: predict(model, test, device=device) for name, model in models.items()}
    train = select_scenes(windows, parts["train"])
    fitted, more = baseline_forecasts(train, test)
    forecasts |= more
    keeps = fit_keeps(train.observed, train.future, rate_hz=train.rate_hz)
    report = evaluate(forecasts, test, config=config, maps=maps, keeps=keeps)
    return Evaluation(windows=test, forecasts=forecasts, report=report, baselines={**fitted, KEEPS: keeps.to_json()})


def baseline_forecasts(train: Windows, test: Windows) -> tuple[dict[str, Any], dict[str, Forecasts]]:
    """Fit both baselines on one set of windows and forecast another: what was fitted, and the forecasts."""
    rate_hz, num_future = test.rate_hz, test.future.valid.shape[1]
    velocity = constant_velocity.fit(train.observed, train.future, rate_hz=rate_hz)
    filtered = kalman.fit(train.observed, train.future, rate_hz=rate_hz)
    fitted = {"constant_velocity": velocity.to_json(), "kalman": filtered.to_json()}
    forecasts = {
        "constant_velocity": constant_velocity.forecast(
            test.observed, num_future=num_future, rate_hz=rate_hz, fitted=velocity
        ),
        "kalman": kalman.forecast(test.observed, num_future=num_future, rate_hz=rate_hz, fitted=filtered),
    }
    return fitted, forecasts
