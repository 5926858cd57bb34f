"""``make stress``: thousands of broken drives of every format, and what came of each.

Each must end in a named error for that drive or in a correct result: no traceback, no hang, nothing written outside the
output folder, the other drive as ever. ``--seed`` draws other cases, ``--case`` runs one again. Then ``headway score``
is killed at random moments and started again (``--kills``): the results must be those of an unbroken run.
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
from tests.stress.kills import kill_and_compare
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
    parser.add_argument("--kills", type=int, default=20, help="how often score is killed (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing (default: 0)")
    parser.add_argument("--format", action="append", default=[], help="this one alone; can be given again")
    parser.add_argument("--case", help="run one case again, as an earlier run told it")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--verbose", action="store_true", help="tell of every case")
    asked = parser.parse_args()
    started_s = time.monotonic()
    chosen = [Case.parse(asked.case)] if asked.case else []
    if asked.cases and not chosen:
        chosen = drawn(asked.cases, seed=asked.seed, only=asked.format)
    results: list[Done] = []
    for done in track(run_cases(chosen, num_workers=asked.workers), total=len(chosen), description="stress"):
        results.append(done)
        if done.outcome == "failed" or asked.verbose or asked.case:
            sys.stdout.write(told(done))
            sys.stdout.flush()
    if results:
        took_s = time.monotonic() - started_s
        sys.stdout.write("\n".join([*totals(results), f"{len(results)} cases in {took_s:.0f} s", ""]))
    survived = not asked.kills or asked.case is not None or _survives(asked.kills, seed=asked.seed)
    sys.exit(not survived or any(done.outcome == "failed" for done in results))


def _survives(kills: int, *, seed: int) -> bool:
    """Whether ``headway score`` stands being killed so often; tells of each time."""
    from pipeline.training.bundle import write_bundle  # noqa: PLC0415  # torch takes seconds to import
    from tests.tiny_bundle import make_bundle  # noqa: PLC0415

    all_good = True
    with tempfile.TemporaryDirectory() as folder:
        model, place = Path(folder, "model"), Path(folder, "runs")
        write_bundle(model, make_bundle(scene=False))
        for told, good in kill_and_compare(place, model=model, kills=kills, drives=40, seed=seed):
            all_good &= good
            sys.stdout.write(f"score {told}\n" if good else f"FAILED: score {told}\n")
            sys.stdout.flush()
    return all_good
