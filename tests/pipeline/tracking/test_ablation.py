"""A tiny ablation: a parent run with its table, a run below it for each training, and what a kill leaves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from pipeline.config import EvaluateConfig, TrainConfig
from pipeline.errors import InputError
from pipeline.evaluation.ablation import study
from pipeline.evaluation.ablation.child import Child, Plan
from pipeline.evaluation.ablation.grid import Combination, combinations
from pipeline.evaluation.ablation.table import plain_lines
from pipeline.params import load_section
from pipeline.tracking.ablation import ablate
from pipeline.tracking.store import open_store
from pipeline.training.recipe import load_recipe
from pipeline.windows.store import write_windows
from tests.small_windows import small_windows

PARAMS = Path(__file__).parents[3] / "params.yaml"
SMALL = {"width": 8, "max_epochs": 2, "basis_rank": 3, "scene": False, "precision": "fp32", "device": "cpu"}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    windows = small_windows(num_scenes=60)
    write_windows(tmp_path / "windows", windows, extra={"backbone": ""})
    recipe = load_recipe(PARAMS)
    config = load_section("evaluate", EvaluateConfig, path=PARAMS)
    return Plan(
        windows=tmp_path / "windows",
        recipe=replace(recipe, train=recipe.train.model_copy(update=SMALL | {"cell": "lstm"})),
        evaluate=config.model_copy(update={"bootstrap": 50}),
        overlaps=True,
        maps={},
        checkpoints=tmp_path / "checkpoints",
    )


def grid(plan: Plan) -> list[Combination]:
    return combinations(["cell=lstm,peephole"], base=plan.recipe.train)


def runs() -> tuple[list[Run], list[Run]]:
    """Those without a parent, and those with one; each in the order of their starts."""
    store = open_store()
    found = store.client.search_runs([store.experiment_id], order_by=["start_time ASC"])
    return tuple([run for run in found if ("mlflow.parentRunId" in run.data.tags) == below] for below in (False, True))


def test_two_combinations_are_two_runs_below_one_with_their_table(database: Path, plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    results = ablate(plan, combinations=grid(plan), seeds=[3], out=out, num_processes=1)
    (parent,), children = runs()
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert parent.info.run_name == "ablation of cell"
    assert [run.info.run_name for run in children] == ["cell=lstm seed=3", "cell=peephole seed=3"]
    assert [(run.data.params["train.cell"], run.data.params["train.seed"]) for run in children] == [
        ("lstm", "3"),
        ("peephole", "3"),
    ]
    for run, found in zip(children, results["combinations"].values(), strict=True):
        assert run.data.metrics["test/movers/ade_m"] == pytest.approx(found["test"]["movers"]["ade_m"], abs=1e-5)
        assert run.data.metrics["test/movers/ade_m"] == found["by_seed"]["movers"]["ade_m"][0]
        assert run.data.metrics["num_parameters"] == found["num_parameters"]
        assert "validation_ade_m" in run.data.metrics
    assert results["combinations"]["cell=peephole"]["num_parameters"] > found_of(results)["num_parameters"]

    client: MlflowClient = open_store().client
    assert {each.path for each in client.list_artifacts(parent.info.run_id)} == {"results.json", "table.md"}
    assert json.loads((out / "results.json").read_text()) == results
    assert "difference" not in found_of(results)["test"]
    header, _, reference, other = (out / "table.md").read_text().splitlines()[:4]
    cells = [
        dict(zip(header.split(" | "), row.split(" | "), strict=True))["movers: ADE difference"]
        for row in (reference, other)
    ]
    difference = results["combinations"]["cell=peephole"]["test"]["difference"]["movers"]
    assert cells[0] == "-"
    assert cells[1].startswith(f"{difference['ade_m']:+.3f} [{difference['ade_m_low']:+.3f}, ")
    printed = list(plain_lines(results))
    assert "(cell=lstm)" in printed[0]
    assert printed[printed.index("movers") + 2].split()[:2] == ["lstm", reference.split(" | ")[1]]
    assert not list(plan.checkpoints.iterdir())
    del database


def test_after_a_kill_only_what_was_not_done_is_trained(
    database: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = study.train_and_judge
    trained: list[Child] = []

    def killed_in_the_second(job: tuple[Combination, int], *, plan: Plan) -> Child:
        if trained:
            raise KeyboardInterrupt
        trained.append(real(job, plan=plan))
        return trained[0]

    monkeypatch.setattr(study, "train_and_judge", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        ablate(plan, combinations=grid(plan), seeds=[3], out=tmp_path / "out", num_processes=1)
    monkeypatch.setattr(study, "train_and_judge", real)
    assert [run.info.status for run in runs()[0]] == ["KILLED"]
    assert not (tmp_path / "out").exists()
    results = ablate(plan, combinations=grid(plan), seeds=[3], out=tmp_path / "out", num_processes=1)
    (killed, parent), children = runs()
    assert (killed.info.status, parent.info.status) == ("KILLED", "FINISHED")
    assert len([run for run in children if run.data.tags["mlflow.parentRunId"] == parent.info.run_id]) == 2
    first, second = results["combinations"].values()
    assert first["by_seed"]["movers"] == {name: [value] for name, value in trained[0].test["movers"].items()}
    assert first["train_minutes"] is None  # nothing was trained, and nobody knows how long it had taken
    assert second["train_minutes"] > 0.0
    del database


def test_a_server_that_is_away_does_not_end_an_ablation(
    no_server: str, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate(plan, combinations=grid(plan), seeds=[0], out=tmp_path / "out", num_processes=1)
    assert (tmp_path / "out" / "table.md").is_file()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"headway: MLflow cannot be used at {no_server}")
    assert line.endswith("what it finds is in its folder alone")


def test_a_training_that_fails_is_named_and_so_is_a_missing_test_split(
    database: Path, plan: Plan, tmp_path: Path
) -> None:
    hopeless = TrainConfig.model_validate(plan.recipe.train.model_dump() | {"learning_rate": 1e30, "max_skipped": 1})
    several = [Combination(changes={"learning_rate": 1e30}, train=hopeless), *grid(plan)]
    with pytest.raises(InputError, match=r"^learning_rate=1e\+30, seed 0: train: .* not finite"):
        ablate(plan, combinations=several, seeds=[0], out=tmp_path / "out", num_processes=1)
    assert [run.info.status for run in runs()[0]] == ["FAILED"]
    windows = small_windows(num_scenes=60)
    none = replace(windows.index, split=0 * windows.index.split)
    write_windows(plan.windows, replace(windows, index=none), extra={"backbone": ""})
    with pytest.raises(InputError, match="windows: has no scene in the test split"):
        ablate(plan, combinations=grid(plan), seeds=[0], out=tmp_path / "out", num_processes=1)
    assert len(runs()[0]) == 1
    del database


def found_of(results: dict) -> dict:
    """What the reference got."""
    return results["combinations"][results["reference"]]
