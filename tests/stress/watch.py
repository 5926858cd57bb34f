"""Cases in worker processes under a watchdog: a hang or a crash is a result too, and the next case goes on."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

from tests.stress.plan import Case

LIMIT_S: Final = 90.0  # for one case, on a busy machine; the first one imports everything
_START_S: Final = 300.0  # for a worker to import everything and to write the valid drives
_MEMORY_BYTES: Final = 6 * 2**30  # a worker gets no more


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A case, what came of it (as in ``Result``) and how long it took."""

    case: Case
    outcome: str
    told: str
    hits: tuple[str, ...]
    seconds: float


class Worker:
    """A process that runs one case after the other."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._folder = Path(tempfile.mkdtemp(prefix="headway-stress-"))
        self._process = context.Process(target=_work, args=(theirs, self._folder), daemon=True)
        self._process.start()
        theirs.close()
        self.case: Case | None = None
        self.ready = False
        self._deadline_s = time.monotonic() + _START_S
        self._since_s = 0.0

    def give(self, case: Case, *, limit_s: float) -> None:
        """Let it run a case."""
        self.case, self._since_s = case, time.monotonic()
        self._deadline_s = self._since_s + limit_s
        self.pipe.send((str(case), limit_s))

    def look(self) -> Done | None:
        """The case that is done: it has run, it took too long, or the process died of it; else nothing."""
        try:
            if self.pipe.poll():
                said = self.pipe.recv()
                self.ready = True
                case, self.case = self.case, None
                return None if case is None else self._done(case, *said)
        except (EOFError, ConnectionError):
            return self._lost("the process died")
        return self._lost("it hangs") if self.case and time.monotonic() > self._deadline_s else None

    def end(self) -> int | None:
        """Stop it, whatever it does, and remove its folder."""
        self._process.kill()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._process.exitcode

    def _done(self, case: Case, outcome: str, told: str, hits: tuple[str, ...]) -> Done:
        return Done(case=case, outcome=outcome, told=told, hits=hits, seconds=time.monotonic() - self._since_s)

    def _lost(self, why: str) -> Done:
        self._process.join(1.0)
        stacks = (self._folder / "stacks").read_text(errors="replace")
        code = self.end()
        told = f"{why} (exit code {code})\n{stacks}"
        assert self.case is not None, f"a worker before its first case: {told}"
        return self._done(self.case, "failed", told, ())


def run_cases(cases: Sequence[Case], *, num_workers: int, limit_s: float = LIMIT_S) -> Iterator[Done]:
    """Run cases in processes of their own and yield each as it is done."""
    left = list(reversed(cases))
    workers = [Worker() for _ in range(min(num_workers, len(left)))]
    num_left = len(left)
    try:
        while num_left:
            wait([worker.pipe for worker in workers], timeout=0.5)
            for place, worker in enumerate(workers):
                done = worker.look()
                if done is not None:
                    num_left -= 1
                    yield done
                if done is not None and worker.case is not None and num_left:  # it was lost
                    workers[place] = Worker()
                elif worker.ready and worker.case is None and left:
                    worker.give(left.pop(), limit_s=limit_s)
    finally:
        for worker in workers:
            worker.end()


def _work(pipe: Connection, folder: Path) -> None:
    """In the worker: make ready, say so, then a case at a time."""
    from jaxtyping import install_import_hook  # noqa: PLC0415

    import tests.shapes  # noqa: PLC0415

    sys.dont_write_bytecode = True  # nothing is written but what the cases write
    os.sched_getaffinity = lambda _: {0}  # a case stays in this process
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, most))
    folder.chmod(0o755)
    with (folder / "stacks").open("w") as stacks:
        os.dup2(stacks.fileno(), 2)  # libraries in C complain there of each broken picture
        faulthandler.enable(file=stacks)
        install_import_hook(["models", "pipeline"], f"{tests.shapes.__name__}.check_shapes")
        from tests.stress.case import Bench  # noqa: PLC0415

        bench = Bench(folder)
        pipe.send(None)
        while True:
            text, limit_s = pipe.recv()
            faulthandler.dump_traceback_later(0.9 * limit_s, file=stacks)
            result = bench.run(Case.parse(text))
            faulthandler.cancel_dump_traceback_later()
            pipe.send((result.outcome, result.told, result.hits))
