"""A progress bar with rate and remaining time on a terminal; elsewhere (a log) a plain line now and then."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

T = TypeVar("T")
LINE_EVERY_S: Final = 15.0
_SPEED_OVER_S: Final = 300.0  # rich's 30 s give no remaining time where one item takes longer than that
CONSOLE = Console(stderr=True)  # one for all: a bar inside another one is then drawn below it


class _Rate(TextColumn):
    """Items per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """The finished or the running speed."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "")


class _Note(TextColumn):
    """What else is told of a task: its field ``note``, where it has one."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """The note as it is now."""
        return Text(task.fields.get("note", ""))


class _Bar(Progress):
    """A bar; where standard error is no terminal, a line at most every ``LINE_EVERY_S``, so none for shorter work."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            _Note(),
            TimeRemainingColumn(),
        )
        super().__init__(
            *columns, console=CONSOLE, disable=not CONSOLE.is_terminal, speed_estimate_period=_SPEED_OVER_S
        )
        self._said_s = self.get_time()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Go on by some steps."""
        super().advance(task_id, advance)
        task, now_s = self._tasks[task_id], self.get_time()
        if self.disable and now_s - self._said_s >= LINE_EVERY_S and not task.finished:
            self._said_s = now_s
            self.console.print(Text(_line(task)), soft_wrap=True, highlight=False)


@contextmanager
def quiet() -> Generator[None]:
    """Within, bars and lines are left out: for one of several processes, whose caller tells how far all are."""
    before, CONSOLE.quiet = CONSOLE.quiet, True
    try:
        yield
    finally:
        CONSOLE.quiet = before


def progress_bar() -> Progress:
    """A bar on standard error, or lines where that is no terminal; ``advance`` is what makes them.

    A task's field ``note`` (``update(task, note=...)``) stands behind its rate.
    """
    return _Bar()


def _line(task: Task) -> str:
    """``simulate: 12 of 32, 0.4/s, 50 s left``; without what is not known yet."""
    total = "" if task.total is None else f" of {task.total:.0f}"
    parts = [f"{task.description}: {task.completed:.0f}{total}"]
    if task.speed:
        parts.append(f"{task.speed:.2g}/s")
    if note := task.fields.get("note"):
        parts.append(note)
    if task.time_remaining is not None:
        left_s = task.time_remaining
        parts.append(f"{left_s:.0f} s left" if left_s < 120 else f"{left_s / 60:.0f} min left")
    return ", ".join(parts)


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
