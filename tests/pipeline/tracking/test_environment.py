"""The commit and the versions that a run is tagged with."""

import subprocess
from pathlib import Path

from pipeline.tracking.environment import environment_tags, git_commit


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_is_dirty_where_code_differs_but_not_by_what_dvc_writes(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    _git(tmp_path, "init", "-q")
    assert git_commit(tmp_path) is None
    for name in ("code.py", "dvc.lock"):
        (tmp_path / name).write_text("old")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-q", "-m", "one")
    head = _git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "dvc.lock").write_text("new")
    (tmp_path / "inside").mkdir()
    assert git_commit(tmp_path) == git_commit(tmp_path / "inside") == head
    (tmp_path / "code.py").write_text("new")
    assert git_commit(tmp_path / "inside") == f"{head}-dirty"
    assert environment_tags(tmp_path)["headway.commit"] == f"{head}-dirty"


def test_packages_are_told_and_outside_a_repository_no_commit_is(tmp_path: Path) -> None:
    tags = environment_tags(tmp_path)
    assert {"env.python", "env.torch", "env.mlflow"} <= tags.keys()
    assert not {"headway.commit", "mlflow.source.git.commit", "env.pytest"} & tags.keys()
