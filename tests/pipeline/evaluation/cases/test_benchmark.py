"""Where interaction must matter, each kind of it does: less error and less overlap than without."""

import json
from pathlib import Path

import pytest

from pipeline.config import EvaluateConfig, IngestConfig, WindowsConfig
from pipeline.evaluation.cases.benchmark import INTERACTIONS, METRICS, CaseResults, run_cases
from pipeline.evaluation.cases.cases import CASES
from pipeline.evaluation.cases.made import construct
from pipeline.params import load_benchmark, load_section

PARAMS = Path(__file__).parents[4] / "params.yaml"


@pytest.fixture(scope="module")
def results() -> CaseResults:
    """Every kind trained once on a few scenes, smaller and shorter than the benchmark: about a minute on one core."""
    small = {"max_epochs": 12, "agents_per_batch": 40, "num_modes": 6, "width": 32, "pooled_width": 8}
    return run_cases(
        construct(
            {"train": 160, "validation": 20, "test": 100},
            seed=0,
            ingest=load_section("ingest", IngestConfig, path=PARAMS),
            windows=load_section("windows", WindowsConfig, path=PARAMS),
        ),
        train=load_benchmark("interaction", path=PARAMS).model_copy(
            update={**small, "device": "cpu", "precision": "fp32"}
        ),
        evaluate=load_section("evaluate", EvaluateConfig, path=PARAMS).model_copy(update={"bootstrap": 200}),
        seeds=(0,),
    )


@pytest.mark.parametrize("interaction", INTERACTIONS[1:])
def test_with_interaction_errors_and_overlaps_fall(results: CaseResults, interaction: str) -> None:
    difference = results.differences[interaction]
    for metric in ("ade_m", "fde_m", "overlap_rate"):
        assert difference["all"][metric]["high"] < 0.0, f"{metric}: the whole interval lies below zero"
    assert difference["leader"]["fde_m"]["high"] < 0.0


@pytest.mark.parametrize("interaction", ["social", "attention"])
def test_who_sees_what_neighbours_do_errs_much_less(results: CaseResults, interaction: str) -> None:
    """0.46 to 0.60 over seeds and machines (a few scenes, a short training): the limit lies well above."""
    for case in ("all", "leader"):
        without, found = (results.results[name][case]["fde_m"]["value"] for name in ("none", interaction))
        assert found < 0.75 * without


def test_results_are_plain_and_the_table_names_everything(results: CaseResults) -> None:
    json.dumps(results.to_json(), allow_nan=False)
    assert results.num_agents["all"] == 400
    assert all(results.num_agents[case] == 100 for case in CASES)
    assert set(results.recorded_overlap_rate.values()) == {0.0}
    head, *rows = results.lines()
    assert head.split() == ["case", "interaction", *METRICS]
    assert len(rows) == (1 + len(CASES)) * (2 * len(INTERACTIONS) - 1)
    none = results.results["none"]["all"]["fde_m"]["value"]
    social = results.results["social"]["all"]["fde_m"]["value"]
    assert results.differences["social"]["all"]["fde_m"]["value"] == pytest.approx(social - none, abs=2e-4)
