"""What scoring a fleet costs: time against real time, processor time, memory, and which step takes how much."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from pipeline.errors import InputError
from pipeline.parallel import num_processors
from pipeline.scoring.fleet import write_fleet

_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetCost:
    """Of one run of ``headway score``, from its start to its end.

    Attributes:
        num_drives: Scored.
        workers: Processes.
        driven_s: What the drives last together.
        forecasts: (agent, forecast time) pairs.
        wall_s: The run's duration, Python's start and its imports included.
        cpu_s: Processor time of all its processes.
        peak_mb: The most memory that all its processes had together at one moment, shared pages counted once (looked
            at twice a second); NaN where the system does not tell.
        steps_s: Time spent in each step, over all processes.
        load_before: Processes that wanted to run in the minute before, on the whole machine.
        load_after: Likewise at the end, its own among them.
    """

    num_drives: int
    workers: int
    driven_s: float
    forecasts: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    steps_s: Mapping[str, float]
    load_before: float
    load_after: float

    def lines(self) -> list[str]:
        """For people."""
        cores, inside_s = num_processors(), sum(self.steps_s.values())
        real, could = self.driven_s / self.wall_s, cores * self.driven_s / self.cpu_s
        shares = ", ".join(f"{step} {spent / inside_s:.0%}" for step, spent in self.steps_s.items())
        drives = f"{self.num_drives} drives of {self.driven_s / self.num_drives:g} s, {self.forecasts:,} forecasts"
        each = f"{self.cpu_s / self.num_drives:.2f} s a drive"
        return [
            f"{drives}, {self.workers} workers: {self.wall_s:.0f} s, {real:.0f} times real time",
            f"processor time: {self.cpu_s:.0f} s, {each}; {cores} cores to themselves could reach {could:.0f} times",
            f"load of the machine: {self.load_before:.1f} before, {self.load_after:.1f} at the end, {cores} cores",
            f"memory: at most {self.peak_mb:.0f} MB, all processes together",
            f"by step: {shares}",
        ]


def fleet_cost(
    model: Path, *, num_drives: int, num_agents: int, seconds: float, workers: int, every_s: float
) -> FleetCost:
    """Make a fleet of tracks alone in a temporary folder, score it on the CPU, and measure that.

    Args:
        model: A folder that training wrote.
        num_drives: How many.
        num_agents: In each.
        seconds: How long each lasts; measured at 10 Hz.
        workers: Processes.
        every_s: Between forecast times.

    Raises:
        InputError: The run failed.
    """
    with tempfile.TemporaryDirectory(prefix="headway-fleet-") as name:
        folder = Path(name)
        write_fleet(folder / "raw", num_drives=num_drives, num_agents=num_agents, seconds=seconds)
        command = [
            sys.executable,
            "-m",
            "pipeline.cli",
            "score",
            "--model",
            str(model),
            "--drives",
            str(folder / "raw"),
        ]
        command += ["--out", str(folder / "out"), "--device", "cpu", "--workers", str(workers), "--every", str(every_s)]
        load_before, before_s, began_s = os.getloadavg()[0], _children_s(), time.monotonic()
        peak_mb = float("nan")
        with subprocess.Popen(command) as process:  # noqa: S603  # ours, with paths as arguments
            while process.poll() is None:
                peak_mb = max(_memory_mb(process.pid), peak_mb)  # in this order NaN is passed over
                time.sleep(_LOOK_EVERY_S)
        wall_s, cpu_s = time.monotonic() - began_s, _children_s() - before_s
        if process.returncode:
            raise InputError("headway score", f"ended with {process.returncode}", "see what it said")
        summary = json.loads((folder / "out" / "summary.json").read_text())
    return FleetCost(
        num_drives=num_drives,
        workers=workers,
        driven_s=num_drives * seconds,
        forecasts=summary["counts"]["forecasts"],
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_mb=peak_mb,
        steps_s={step: spent for step, spent in summary["seconds"].items() if step != "total"},
        load_before=load_before,
        load_after=os.getloadavg()[0],
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_mb(pid: int) -> float:
    """Of a process and all that it started; zero when it has ended."""
    total = 0
    try:
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            told = process.memory_full_info()
            total += getattr(told, "pss", told.uss)
    except psutil.Error:
        return 0.0
    return total / 1e6
