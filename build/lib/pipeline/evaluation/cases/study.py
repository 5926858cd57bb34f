"""The benchmark as it is run: how many scenes, and with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.config import EvaluateConfig, IngestConfig, WindowsConfig
from pipeline.evaluation.cases.benchmark import CaseResults, run_cases
from pipeline.evaluation.cases.made import Part, construct
from pipeline.params import load_benchmark, load_section

SCENES: Final[Mapping[Part, int]] = {"train": 350, "validation": 60, "test": 150}  # of each case


def study_cases(params: Path, *, seeds: Sequence[int]) -> tuple[dict[str, Any], CaseResults]:
    """Construct the scenes, train every kind of interaction on them, and judge it.

    Args:
        params: File of parameters; the recipe is that of its ``benchmarks.interaction``.
        seeds: Of the trainings; the scenes are the same for all.

    Returns:
        The parameters as plain values, and the results.

    Raises:
        InputError: A section or key is missing, unknown or of the wrong type.
    """
    train = load_benchmark("interaction", path=params)
    evaluate = load_section("evaluate", EvaluateConfig, path=params)
    ingest = load_section("ingest", IngestConfig, path=params)
    windows = load_section("windows", WindowsConfig, path=params)
    constructed = construct(SCENES, seed=0, ingest=ingest, windows=windows)
    results = run_cases(constructed, train=train, evaluate=evaluate, seeds=seeds)
    sections = {"train": train, "evaluate": evaluate, "ingest": ingest, "windows": windows}
    parameters = {
        "scenes": dict(SCENES),
        "seeds": list(seeds),
        **{name: section.model_dump() for name, section in sections.items()},
    }
    return parameters, results
