"""The champion: the first version, then only one that is better on the same agents beyond doubt."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from pipeline import cli
from pipeline.tracking.model import log_model
from pipeline.tracking.registry import CHAMPION, NAME, register
from pipeline.tracking.store import RunStore, open_store
from pipeline.training.bundle import Bundle, write_bundle
from pipeline.windows.store import windows_digest, write_windows
from tests.small_windows import small_windows
from tests.tiny_bundle import PARAMS, make_bundle


def bundle(noise: float, *, meta: dict[str, str] | None = None) -> Bundle:
    """A model whose single forecast is a path of constant speed, made wrong by noise on its weights."""
    made = make_bundle(scene=False)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.mul_(noise)
    return replace(made, meta=meta or {})


class Registry(NamedTuple):
    store: RunStore
    folder: Path

    def add(self, made: Bundle, *, ade_m: float = 1.0) -> int:
        """The version that a bundle became."""
        write_bundle(self.folder / "model", made)
        run_id = self.store.client.create_run(self.store.experiment_id).info.run_id
        log_model(self.store, run_id, self.folder / "model")
        return register(self.store, run_id, tested={"test/model/movers/ade_m": ade_m})

    @property
    def champion(self) -> str:
        return str(self.store.client.get_model_version_by_alias(NAME, CHAMPION).version)

    def tags(self, version: int) -> dict[str, str]:
        tags = self.store.client.get_model_version(NAME, str(version)).tags
        return {key.removeprefix("headway.promotion."): value for key, value in tags.items() if "promotion" in key}


@pytest.fixture
def registry(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PARAMS, "params.yaml")
    write_windows(tmp_path / "windows", small_windows(num_scenes=60), extra={"backbone": ""})
    assert database.exists()
    return Registry(open_store(), tmp_path)


@pytest.fixture
def promote(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, list[str]]]:
    def call(*arguments: str) -> tuple[int, str, list[str]]:
        """Exit code, what was decided, and the lines on standard error."""
        monkeypatch.setattr(sys, "argv", ["headway", "promote", "--windows", "windows", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return end.value.code, out.strip(), err.splitlines()

    return call


def test_the_champion_is_the_first_one_and_then_only_a_better_one(
    registry: Registry, promote: Callable[..., tuple[int, str, list[str]]]
) -> None:
    mine = {"data": windows_digest(Path("windows"))}
    first = registry.add(bundle(3.0, meta=mine))
    dry = promote("--dry-run")
    assert dry == (0, "headway/1 would be the champion; there was none, so it was compared with nothing", [])
    assert not registry.tags(first)
    assert promote() == (0, "headway/1 is now the champion; there was none, so it was compared with nothing", [])
    assert registry.champion == "1"
    assert (registry.tags(first)["result"], registry.tags(first)["against"]) == ("champion", "none")

    registry.add(bundle(3.0, meta=mine))
    code, line, notes = promote("2")
    assert (code, notes) == (1, [])
    assert "does not beat the champion headway/1: movers/ade_m" in line
    assert "difference 0 [0, 0] over" in line
    assert registry.tags(2)["interval"] == "[0, 0]"
    assert registry.tags(2)["result"] == "not better"

    better = registry.add(bundle(0.0, meta=mine))
    assert promote("--dry-run")[1].startswith("headway/3 would be the champion in place of headway/1: movers/ade_m")
    assert registry.champion == "1"
    code, line, notes = promote()
    assert (code, notes) == (0, [])
    assert line.startswith("headway/3 is now the champion in place of headway/1: movers/ade_m")
    assert registry.champion == "3"
    told = registry.tags(better)
    assert (told["result"], told["against"], told["metric"]) == ("champion", "headway/1", "movers/ade_m")
    low, high = json.loads(told["interval"])
    assert low < float(told["difference"]) < high < 0.0
    assert told["windows"] == mine["data"]
    assert promote() == (0, "headway/3 is the champion already", [])

    code, line, _ = promote("1", "--metric", "all/fde_m")
    assert code == 1
    assert "headway/1 does not beat the champion headway/3: all/fde_m" in line
    assert "would have to lie below zero" in line
    assert registry.champion == "3"


def test_windows_that_a_model_was_not_trained_on_are_told_or_refused(
    registry: Registry, promote: Callable[..., tuple[int, str, list[str]]]
) -> None:
    registry.add(bundle(3.0))
    registry.add(bundle(0.0, meta={"data": windows_digest(Path("windows"))}))
    assert promote("1")[0] == 0
    code, _, (note,) = promote("2", "--dry-run")
    assert code == 0
    assert "headway/1 was trained on other windows" in note

    other = small_windows(num_scenes=60)
    write_windows(Path("windows"), replace(other, rate_hz=10.0), extra={"backbone": ""})
    code, line, (error,) = promote("2")
    assert (code, line) == (2, "")
    assert "windows: do not fit headway/2: rate 10, but it was trained for 5" in error
    assert registry.champion == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "nobody"], "nobody: is no model in the registry"),
        (["9"], "headway/9: is not in the registry; the newest version is 2"),
        (["--metric", "ade_m"], "--metric ade_m: is no metric that is compared"),
        (["--metric", "movers/beauty"], "--metric movers/beauty: cannot be compared on these windows; choose of ade_m"),
        (["--windows", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_found_out_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, registry: Registry, promote: Callable[..., tuple[int, str, list[str]]]
) -> None:
    registry.add(bundle(3.0))
    registry.add(bundle(0.0))
    registry.store.client.set_registered_model_alias(NAME, CHAMPION, "1")
    code, line, (error,) = promote(*arguments)
    assert (code, line) == (2, "")
    assert words in error
