"""The whole pipeline under DVC, in a copy of the working tree, on small made-up drives: from nothing to MLflow."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
import yaml

from tests.architecture.closure import ROOT, closure
from tests.small_drives import write_small_drive

SMALL: Final[dict[str, dict[str, Any]]] = {
    "split": {"min_drives": 3, "validation": 0.34, "test": 0.34},
    "pretrain_scene": {"epochs": 1, "every_s": 1.0, "batch_size": 4},
    "scene_features": {"stage": 1, "channels": 4, "width_px": 64, "height_px": 32},
    "windows": {"observed_s": 1.0, "future_s": 1.0, "every_s": 1.0, "num_frames": 2},
    "train": {"width": 16, "max_epochs": 2, "num_modes": 6, "basis_rank": 3, "precision": "fp32", "device": "cpu"},
    "evaluate": {"bootstrap": 20},
}
ONCE: Final = ["split", "pretrain_scene", "windows", "train", "baseline", "forecast", "evaluate", "publish"]
PER_SOURCE: Final = ["ingest", "scene_features"]
COPIED: Final = ["models", "pipeline", "dvc.yaml", ".dvcignore", ".dvc", ".gitignore"]
SOURCES: Final = {"filmed": {"monday": 0, "tuesday": 1}, "tracked": {"wednesday": 2}}  # each drive with its seed


class Project:
    """A copy of the code with its own data, parameters, DVC cache and tracking database.

    Args:
        folder: Where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(  # what is committed and what is about to be
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *COPIED],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in (name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        for section, values in SMALL.items():
            params[section] |= values
        params["sources"] = {name: {"format": "neutral", "path": f"raw/{name}"} for name in SOURCES}
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        for source, drives in SOURCES.items():
            for drive, seed in drives.items():
                write_small_drive(folder / "raw" / source / drive, seed=seed, with_frames=source == "filmed")
        self.run("git", "init", "--quiet")
        self.run("git", "add", ".")
        self.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "all")

    def run(self, *command: str) -> str:
        """Run a command as a user does whose environment is active; its output is shown where it fails."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "GIT_"))}
        environment |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def repro(self) -> list[str]:
        """Bring everything up to date; the stages that ran."""
        return re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro"))

    def outdated(self) -> set[str]:
        """The stages of which DVC says that something they depend on changed."""
        status: dict[str, list[Any]] = json.loads(self.run("dvc", "status", "--json", "--with-deps", "dvc.yaml"))
        return {stage for stage, changes in status.items() if changes != ["always changed"]}

    def published(self) -> list[tuple[str, int]]:
        """State and number of metrics of each run in the tracking database."""
        database = sqlite3.connect(self.folder / "mlflow.db")
        try:
            query = "SELECT status, (SELECT COUNT(*) FROM metrics m WHERE m.run_uuid = r.run_uuid) FROM runs r"
            return database.execute(query).fetchall()
        finally:
            database.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    ran = made.repro()
    assert sorted(ran) == sorted([*ONCE, *(f"{stage}@{source}" for stage in PER_SOURCE for source in SOURCES)])
    return made


def using(path: str) -> set[str]:
    """The stages whose imports reach a file."""
    return {
        full_name
        for stage in [*ONCE, *PER_SOURCE]
        if path in closure(f"pipeline.stages.{stage}")
        for full_name in ([f"{stage}@{source}" for source in SOURCES] if stage in PER_SOURCE else [stage])
    }


def test_from_nothing_to_a_tracked_run(project: Project) -> None:
    declared = yaml.safe_load((project.folder / "dvc.yaml").read_text())["stages"]
    for stage in (body for body in declared.values() if "foreach" not in body):
        assert all((project.folder / out).exists() for out in stage.get("outs", []))
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())
    assert metrics
    [(status, num_metrics)] = project.published()
    assert status == "FINISHED"
    assert num_metrics > 10
    assert project.outdated() == set()
    # What a stage leaves beside its outs is ignored or absent: only the outs' own records are new.
    left = project.run("git", "status", "--porcelain").split("\n")
    assert {line[3:] for line in left if line} <= {"dvc.lock", "reports/"}


@pytest.mark.parametrize(
    "path",
    ["models/decoder.py", "pipeline/ingest/resample.py", "pipeline/windows/cut.py", "pipeline/evaluation/overlap.py"],
)
def test_touching_a_module_outdates_exactly_the_stages_that_use_it(project: Project, path: str) -> None:
    wanted = using(path)
    assert wanted
    module = project.folder / path
    before = module.read_text()
    try:
        module.write_text(f"{before}# touched\n")
        assert project.outdated() == wanted
    finally:
        module.write_text(before)


def test_a_second_run_publishes_alone_and_makes_no_second_run(project: Project) -> None:
    before = project.published()
    assert project.repro() == ["publish"]
    assert project.published() == before


def test_a_new_database_gets_the_run_of_a_restored_result(project: Project) -> None:
    (before,) = project.published()
    (project.folder / "mlflow.db").unlink()
    shutil.rmtree(project.folder / "artifacts")
    assert project.repro() == ["publish"]
    assert project.published() == [before]
    assert (project.folder / "artifacts" / "model").is_dir()


def test_the_forecasts_are_those_of_headway_score(project: Project) -> None:
    folder = project.folder / "artifacts" / "forecasts"
    (drive,) = (path.stem for path in folder.glob("*.parquet"))
    (raw,) = project.folder.glob(f"raw/*/{drive}")
    project.run("headway", "score", "--drives", str(raw), "--out", "scored")
    scored = pd.read_parquet(project.folder / "scored" / f"{drive}.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{drive}.parquet"), scored)
    scored = pd.read_parquet(project.folder / "scored" / "manoeuvres" / f"{drive}.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "manoeuvres" / f"{drive}.parquet"), scored)
    shutil.rmtree(project.folder / "scored")


def test_drives_are_simulated_only_where_a_source_names_them(project: Project) -> None:
    params = project.folder / "params.yaml"
    before = params.read_text()
    default = yaml.safe_load((ROOT / "params.yaml").read_text())["sources"]
    simulate = "pipeline/simulation/dvc.yaml:simulate"
    assert simulate not in project.run("dvc", "dag", "publish")
    try:
        params.write_text(yaml.safe_dump(yaml.safe_load(before) | {"sources": default}, sort_keys=False))
        assert simulate in project.run("dvc", "dag", "publish")
    finally:
        params.write_text(before)
