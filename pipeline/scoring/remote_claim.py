"""Results in an object store for runs of one model and one set of settings at a time: stores have no locks."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.remote import Remote, is_full

_FOLDER: Final = ".running"
_RENEW_S: Final = 20.0
_FRESH_S: Final = 120.0  # after this a mark that was not renewed is that of a run that was killed


@contextmanager
def claim_remote(folder: Remote, *, settings: str) -> Generator[None]:
    """Keep runs of other settings out of the folder: their tables would pass for each other's.

    Each run sets a mark that it renews, and only then looks for others': of two that begin at the same moment, at
    least one sees the other. Runs of the same settings do not mind each other, so a run that was killed goes on at
    once. Clocks of machines may differ by a minute.

    Args:
        folder: Of the results.
        settings: A digest of all that the results depend on but the drives; letters and digits.

    Raises:
        InputError: Another run has it, or it cannot be written to.
    """
    marks = folder / _FOLDER
    mark = marks / f"{settings}-{uuid.uuid4().hex}"
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(_RENEW_S):
            with suppress(InputError, OSError):  # the next time, perhaps
                _set(mark)

    try:
        _set(mark)
    except OSError as error:
        todo = "make room" if is_full(error) else "give a folder that can be written to"
        raise InputError(str(folder), f"cannot be written to ({error.strerror or error})", todo) from error
    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        for file in marks.files():
            other = marks / file.name
            if other == mark or not _is_fresh(other) or file.name.startswith(f"{settings}-"):
                continue
            what = "another run is scoring into it, with another model or other settings"
            todo = f"wait until it has ended ({_FRESH_S:g} s, if it was killed), or give another folder"
            raise InputError(str(folder), what, todo)
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(InputError, OSError):
            mark.remove()


def _set(mark: Remote) -> None:
    with tempfile.TemporaryDirectory(prefix="headway-") as name:
        file = Path(name) / "mark"
        file.write_text(json.dumps({"renewed_s": time.time()}), encoding="utf-8")
        mark.put(file)


def _is_fresh(mark: Remote) -> bool:
    """Whether its run lives; the mark of one that does not is removed."""
    try:
        age_s = time.time() - float(json.loads(mark.read())["renewed_s"])
    except FileNotFoundError:  # it has just ended
        return False
    except (ValueError, TypeError, KeyError):
        age_s = _FRESH_S
    if age_s < _FRESH_S:
        return True
    mark.remove()
    return False
