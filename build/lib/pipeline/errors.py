"""What a user is told when an input cannot be used: one line that says where, what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LONGEST: Final = 1000  # letters of a line


class InputError(ValueError):
    """A file, folder or setting of the user's that cannot be used.

    Args:
        where: The file (with row or key where there is one), folder or setting.
        what: What is wrong with it, without a full stop.
        todo: What the user can do about it, without a full stop.
    """

    def __init__(self, where: str | Path, what: str, todo: str) -> None:
        self.where, self.what, self.todo = str(where), what, todo
        super().__init__(f"{where}: {what}; {todo}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """Made again from its three parts: a worker process hands its errors over so, and breaks its pool otherwise."""
        return type(self), (self.where, self.what, self.todo)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """Something that was left out while the rest went on. Every one of them is reported.

    Attributes:
        where: The file with row, frame or track.
        reason: A short fixed phrase, the key under which reports count it (``"nan position"``).
        count: How many rows, samples or frames this entry stands for.
    """

    where: str
    reason: str
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """Something in a drive that can be used, but hardly is as its source meant it.

    Attributes:
        kind: A short fixed word, for machines (``"length unit"``).
        where: The drive, and which part of it.
        what: What was measured, without a full stop.
        cause: What it most likely comes from, as it follows "likely".
        todo: What the user can do about it, without a full stop.
    """

    kind: str
    where: str
    what: str
    cause: str
    todo: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.where}: {self.what}; likely {self.cause}; {self.todo}"


def one_line(text: str) -> str:
    """``text`` on one line that a terminal can show: names of files may hold line breaks and control characters.

    Of one that is too long for anybody to read, the beginning and the end.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
