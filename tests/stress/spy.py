"""Watches what this process does to files outside the folders that it may write to, and whether it starts anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events of Python that change files, and which of their arguments are paths and the folder these start from.
_CHANGES: Final = {
    "os.mkdir": ((0,), 2),
    "os.rename": ((0, 1), 2),
    "os.remove": ((0,), 1),
    "os.rmdir": ((0,), 1),
    "os.link": ((1,), 3),
    "os.symlink": ((1,), 2),
    "os.chmod": ((0,), 2),
    "os.truncate": ((0,), None),
    "os.utime": ((0,), 3),
}
_STARTS: Final = frozenset(
    {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect"}
)


class Spy:
    """Audit hooks cannot be taken off again: one for the process, which looks only while ``watching``."""

    def __init__(self) -> None:
        self._allowed: tuple[str, ...] | None = None
        self._seen: list[str] = []
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self, *allowed: Path) -> Iterator[list[str]]:
        """The list fills with what happens: writing to anything whose path does not begin like one of ``allowed``."""
        self._seen = []
        self._allowed = tuple(str(path) for path in allowed)
        try:
            yield self._seen
        finally:
            self._allowed = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._allowed is None:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES:
                self._changed(event, path)
        elif event in _CHANGES:
            places, folder = _CHANGES[event]
            if folder is None or arguments[folder] == -1:  # else it starts from an open folder: seen when that was made
                for place in places:
                    self._changed(event, arguments[place])
        elif event in _STARTS:
            self._seen.append(f"{event} {arguments!r}"[:200])

    def _changed(self, event: str, path: Any) -> None:
        assert self._allowed is not None
        if isinstance(path, str | bytes | os.PathLike):
            whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  # follows no link, touches no file
            made_already = event == "os.mkdir" and Path(whole).is_dir()
            if not whole.startswith(self._allowed) and whole != os.devnull and not made_already:
                self._seen.append(f"{event} {whole}"[:200])
