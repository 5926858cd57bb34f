"""The command line: what it refuses, and that its commands do what the stages do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline.ingest.store import clean_names, read_clean
from tests.small_drives import write_small_drive

ROOT = Path(__file__).parents[2]
PARAMS = str(ROOT / "params.yaml")


def headway(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["headway", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in cli.app.registered_commands])
def test_every_command_says_what_it_does_with_an_example(command: str) -> None:
    done = CliRunner().invoke(cli.app, [command, "--help"], prog_name="headway")
    assert done.exit_code == 0
    assert f"Example: headway {command} " in done.output
    assert all(line.split("  ")[-1].strip() for line in done.output.splitlines() if line.startswith("  --"))


def test_version() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output.startswith("headway 0.")


def test_ingest_cleans_drives_and_names_the_bad_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_small_drive(tmp_path / "good", seconds=2.0, with_frames=False)
    bad = write_small_drive(tmp_path / "bad", seconds=2.0, with_frames=False)
    (bad / "tracks.csv").write_text("nonsense\n1\n")
    out = tmp_path / "clean"
    assert headway("ingest", good, bad, "--out", out, "--params", PARAMS, monkeypatch=monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"headway: {bad}/tracks.csv")
    assert clean_names(out) == ["good"]
    assert read_clean(out, "good").rate_hz == 10.0
    assert headway("ingest", good, "--out", out, "--params", PARAMS, monkeypatch=monkeypatch) == 0


def test_ingest_goes_on_where_one_of_the_folders_holds_no_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_small_drive(tmp_path / "raw" / "week" / "good", seconds=2.0, with_frames=False)
    (tmp_path / "raw" / "week" / "empty").mkdir()
    nowhere, out = tmp_path / "nowhere", tmp_path / "clean"
    assert headway("ingest", tmp_path / "raw", nowhere, "--out", out, "--params", PARAMS, monkeypatch=monkeypatch) == 1
    assert [line.split(";")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"headway: {good.parent / 'empty'}: no drive was found in it",
        f"headway: {nowhere}: does not exist",
    ]
    assert clean_names(out) == ["good"]
    rejected = json.loads((out / "drives.json").read_text())["rejected"]
    assert list(rejected) == [str(nowhere), str(good.parent / "empty")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "--params", PARAMS, "--out"],
        ["simulate", "--params", PARAMS, "--out", "new", "--truth"],
        ["ingest", "nowhere", "--params", PARAMS, "--out"],
        ["train", "--windows", "nowhere", "--params", PARAMS, "--out"],
        ["evaluate", "--windows", "nowhere", "--metrics", "metrics.json", "--params", PARAMS, "--plots"],
        ["ablate", "--windows", "nowhere", "--vary", "cell=lstm,peephole", "--params", PARAMS, "--out"],
    ],
)
def test_a_folder_of_the_users_is_never_replaced(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    monkeypatch.chdir(tmp_path)
    assert headway(*arguments, mine, monkeypatch=monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is there already" in line
    assert (mine / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "--out", "out"], "params.yaml"),
        (["simulate", "--out", "out", "--truth", "out/truth", "--params", PARAMS], "give the truth a folder beside"),
        (["simulate", "--out", ".", "--params", PARAMS], "is the current folder"),
        (["train", "--out", "..", "--params", PARAMS], "is the current folder or holds it"),
        (["score", "--out", "out"], "was given no drives"),
        (["ingest", "raw", "--out", "out"], "params.yaml"),
        (["ingest", "raw", "--out", "out", "--params", PARAMS], "raw: does not exist"),
        (["ingest", "r\naw", "--out", "out", "--params", PARAMS], "r aw: does not exist"),
        (["train", "--out", "out", "--params", PARAMS], "artifacts/windows"),
        (["evaluate", "--metrics", "m.json", "--plots", "p", "--params", PARAMS], "artifacts/model"),
        (["ablate", "--vary", "cell=lstm,peephole", "--out", "o", "--params", PARAMS], "artifacts/windows"),
        (["ablate", "--vary", "cell=lstm,gru", "--out", "o", "--params", PARAMS], "--vary cell=lstm,gru: train.cell"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert headway(*arguments, monkeypatch=monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("headway: ")
    assert words in line
    assert not list(tmp_path.iterdir())
