"""A stage in a process of its own, and what that used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """By a process and those that it started, from Python's start to the end.

    Attributes:
        cpu_s: Processor time of all together.
        wall_s: How long it took.
        peak_mb: The most memory that the largest of them had.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float


def run_stage_alone(stage: str, arguments: Sequence[str], *, folder: Path) -> Used:
    """Run a stage by its name, in a folder that holds ``params.yaml``.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    # By way of this module: a process begins with the peak memory of the one that starts it, which has to be small.
    command = [sys.executable, "-m", __name__, f"pipeline.stages.{stage}", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Used(**json.loads(done.stdout))


def _main() -> None:
    """Run the module that the arguments name, and print what it used."""
    began_s = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *sys.argv[1:]], stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    told = Used(cpu_s=used.ru_utime + used.ru_stime, wall_s=time.monotonic() - began_s, peak_mb=used.ru_maxrss / 1024.0)
    print(json.dumps(asdict(told)))  # noqa: T201
    sys.exit(int(process.returncode != 0))


if __name__ == "__main__":
    _main()
