"""What reading and ingesting costs, by raw format."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from pipeline.config import IngestConfig
from pipeline.drives.registry import DriveRef, read_drive
from pipeline.errors import InputError
from pipeline.ingest.ingest import ingest_drive


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of all drives of one format, on one core.

    Attributes:
        format: Its name.
        num_drives: That could be used.
        num_unusable: The others, which cost nothing here; ``headway check`` says what is wrong with them.
        minutes: What these drives last together.
        seconds: Of processor time to read and clean them, in each repeat.
    """

    format: str
    num_drives: int
    num_unusable: int
    minutes: float
    seconds: tuple[float, ...]

    @property
    def seconds_per_minute(self) -> float:
        """The median over the repeats; NaN without a drive that could be used."""
        return median(self.seconds) / self.minutes if self.minutes else math.nan


def ingest_costs(refs: Sequence[DriveRef], *, config: IngestConfig, repeats: int) -> Iterator[Cost]:
    """Measure format by format, every repeat in a process of its own that nothing was read in before.

    Args:
        refs: The drives.
        config: The ``ingest`` section.
        repeats: How often to measure.
    """
    for name in dict.fromkeys(ref.format for ref in refs):
        own = [ref for ref in refs if ref.format == name]
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            runs = [pool.apply(_measure, (own, config)) for _ in range(repeats)]
        num_drives, minutes, _ = runs[0]
        yield Cost(
            format=name,
            num_drives=num_drives,
            num_unusable=len(own) - num_drives,
            minutes=minutes,
            seconds=tuple(run[2] for run in runs),
        )


def cost_lines(costs: Iterable[Cost]) -> Iterator[str]:
    """A table for people: the median, and the range over the repeats."""
    yield f"{'format':24}{'drives':>7}{'minutes':>9}  seconds per drive-minute"
    for cost in costs:
        spread = ""
        if cost.num_drives:
            least, most = min(cost.seconds) / cost.minutes, max(cost.seconds) / cost.minutes
            spread = f"  {cost.seconds_per_minute:.2f} ({least:.2f} to {most:.2f})"
        left_out = f"  {cost.num_unusable} cannot be used" if cost.num_unusable else ""
        yield f"{cost.format:24}{cost.num_drives:7d}{cost.minutes:9.2f}{spread}{left_out}"


def _measure(refs: Sequence[DriveRef], config: IngestConfig) -> tuple[int, float, float]:
    """How many drives could be used, how many minutes they last, and the seconds that they took."""
    num_drives, minutes, seconds = 0, 0.0, 0.0
    for ref in refs:
        start_s = time.process_time()
        try:
            clean = ingest_drive(read_drive(ref), config=config)
        except InputError:
            continue
        seconds += time.process_time() - start_s
        num_drives += 1
        minutes += (clean.step_times_ns[-1] - clean.step_times_ns[0]) / 6e10
    return num_drives, float(minutes), seconds
