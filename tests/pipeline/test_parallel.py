"""Work in processes, and what is left of it where SIGTERM ends it: nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.parallel import in_processes
from tests.small_drives import write_small_drive

ROOT = Path(__file__).parents[2]
# Each process starts another one, as the simulation starts SUMO, and marks when it is at it.
BUSY = """
import subprocess, sys
from functools import partial
from pathlib import Path
from pipeline.parallel import in_processes
from pipeline.stages import run_stage

def work(number, folder):
    process = subprocess.Popen(["sleep", "60"])
    try:
        Path(folder, str(number)).touch()  # not before: what is being started when the signal comes is nobody's yet
        process.wait()
    finally:
        process.kill()
        process.wait()
        Path(folder, f"ended-{number}").touch()

def main():
    for _ in in_processes(partial(work, folder=sys.argv[1]), range(5), alone_s=0.0, num_processes=2):
        pass

if __name__ == "__main__":
    run_stage(main)
"""
# The command, with processes from the first drive on.
INGEST = """
from functools import partial
from pipeline import cli
from pipeline.stages import ingest

ingest.ingest_all = partial(ingest.ingest_all, alone_s=0.0, num_processes=2)
if __name__ == "__main__":
    cli.main()
"""


def _wait_for(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 120.0
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def _terminate(
    command: Sequence[str | Path], *, once: Callable[[], bool], cwd: Path = ROOT, by: signal.Signals = signal.SIGTERM
) -> tuple[int, str]:
    """Send a signal to a command's first process alone; its exit code and what it said. No other is left."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment, start_new_session=True
    ) as process:
        _wait_for(lambda: once() or process.poll() is not None)
        process.send_signal(by)
        _, said = process.communicate(timeout=60.0)

    def nobody_left() -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    _wait_for(nobody_left)
    return process.returncode, said


def test_every_item_comes_with_its_result_from_this_process_and_from_others():
    expected = [(text, len(text)) for text in ("a", "bb", "ccc")]
    for how in ({"alone_s": 0.0, "num_processes": 2}, {"num_processes": 1}, {}):
        assert sorted(in_processes(len, ["a", "bb", "ccc"], **how)) == expected


def test_results_in_order_wait_for_slow_ones_and_few_are_done_ahead(tmp_path: Path):
    done = in_processes(partial(mark, folder=tmp_path), range(12), alone_s=0.0, num_processes=2, in_order=True)
    assert next(done) == (0, 0)
    time.sleep(0.3)
    assert 1 <= len(list(tmp_path.iterdir())) <= 5  # the first, and two for each process
    assert list(done) == [(number, number) for number in range(1, 12)]


def mark(number: int, folder: Path) -> int:
    """Note that it was done; the even ones take longer."""
    time.sleep(0.02 * (number % 2 == 0))
    (folder / str(number)).touch()
    return number


def test_a_process_that_dies_is_told_in_one_line():
    with pytest.raises(InputError, match="a process at work: ended by itself, as it does where memory runs out; free"):
        list(in_processes(os._exit, [1, 2], alone_s=0.0, num_processes=2))


def test_sigterm_ends_the_processes_and_what_they_started(tmp_path: Path):
    (tmp_path / "busy.py").write_text(BUSY)
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, tmp_path / "busy.py", marks]
    code, said = _terminate(command, once=lambda: len(list(marks.iterdir())) == 2)
    assert (code, said) == (128 + signal.SIGTERM, "")
    assert sorted(path.name for path in marks.iterdir()) == ["0", "1", "ended-0", "ended-1"]


WAIT = """
import time, sys
from pathlib import Path
from pipeline.parallel import in_processes

def work(name):
    Path(name).touch()
    time.sleep(60.0)

if __name__ == "__main__":
    list(in_processes(work, [f"{sys.argv[1]}/{number}" for number in range(8)], alone_s=0.0, num_processes=2))
"""


def test_where_the_first_process_is_killed_the_others_end(tmp_path: Path):
    (tmp_path / "wait.py").write_text(WAIT)
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, tmp_path / "wait.py", marks]
    code, _ = _terminate(command, once=lambda: len(list(marks.iterdir())) == 2, by=signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert len(list(marks.iterdir())) == 2


def test_sigterm_during_ingest_leaves_nothing_half_written(tmp_path: Path):
    one = write_small_drive(tmp_path / "raw" / "one", seconds=1.0, with_frames=False)
    for number in range(100):
        shutil.copytree(one, tmp_path / "raw" / str(number))
    (tmp_path / "ingest.py").write_text(INGEST)
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, tmp_path / "ingest.py", "ingest", "raw", "--out", "out"]
    command += ["--params", ROOT / "params.yaml"]
    code, said = _terminate(command, once=lambda: any(tmp_path.glob(".out.*/*.report.json")), cwd=tmp_path)
    assert code == 128 + signal.SIGTERM
    assert all("another drive is called" in line for line in said.splitlines())
    assert sorted(tmp_path.rglob("*")) == before
