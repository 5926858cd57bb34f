"""The benchmark as it is run: how many scenes, and what is other than in ``params.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.config import EvaluateConfig, IngestConfig, TrainConfig, WindowsConfig, load_section, parse_section
from pipeline.evaluation.cases.benchmark import CaseResults, run_cases
from pipeline.evaluation.cases.made import Part, construct

SCENES: Final[Mapping[Part, int]] = {"train": 350, "validation": 60, "test": 150}  # of each case
# What is other than in params.yaml: a grid that reaches as far (32 m), but in cells of a lane's width, for in cells of
# 16 m somebody by the road and somebody in the next lane are the same; and a short training without dropout, which
# scenes that nothing but the partner decides do not need.
RECIPE: Final[Mapping[str, object]] = {
    "scene": False,
    "grid_cells": 16,
    "cell_m": 4.0,
    "pooled_width": 16,
    "dropout": 0.0,
    "learning_rate": 0.006,
    "agents_per_batch": 80,  # about 32 scenes
    "max_epochs": 16,
    "patience": 16,
}


def recipe(params: Path) -> TrainConfig:
    """The section ``train`` with ``RECIPE`` over it.

    Raises:
        InputError: The section or a key is missing, unknown or of the wrong type.
    """
    values = load_section("train", TrainConfig, path=params).model_dump() | dict(RECIPE)
    return parse_section(values, TrainConfig, where="headway benchmark interaction")


def study_cases(params: Path, *, seeds: Sequence[int]) -> tuple[dict[str, Any], CaseResults]:
    """Construct the scenes, train every kind of interaction on them, and judge it.

    Args:
        params: File of parameters; ``RECIPE`` stands over its section ``train``.
        seeds: Of the trainings; the scenes are the same for all.

    Returns:
        The parameters as plain values, and the results.

    Raises:
        InputError: A section or key is missing, unknown or of the wrong type.
    """
    train = recipe(params)
    evaluate = load_section("evaluate", EvaluateConfig, path=params)
    ingest = load_section("ingest", IngestConfig, path=params)
    windows = load_section("windows", WindowsConfig, path=params)
    constructed = construct(SCENES, seed=0, ingest=ingest, windows=windows)
    results = run_cases(constructed, train=train, evaluate=evaluate, seeds=seeds)
    sections = {"train": train, "evaluate": evaluate, "ingest": ingest, "windows": windows}
    parameters = {
        "scenes": dict(SCENES),
        "seeds": list(seeds),
        "overrides": dict(RECIPE),
        **{name: section.model_dump() for name, section in sections.items()},
    }
    return parameters, results
