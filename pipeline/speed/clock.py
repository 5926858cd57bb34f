"""Contestants run in turn, so that a busy machine slows all of them alike, and what each of them takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

_WARM_UP: Final = 2  # rounds that are not counted

Run = Callable[[], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """Something to be run.

    Attributes:
        run: It.
        agents: Whose windows one run goes through.
        scenes: Of these agents.
        looked_into: Run for memory and FLOPs in its place; None: itself. A captured graph shows neither.
    """

    run: Run
    agents: int
    scenes: int
    looked_into: Run | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """By one contestant.

    Attributes:
        seconds: Of each repeat.
        peak_bytes: All tensors that one run made took so many at one moment.
        flops: Of its matrix products; zero for what torch cannot look into.
    """

    seconds: tuple[float, ...]
    peak_bytes: int
    flops: int


def in_turn(
    contestants: Mapping[str, Contestant],
    *,
    repeats: int,
    device: torch.device,
    wall: bool = False,
    time_alone: Collection[str] = (),
) -> dict[str, Taken]:
    """Run each contestant once per repeat.

    On the CPU the seconds are the processor's: on one thread, what it takes on a machine with nothing else to do, also
    where there is something else. On a GPU they are those of the wall clock, from idle to idle.

    Args:
        contestants: By name.
        repeats: How often.
        device: Where they run.
        wall: By the wall clock on the CPU too.
        time_alone: Of these memory and FLOPs are not looked at, and zero: of many small operations that takes long.
    """
    assert repeats >= 1
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(_WARM_UP + repeats):
        for name, contestant in contestants.items():
            taken = _seconds(contestant.run, device=device, wall=wall)
            if number >= _WARM_UP:
                seconds[name].append(taken)
    looked_into = {name: one.looked_into or one.run for name, one in contestants.items() if name not in time_alone}
    once = {run: (_peak_bytes(run, device=device), _flops(run)) for run in set(looked_into.values())}
    found: dict[str, Taken] = {}
    for name, each in seconds.items():
        peak_bytes, flops = once[looked_into[name]] if name in looked_into else (0, 0)
        found[name] = Taken(seconds=tuple(each), peak_bytes=peak_bytes, flops=flops)
    return found


def _seconds(run: Run, *, device: torch.device, wall: bool) -> float:
    clock = time.process_time if device.type == "cpu" and not wall else time.perf_counter
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start_s = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start_s


def _peak_bytes(run: Run, *, device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # otherwise it tells of its start and end on standard error
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()
    events = sorted(found.events() or (), key=lambda event: event.time_range.start)
    return max(accumulate((int(event.self_cpu_memory_usage) for event in events), initial=0))


def _flops(run: Run) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()
