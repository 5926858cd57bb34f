"""The commands themselves on a folder of drives, in this process, and what they must agree on."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from pipeline import cli

PARAMS: Final = Path(__file__).parents[2] / "params.yaml"
_MOST_LETTERS: Final = 1500  # of a line for people


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    lines: tuple[str, ...]

    def faults(self) -> list[str]:
        """Lines on standard error that users cannot read."""
        return [f"no good line: {line[:_MOST_LETTERS]!r}" for line in self.lines if not _is_good(line)]


def _is_good(line: str) -> bool:
    return line.startswith("headway: ") and line.isprintable() and len(line) <= _MOST_LETTERS


def headway(*arguments: str | Path) -> Said:
    """The command, as a user gives it."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["headway", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        sys.argv = before
    code = end.value.code or 0
    assert isinstance(code, int), code
    return Said(code=code, out=out.getvalue(), lines=tuple(err.getvalue().splitlines()))


def ingest(raw: Path, out: Path) -> tuple[Said, list[str], Mapping[str, str]]:
    """``headway ingest``: what it said, the drives that it wrote, and why it rejected drives and folders."""
    said = headway("ingest", raw, "--out", out, "--params", PARAMS)
    index: dict[str, Any] = json.loads((out / "drives.json").read_text()) if out.exists() else {}
    return said, index.get("drives", []), index.get("rejected", {})


def check_faults(raw: Path, *, drives: list[str], rejected: Mapping[str, str]) -> list[str]:
    """Where ``headway check`` says something else than ``headway ingest`` did."""
    said = headway("check", raw, "--json", "--params", PARAMS)
    told: dict[str, Any] = json.loads(said.out)
    usable = [drive["name"] for drive in told["drives"] if drive["usable"]]
    unusable = [drive["name"] for drive in told["drives"] if not drive["usable"]]
    named = [problem["where"] for problem in told["problems"] if problem["severity"] == "error"]
    faults = said.faults()
    if usable != drives or len(unusable) + len(named) != len(rejected) or not {*unusable} <= {*rejected}:
        faults.append(f"check: {usable}, {unusable}, {named}; ingest: {drives}, {dict(rejected)}")
    if (said.code == 2) != bool(rejected) or said.code != told["exit_code"]:
        faults.append(f"check ends with {said.code}, and ingest rejected {len(rejected)}")
    return faults


def score_faults(raw: Path, *, out: Path, model: Path, drives: list[str], rejected: Mapping[str, str]) -> list[str]:
    """Where ``headway score`` goes wrong, or rejects what ``headway ingest`` did not."""
    said = headway("score", "--model", model, "--drives", raw, "--out", out, "--device", "cpu", "--workers", "1")
    if not (out / "summary.json").exists():
        return [f"score: no summary, {said}"]
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    faults = said.faults()
    if not summary["complete"] or summary["exit_code"] != said.code or (rejected and said.code != 1):
        faults.append(f"score ends with {said.code}, complete: {summary['complete']}")
    tables = sorted(path.stem for path in out.glob("*.parquet"))
    if tables != sorted(summary["drives"]) or not {*tables} <= {*drives}:
        faults.append(f"score: {tables}, {sorted(summary['drives'])}; ingest: {drives}")
    return faults
