"""SUMO's programs: where they are, and running one of them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import InputError, one_line

_LONGEST_MESSAGE = 600


def require_sumo() -> Path:
    """SUMO's folder, in which ``bin`` holds its programs.

    Raises:
        InputError: SUMO is not installed.
    """
    spec = importlib.util.find_spec("sumo")  # its import would set environment variables
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / "bin").is_dir():
        raise InputError("simulation", "SUMO is not installed", "pip install 'headway[simulation]'")
    return Path(spec.origin).parent


def run_program(name: str, arguments: Sequence[str], *, folder: Path) -> str:
    """What a program of SUMO printed as warnings.

    Args:
        name: Of the program.
        arguments: Of its command line.
        folder: Where it runs.

    Raises:
        InputError: SUMO is not installed, or the program failed; the message ends with what it printed.
    """
    home = require_sumo()
    command = [str(home / "bin" / name), *arguments]
    environment = {**os.environ, "SUMO_HOME": str(home)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if done.returncode != 0:
        said = one_line(f"{done.stdout} {done.stderr}")
        what = f"failed with status {done.returncode}: {said[-_LONGEST_MESSAGE:]}"
        raise InputError(f"SUMO's {name}", what, "ask for another seed")
    return done.stderr
