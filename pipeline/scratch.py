"""Temporary folders that are removed even where their process is killed: by the next one that needs such a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

_BEGINNING: Final = "scratch-"


def own_folder() -> Path:
    """This user's folder among those for temporary files (TMPDIR); made where it is missing, for nobody else to see."""
    folder = Path(tempfile.gettempdir()).resolve() / f"headway-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def scratch_folder() -> Generator[Path]:
    """Yield a new temporary folder and remove it afterwards; first of all those whose processes are no more.

    A process holds a lock beside its folder, which ends with the process, however that ends.

    Raises:
        OSError: None can be made.
    """
    root = own_folder()
    for left in root.glob(f"{_BEGINNING}*.d"):
        lock = FileLock(_lock_of(left))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _remove(left, lock)
    folder = root / f"{_BEGINNING}{uuid.uuid4().hex}.d"
    lock = FileLock(_lock_of(folder))
    lock.acquire()  # before there is a folder that others could take for left over
    try:
        folder.mkdir()
        yield folder
    finally:
        _remove(folder, lock)


def _lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    _lock_of(folder).unlink(missing_ok=True)
