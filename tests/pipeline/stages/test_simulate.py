"""The stage ``simulate`` and the command: what they ask for, what they leave behind."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.config import SimulateConfig
from pipeline.errors import InputError
from pipeline.params import load_section
from pipeline.stages import run_stage, simulate

ROOT = Path(__file__).parents[3]
PARAMS = str(ROOT / "params.yaml")


def _headway(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["headway", "simulate", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SimulateConfig]:
    """What ``simulate_all`` is asked for; it makes no drives."""
    configs: list[SimulateConfig] = []

    def fake(config: SimulateConfig, *, folder: Path, truth: Path) -> Generator[tuple[str, str | None]]:
        configs.append(config)
        for number in range(config.num_drives):
            (folder / f"drive-{number}").mkdir()
            (truth / f"drive-{number}").mkdir()
            yield f"drive-{number}", None

    monkeypatch.setattr(simulate, "simulate_all", fake)
    return configs


def test_options_go_before_the_parameters_and_results_may_be_replaced(
    asked: list[SimulateConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "drives"
    assert _headway("--out", out, "--params", PARAMS, monkeypatch=monkeypatch) == 0
    assert _headway("--out", out, "--drives", 2, "--seed", 7, "--params", PARAMS, monkeypatch=monkeypatch) == 0
    first, second = asked
    assert second == first.model_copy(update={"num_drives": 2, "seed": 7})
    mark = json.loads((out / "simulated.json").read_text())
    assert mark["drives"] == ["grid-s7-000", "crossing-s7-001"]
    assert SimulateConfig(**mark["config"]) == second
    for folder in (out, tmp_path / "drives-truth"):
        assert sorted(path.name for path in folder.iterdir()) == ["drive-0", "drive-1", "simulated.json"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_drive_that_fails_is_named_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = {"crossing-s0-001"}

    def fake(config: SimulateConfig, *, folder: Path, truth: Path) -> Generator[tuple[str, str | None]]:
        for name in ("grid-s0-000", "crossing-s0-001"):
            yield name, f"{name}: no car\ndrives" if name in failing else None

    monkeypatch.setattr(simulate, "simulate_all", fake)
    out = tmp_path / "drives"
    arguments = ("--out", out, "--drives", 2, "--seed", 0, "--params", PARAMS)
    assert _headway(*arguments, monkeypatch=monkeypatch) == 1
    named, last = capsys.readouterr().err.splitlines()
    assert named == "headway: crossing-s0-001: no car drives"
    assert last == "headway: simulate: 1 of 2 drives failed; see the lines above"
    kept = (out / "simulated.json").read_text()
    assert json.loads(kept)["drives"] == ["grid-s0-000"]
    failing.add("grid-s0-000")
    assert _headway(*arguments, monkeypatch=monkeypatch) == 1
    assert (out / "simulated.json").read_text() == kept


def test_without_sumo_one_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "sumo" else there(name, *rest))
    monkeypatch.chdir(ROOT)
    arguments = ["--out", str(tmp_path / "drives"), "--truth", str(tmp_path / "truth")]
    assert _headway(*arguments, monkeypatch=monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("headway: ")
    assert "pip install 'headway[simulation]'" in line
    monkeypatch.setattr(sys, "argv", ["simulate", *arguments])
    with pytest.raises(SystemExit, match=r"headway: .*pip install") as end:
        run_stage(simulate.main)
    assert "\n" not in str(end.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("frame_rate_hz: 4.0", "frame_rate_hz must divide rate_hz"),
        ("frame_rate_hz: 20.0", "frame_rate_hz must divide rate_hz"),
        ("frame_rate_hz: .inf", "frame_rate_hz must divide rate_hz"),
        ("rate_hz: 15.0", "must divide 1000"),
        ("duration_s: 0.05", "must hold a step of 0.1 s"),
        ("duration_s: .inf", "and end"),
        ("cameras: [front, front]", "names one twice"),
        ("cameras: [rear]", "front_left"),
    ],
)
def test_drives_that_cannot_be_made_are_refused_before_anything_runs(line: str, words: str, tmp_path: Path) -> None:
    key = line.partition(":")[0]
    lines = Path(PARAMS).read_text().splitlines()
    (number,) = [i for i, one in enumerate(lines) if one.startswith(f"  {key}: ") and i < lines.index("ingest:")]
    lines[number] = f"  {line}"
    if line == "rate_hz: 15.0":
        lines = [one.replace("frame_rate_hz: 5.0", "frame_rate_hz: 15.0") for one in lines]
    (tmp_path / "params.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match=words):
        load_section("simulate", SimulateConfig, path=tmp_path / "params.yaml")
