"""The same work on many things at once: in processes, or in threads where most of it is other people's C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from pipeline.errors import InputError
from pipeline.terminated import TERMINATED, Terminated, is_terminated, raise_on_sigterm

T = TypeVar("T")
R = TypeVar("R")


def num_processors() -> int:
    """How many this process may use: a batch system or ``taskset`` can grant fewer than the machine has."""
    granted = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(granted(0)) if granted else os.cpu_count() or 1


def in_processes(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    alone_s: float = 2.0,
    num_processes: int | None = None,
    in_order: bool = False,
) -> Generator[tuple[T, R]]:
    """Do the work and yield each item with its result as it is done.

    Where it ends early, by an error, by SIGTERM (see ``terminable``) or by its ``close``, no process is left behind,
    nor where this process is killed.

    Args:
        work: A function of a module, or a ``partial`` of one: it travels to other processes by its name.
        items: What it is done on.
        alone_s: Processes take about this long to start: what is left after it goes to several at once.
        num_processes: At most this many; all processors by default.
        in_order: Yield in the items' order. Few are then done ahead of the one that is asked for, so that large
            results do not pile up.

    Raises:
        InputError: A process ended by itself.
    """
    started_s = time.monotonic()
    left = list(items)
    num_processes = num_processes or num_processors()
    while left and (min(num_processes, len(left)) == 1 or time.monotonic() - started_s < alone_s):
        item = left.pop(0)
        yield item, work(item)
    if not left:
        return
    # Spawned, not forked: a fork of a process that has threads (Arrow's, the progress bar's) can hang.
    context = multiprocessing.get_context("spawn")
    num_processes = min(num_processes, len(left))
    pool = ProcessPoolExecutor(num_processes, mp_context=context, initializer=_begin)
    all_done = False
    try:
        if in_order:
            yield from zip(left, _in_order(pool, partial(_work, work), left, ahead=2 * num_processes), strict=True)
        else:
            item_of = {pool.submit(_work, work, item): item for item in left}
            for future in as_completed(item_of):
                yield item_of.pop(future), future.result()  # popped: results do not pile up
        all_done = True
    except BrokenProcessPool as error:
        what = "ended by itself, as it does where memory runs out"
        raise InputError("a process at work", what, "free memory, or give fewer drives at once") from error
    finally:
        if not all_done:
            for process in multiprocessing.active_children():
                process.terminate()
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    raise_on_sigterm()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one ends the others
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # which is for the main thread
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process when the first one was killed: it would do what is queued, then wait for more for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(TERMINATED)


def _work(work: Callable[[T], R], item: T) -> R:
    """Do the work in a process of the pool, which would take SIGTERM for the item's error and go on with the next."""
    if is_terminated():
        os._exit(TERMINATED)
    try:
        return work(item)
    except Terminated:
        os._exit(TERMINATED)


def in_threads(work: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Iterator[R]:
    """Do the work and yield the results in the items' order.

    Args:
        work: Called from several threads.
        items: What it is done on.
        ahead: At most so many are done before the one that is asked for, so that memory stays small.
    """
    with ThreadPoolExecutor(max_workers=min(4, num_processors())) as pool:
        yield from _in_order(pool, work, items, ahead=ahead)


def _in_order(pool: Executor, work: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Iterator[R]:
    running: deque[Future[R]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) > ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
