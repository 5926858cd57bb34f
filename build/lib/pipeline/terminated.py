"""SIGTERM as an exception, so that what was begun is cleaned up: temporary folders, worker processes, runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

TERMINATED: Final = 128 + signal.SIGTERM  # the exit code that the shell expects


class Terminated(SystemExit):
    """SIGTERM arrived, and the program ends."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


def raise_on_sigterm() -> None:
    """From now on the first SIGTERM raises ``Terminated`` in the main thread; further ones do not disturb its end."""
    signal.signal(signal.SIGTERM, _terminate)


def is_terminated() -> bool:
    """Whether SIGTERM has arrived."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


@contextmanager
def terminable() -> Generator[None]:
    """Within, as ``raise_on_sigterm``; nothing in other threads than the main one, where Python handles no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    raise_on_sigterm()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
