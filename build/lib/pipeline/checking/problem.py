"""Something wrong with a drive: how bad, where, what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pipeline.errors import Dropped, InputError, Suspicion, one_line


class Severity(IntEnum):
    """How bad it is."""

    NOTE = 0  # a decision that reading or cleaning took
    WARNING = 1  # something was left out, or is hardly as it was meant
    ERROR = 2  # the drive cannot be used

    @property
    def word(self) -> str:
        """In reports."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One kind of thing that is wrong.

    Attributes:
        severity: How bad it is.
        kind: A fixed word, for machines: ``unusable``, ``left out``, ``note``, or a suspicion's.
        where: The file with row or key, in each place that is named.
        what: What is wrong.
        todo: What to do about it; empty where nothing needs to be.
        count: Rows, samples or frames that it is about.
    """

    severity: Severity
    kind: str
    where: tuple[str, ...]
    what: str
    todo: str = ""
    count: int = 1

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "severity": self.severity.word,
            "kind": self.kind,
            "where": [one_line(place) for place in self.where],
            "what": one_line(self.what),
            "todo": one_line(self.todo),
            "count": self.count,
        }

    def line(self) -> str:
        """In one line; of several places the first."""
        if self.severity is Severity.NOTE:
            return one_line(self.what)
        more = f" (and {self.count - 1} more like it)" if self.count > 1 else ""
        todo = f"; {self.todo}" if self.todo else ""
        return one_line(f"{self.where[0]}: {self.what}{more}{todo}")


def of_error(error: InputError) -> Problem:
    """A drive or a folder that cannot be used."""
    where = (error.where,)
    return Problem(severity=Severity.ERROR, kind="unusable", where=where, what=error.what, todo=error.todo)


def of_dropped(dropped: Iterable[Dropped]) -> list[Problem]:
    """What was left out, one entry for each reason."""
    by_reason: dict[str, list[Dropped]] = {}
    for entry in dropped:
        by_reason.setdefault(entry.reason, []).append(entry)
    return [
        Problem(
            severity=Severity.WARNING,
            kind="left out",
            where=tuple(entry.where for entry in entries),
            what=reason,
            count=sum(entry.count for entry in entries),
        )
        for reason, entries in by_reason.items()
    ]


def of_suspicion(suspicion: Suspicion) -> Problem:
    """What is hardly as it was meant."""
    return Problem(
        severity=Severity.WARNING,
        kind=suspicion.kind,
        where=(suspicion.where,),
        what=f"{suspicion.what}; likely {suspicion.cause}",
        todo=suspicion.todo,
    )


def of_note(note: str, *, where: str | None = None) -> Problem:
    """A decision that was taken, on a drive or on none."""
    return Problem(severity=Severity.NOTE, kind="note", where=() if where is None else (where,), what=note)
