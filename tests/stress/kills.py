"""``headway score`` killed at random moments and started again: the results must be those of an unbroken run."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.small_drives import write_small_drive

ROOT: Final = Path(__file__).parents[2]
_LIMIT_S: Final = 300.0  # for whatever is waited for, on a busy machine


def write_drives(folder: Path, *, count: int) -> Path:
    """Short drives without frames, each another."""
    for number in range(count):
        write_small_drive(folder / f"drive-{number}", seed=number, seconds=3.0, with_frames=False)
    return folder


def results(out: Path) -> dict[str, Any]:
    """All that a run left behind, by path, without the times that it took."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != ".lock"):
        found[path.relative_to(out).as_posix()] = (
            without_times(json.loads(path.read_text())) if path.suffix == ".json" else path.read_bytes()
        )
    return found


def without_times(content: Any) -> Any:
    """A JSON document without any value called ``seconds``."""
    if isinstance(content, list):
        return [without_times(each) for each in content]
    if isinstance(content, dict):
        return {key: without_times(each) for key, each in content.items() if key != "seconds"}
    return content


def kill_and_compare(folder: Path, *, model: Path, kills: int, drives: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Score drives in an unbroken run, then again with kills; each restart finds what the killed run left.

    Only the first process is killed, by SIGKILL; what it started must end by itself.

    Args:
        folder: To work in; empty.
        model: That scores.
        kills: So many.
        drives: So many.
        seed: Of the moments, and of how many workers each run has (1 or 2).

    Yields:
        For each kill what happened, and whether all is well so far.
    """
    rng = random.Random(seed)
    raw, whole, out = write_drives(folder / "raw", count=drives), folder / "whole", folder / "out"
    with _Run(raw, model=model, out=whole, workers=2) as run:
        began_s = time.monotonic()
        assert run.code() == 0, run
        lasts_s = time.monotonic() - began_s
    expected = results(whole)
    while kills:
        workers, after_s = rng.choice((1, 2)), rng.uniform(0.0, lasts_s)
        with _Run(raw, model=model, out=out, workers=workers) as run:
            began_s = time.monotonic()
            ended = run.ended_within(after_s) or run.kill()
        if ended:  # it was faster than the unbroken run, by the machine's load: what is done need not be done again
            lasts_s = time.monotonic() - began_s
            good = results(out) == expected
            shutil.rmtree(out)
            if not good:
                yield (
                    f"went on to the end with {workers} workers, and the results differ from the unbroken run's",
                    False,
                )
            continue
        kills -= 1
        num_done = len(list((out / "drives").glob("[!.]*.json")))
        yield f"killed after {after_s:.1f} s, {workers} workers, {num_done} of {drives} drives done", True
    with _Run(raw, model=model, out=out, workers=2) as run:
        code = run.code()
    good = code == 0 and results(out) == expected
    yield "went on to the end" + ("" if good else ", and the results differ from the unbroken run's"), good


class _Run:
    """The command in a session of its own, once it has begun."""

    def __init__(self, raw: Path, *, model: Path, out: Path, workers: int) -> None:
        command = [sys.executable, "-m", "pipeline.cli", "score", "--model", str(model), "--drives", str(raw)]
        command += ["--out", str(out), "--device", "cpu", "--workers", str(workers)]
        (out / "summary.json").unlink(missing_ok=True)
        self._process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
        _wait_for(lambda: (out / "summary.json").exists() or self._process.poll() is not None)

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def code(self) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait(_LIMIT_S)

    def ended_within(self, seconds: float) -> bool:
        """Whether it ends by itself so soon."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def kill(self) -> bool:
        """Kill it; whether it had ended before. Nothing that it started is left."""
        ended = self._process.poll() is not None
        if not ended:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        _wait_for(lambda: not _is_there(self._process.pid))
        return ended


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(done: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _LIMIT_S
    while not done():
        assert time.monotonic() < until_s, "it takes too long"
        time.sleep(0.01)
