"""Files from strangers, read whole and within a limit."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError


def read_plain(path: Path, *, most_mb: int, missing: str, smaller: str) -> bytes:
    """Read a file's content. Links are followed: recordings are often linked in from another disk.

    Args:
        path: The file.
        most_mb: A larger one is refused unread, in millions of bytes.
        missing: What to do where there is none.
        smaller: What to do about a larger one.

    Raises:
        InputError: It is missing, no plain file (a folder, a pipe, a device), too large, or may not be read.
    """
    try:
        if not path.is_file():  # a pipe or a device would never end
            raise InputError(path, "is no file" if path.exists() else "is missing", missing)
        with path.open("rb") as file:
            content = file.read(most_mb * 1_000_000 + 1) if path.stat().st_size <= most_mb * 1_000_000 else None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    if content is None or len(content) > most_mb * 1_000_000:
        raise InputError(path, f"is over {most_mb} MB", smaller)
    return content
