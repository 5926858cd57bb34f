"""A progress bar with rate and remaining time on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

T = TypeVar("T")
_CONSOLE = Console(stderr=True)  # one for all: a bar inside another one is then drawn below it


class _Rate(TextColumn):
    """Items per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """The finished or the running speed."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "")


def progress_bar() -> Progress:
    """A bar on standard error; disabled where that is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=_CONSOLE, disable=not _CONSOLE.is_terminal)


def track(items: Iterable[T], *, total: int, description: str) -> Iterator[T]:
    """Yield ``items`` under a progress bar; without one where there are none."""
    if not total:
        yield from items
        return
    with progress_bar() as bar:
        task = bar.add_task(description, total=total)
        for item in items:
            yield item
            bar.advance(task)
