"""What a run was made with: code, interpreter and packages, as tags."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

COMMIT: Final = "headway.commit"
# What `dvc repro` itself writes while it runs does not make the code differ from the commit.
_WRITTEN_BY_DVC: Final = (":(top,exclude)dvc.lock", ":(top,exclude)reports")


def environment_tags(folder: Path = Path()) -> dict[str, str]:
    """The git commit (where there is one), the interpreter, the platform and the versions of the direct dependencies.

    Args:
        folder: In the working copy whose commit is told.
    """
    commit = git_commit(folder)
    versions = {f"env.{name}": text for name, text in package_versions().items()}
    return {
        **({COMMIT: commit, "mlflow.source.git.commit": commit.removesuffix("-dirty")} if commit else {}),
        "env.python": platform.python_version(),
        "env.platform": platform.platform(),
        **versions,
    }


def git_commit(folder: Path = Path()) -> str | None:
    """The commit checked out in ``folder``, with ``-dirty`` where tracked files differ; None outside a repository."""
    try:
        head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", *_WRITTEN_BY_DVC)
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or no commit yet
        return None
    return f"{head}-dirty" if changes else head


def package_versions() -> dict[str, str]:
    """Headway's direct dependencies, name -> installed version, by name; empty where Headway is not installed."""
    try:
        needed = requires("headway") or []
    except PackageNotFoundError:
        return {}
    names = [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in needed if "extra ==" not in line]
    return {name: version(name) for name in sorted(names)}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()  # noqa: S603
