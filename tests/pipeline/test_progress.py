"""Progress where standard error is no terminal: lines in a log, and none for short work."""

from __future__ import annotations

import pytest

from pipeline import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that bars read."""
    now_s = [1000.0]
    monkeypatch.setattr(progress.CONSOLE, "get_time", lambda: now_s[0])
    return now_s


def said(clock: list[float], capsys: pytest.CaptureFixture[str], *, total: int, each_s: float) -> list[str]:
    for _ in progress.track(range(total), total=total, description="simulate"):
        clock[0] += each_s
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()


def test_short_work_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert said(clock, capsys, total=5, each_s=2.9) == []


def test_long_work_says_how_far_it_is_and_how_long_is_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(clock, capsys, total=32, each_s=2.5)
    assert lines == [
        "simulate: 6 of 32, 0.4/s, 65 s left",
        "simulate: 12 of 32, 0.4/s, 50 s left",
        "simulate: 18 of 32, 0.4/s, 35 s left",
        "simulate: 24 of 32, 0.4/s, 20 s left",
        "simulate: 30 of 32, 0.4/s, 5 s left",
    ]
    # One line per item where each takes longer; nothing is said of what is not known yet, and minutes are rounded.
    assert said(clock, capsys, total=3, each_s=200.0) == [
        "simulate: 1 of 3",
        "simulate: 2 of 3, 0.005/s, 3 min left",
    ]


def test_a_note_stands_behind_the_rate(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar() as bar:
        task = bar.add_task("scoring", total=9, completed=3)
        for number in (1, 2):
            clock[0] += 20.0
            bar.update(task, note=f"{number},000 forecasts/s")
            bar.advance(task)
    assert capsys.readouterr().err.splitlines() == [
        "scoring: 4 of 9, 1,000 forecasts/s",
        "scoring: 5 of 9, 0.05/s, 2,000 forecasts/s, 80 s left",
    ]
