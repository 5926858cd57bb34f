"""``make stress``: thousands of broken drives of every format, and what came of each.

Each must end in a named error for that drive or in a correct result: no traceback, no hang, nothing written outside the
output folder, the other drive as ever. ``--seed`` draws other cases, ``--case`` runs one again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.progress import track
from tests.stress.plan import Case, cases
from tests.stress.pristine import write_pristine
from tests.stress.watch import Done, run_cases

_OUTCOMES: Final = ("refused", "partial", "unchanged", "failed")


def drawn(count: int, *, seed: int, only: Sequence[str] = ()) -> list[Case]:
    """Cases over all formats, or over some.

    Args:
        count: How many.
        seed: Of the drawing.
        only: Names of formats; none for all.
    """
    with tempfile.TemporaryDirectory() as folder:
        kinds = {name: one.kinds for name, one in write_pristine(Path(folder)).items() if not only or name in only}
    return cases(kinds, count=count, seed=seed)


def totals(results: Sequence[Done]) -> list[str]:
    """A line for each format: how many cases came to which end; the slowest case in the last line."""
    lines = [f"{'format':24}" + "".join(f"{outcome:>10}" for outcome in _OUTCOMES)]
    for name in (*sorted({done.case.format for done in results}), "all"):
        ends = [done.outcome for done in results if name in (done.case.format, "all")]
        row = [ends.count(outcome) for outcome in _OUTCOMES]
        lines.append(f"{name:24}" + "".join(f"{number:>10}" for number in row))
    slowest = max(results, key=lambda done: done.seconds)
    return [*lines, f"the slowest case took {slowest.seconds:.1f} s: {slowest.case.command}"]


def told(done: Done) -> str:
    """A case for people: what was broken, what came of it, and how to run it again."""
    return "\n".join([f"{done.outcome}: {done.case.format}", *done.hits, done.told, done.case.command, ""])


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(prog="make stress", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing (default: 0)")
    parser.add_argument("--format", action="append", default=[], help="this one alone; can be given again")
    parser.add_argument("--case", help="run one case again, as an earlier run told it")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--verbose", action="store_true", help="tell of every case")
    asked = parser.parse_args()
    started_s = time.monotonic()
    chosen = [Case.parse(asked.case)] if asked.case else drawn(asked.cases, seed=asked.seed, only=asked.format)
    results: list[Done] = []
    for done in track(run_cases(chosen, num_workers=asked.workers), total=len(chosen), description="stress"):
        results.append(done)
        if done.outcome == "failed" or asked.verbose or asked.case:
            sys.stdout.write(told(done))
            sys.stdout.flush()
    sys.stdout.write("\n".join([*totals(results), f"{len(results)} cases in {time.monotonic() - started_s:.0f} s", ""]))
    sys.exit(any(done.outcome == "failed" for done in results))
