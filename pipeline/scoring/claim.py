"""A folder of results for one run at a time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import InputError

_LOCK = ".lock"


@contextmanager
def claim(folder: Path) -> Generator[None]:
    """Keep the folder for this run; it is made where it is missing. The file ``.lock`` in it stays afterwards.

    The claim ends with the process, however that ends.

    Raises:
        InputError: Another run has it, or it cannot be written to.
    """
    lock = FileLock(folder / _LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        todo = "wait until it has ended, or give another folder"
        raise InputError(folder, "another run is scoring into it", todo) from error
    except OSError as error:
        todo = "give a folder that can be written to"
        raise InputError(folder, f"cannot be written to ({error.strerror or error})", todo) from error
    try:
        yield
    finally:
        lock.release()
