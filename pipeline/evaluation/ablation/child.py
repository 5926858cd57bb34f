"""One training of an ablation, and how it does on the test split."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.errors import InputError
from pipeline.evaluation.ablation.grid import Combination
from pipeline.evaluation.ablation.judged import Judged, Masks, judge, means
from pipeline.evaluation.scored import slices
from pipeline.evaluation.seeds import SHOWN_SLICES
from pipeline.progress import quiet
from pipeline.threads import one_thread
from pipeline.training.predict import predict
from pipeline.training.recipe import CHECKPOINTS, Recipe, Training
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_windows
from pipeline.windows.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What all trainings of an ablation share.

    Attributes:
        windows: Their folder.
        recipe: Its section ``train`` is replaced by that of each combination.
        evaluate: The section of this name.
        overlaps: Also tell the overlap rate.
        maps: By drive name; for the off-road rate.
        checkpoints: Folder of resumable states.
    """

    windows: Path
    recipe: Recipe
    evaluate: EvaluateConfig
    overlaps: bool
    maps: Mapping[str, DriveMap]
    checkpoints: Path = CHECKPOINTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """What one training gave.

    Attributes:
        combination: That was trained.
        seed: With which.
        params: Of the whole recipe, as in ``params.yaml``.
        tags: What a tracked run is told beside its parameters.
        history: Metrics of each epoch.
        best_epoch: By the validation split.
        num_parameters: Of the network.
        minutes: Of training; None where an interrupted one went on, whose earlier minutes nobody counted.
        started_ms: Since 1970.
        ended_ms: Likewise.
        test: Slice -> metric -> its mean on the test split.
        judged: The same per agent of the test split.
        checkpoint: The state, which is kept until the whole ablation is done.
    """

    combination: Combination
    seed: int
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    history: list[dict[str, float]]
    best_epoch: int
    num_parameters: int
    minutes: float | None
    started_ms: int
    ended_ms: int
    test: Mapping[str, Mapping[str, float]]
    judged: Judged
    checkpoint: Path


def train_and_judge(job: tuple[Combination, int], *, plan: Plan) -> Child:
    """Train one combination with one seed, the epoch chosen on the validation split, and judge it on the test split.

    Raises:
        InputError: The windows cannot be read or trained on; the message names the combination and the seed.
    """
    combination, seed = job
    try:
        with quiet(), one_thread():
            return _train_and_judge(combination, seed, plan=plan)
    except InputError as error:
        raise InputError(f"{combination.name}, seed {seed}: {error.where}", error.what, error.todo) from error


def held_out_scenes(plan: Plan) -> Windows:
    """The scenes that all are judged on.

    Raises:
        InputError: There is none, or the windows cannot be read.
    """
    windows = read_windows(plan.windows)
    scenes = scenes_of(windows, "test")
    if not len(scenes):
        todo = "add drives, or change the section split of params.yaml, and run the split and windows stages again"
        raise InputError(plan.windows, "has no scene in the test split", todo)
    return select_scenes(windows, scenes)


def shown_slices(windows: Windows, *, config: EvaluateConfig) -> Masks:
    """All scored agents, and the other slices that hold anyone."""
    masks = slices(windows, mover_m=config.mover_m)
    return {"all": masks["all"]} | {part: masks[part] for part in SHOWN_SLICES if masks[part].any()}


def _train_and_judge(combination: Combination, seed: int, *, plan: Plan) -> Child:
    recipe = replace(plan.recipe, train=combination.train).with_seed(seed)
    training = Training(plan.windows, recipe=recipe, checkpoints=plan.checkpoints)
    is_new = not training.trainer.history
    started_ns, started_s = time.time_ns(), time.perf_counter()
    fitted = training.trainer.fit()
    minutes = (time.perf_counter() - started_s) / 60.0
    test = held_out_scenes(plan)
    judged = judge(predict(fitted.model, test), test, config=plan.evaluate, overlaps=plan.overlaps, maps=plan.maps)
    return Child(
        combination=combination,
        seed=seed,
        params=recipe.params(),
        tags=training.tags,
        history=fitted.history,
        best_epoch=fitted.best_epoch,
        num_parameters=sum(parameter.numel() for parameter in fitted.model.parameters()),
        minutes=minutes if is_new else None,
        started_ms=started_ns // 1_000_000,
        ended_ms=time.time_ns() // 1_000_000,
        test=means(judged, shown_slices(test, config=plan.evaluate)),
        judged=judged,
        checkpoint=training.path,
    )
