"""What was found in drives, for people to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pipeline.checking.account import Account, Content, DriveAccount
from pipeline.checking.problem import Problem, Severity
from pipeline.errors import one_line

_LABEL: Final = 9


def lines(account: Account) -> Iterator[str]:
    """The drives one by one, the folders' problems, and a last line that sums up."""
    for drive in account.drives:
        yield from _drive_lines(drive)
    yield from _problem_lines(account.problems, indent="")
    yield _summary(account)


def _drive_lines(drive: DriveAccount) -> Iterator[str]:
    head = f"{drive.name}  {drive.format}"
    content = drive.content
    if content is not None:
        head += f", {content.duration_s:.1f} s at {content.rate_hz:g} Hz, {content.num_measurements:,} measurements"
    yield head
    if content is not None:
        yield from _content_lines(content)
    yield from _problem_lines(drive.problems, indent="  ")


def _content_lines(content: Content) -> Iterator[str]:
    groups = [_group(*item) for item in content.agents.items()]
    yield _labelled("agents", "; ".join([*groups, *(["the ego among them"] if content.has_ego else [])]), indent="  ")
    if content.cameras:
        cameras = (
            f"{name} {camera.width_px} x {camera.height_px}: {_counted(content.num_frames[name], 'frame')}"
            for name, camera in content.cameras.items()
        )
        yield _labelled("cameras", "; ".join(cameras), indent="  ")
    if content.map is not None:
        counts = dict(content.map)
        area = f"drivable area {counts.pop('drivable_area_m2'):,.0f} m2"
        parts = (_counted(int(count), kind.removesuffix("s")) for kind, count in counts.items() if count)
        yield _labelled("map", ", ".join((*parts, area)), indent="  ")


def _group(group: str, members: Mapping[str, int]) -> str:
    """``vehicle 6 (car 5, truck 1)``; without what says the same twice."""
    total = f"{group} {sum(members.values())}"
    if list(members) == [group]:
        return total
    return f"{total} ({', '.join(f'{category} {count}' for category, count in members.items())})"


def _problem_lines(problems: Iterable[Problem], *, indent: str) -> Iterator[str]:
    for problem in problems:
        yield _labelled(problem.severity.word, problem.line(), indent=indent)


def _labelled(label: str, text: str, *, indent: str) -> str:
    return f"{indent}{label:<{_LABEL}}{one_line(text)}"


def _summary(account: Account) -> str:
    usable = sum(drive.usable for drive in account.drives)
    unusable = len(account.drives) - usable
    counts = ", ".join(_counted(account.counts[severity], severity.word) for severity in reversed(Severity))
    drives = f"{_counted(len(account.drives), 'drive')}: {usable} can be used"
    return f"{drives}{f', {unusable} cannot' if unusable else ''}; {counts}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
