"""Drives, model and results in an object store. ``memory://`` is one, of this process alone, where all is scored."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipeline import cli
from pipeline.errors import InputError
from pipeline.remote import Remote
from pipeline.scoring import anywhere, remote_claim
from pipeline.scoring.score import score
from pipeline.training.bundle import write_bundle
from tests.formats.kitti_tracking import write_kitti_tracking
from tests.formats.scene import made_up_scene
from tests.stress.kills import results, write_drives
from tests.tiny_bundle import make_bundle

Headway = Callable[..., tuple[int, list[str]]]
DRIVES, OUT = Remote("memory://fleet/raw"), Remote("memory://fleet/out")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_bundle(folder, make_bundle(scene=False))
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two neutral drives, and one of a layout whose files lie in several folders."""
    folder = write_drives(tmp_path_factory.mktemp("fleet") / "raw", count=2)
    (folder / "kitti").mkdir()
    write_kitti_tracking(folder / "kitti", made_up_scene())
    return folder


@pytest.fixture(scope="module")
def whole(raw: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run on this disk leaves behind."""
    out = tmp_path_factory.mktemp("whole")
    score(model, [raw], out=out, device="cpu", workers=1)
    return results(out)


@pytest.fixture
def memory(raw: Path, model: Path, whole: dict[str, Any]) -> MemoryFileSystem:
    """The drives, the model and a list of the drives, as objects."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    for folder in (raw, model):
        store.put(str(folder), f"/fleet/{folder.name}", recursive=True)
    store.pipe("/fleet/list.txt", b"# all\nmemory://fleet/raw\n")
    return store


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the drives that are fetched from now on."""
    names: list[str] = []
    original = anywhere.fetch_drive

    def spy(ref, folder, *, into):
        names.append(ref.name)
        return original(ref, folder, into=into)

    monkeypatch.setattr(anywhere, "fetch_drive", spy)
    return names


def scored(model: Path, *, out: Path | Remote = OUT, **others: Any) -> int:
    return score(model, [DRIVES], out=out, device="cpu", **{"workers": 1} | others).exit_code


def objects(memory: MemoryFileSystem, folder: Path) -> dict[str, Any]:
    """What lies in the store's folder of results, as ``results`` tells it."""
    shutil.rmtree(folder, ignore_errors=True)
    memory.get("/fleet/out", str(folder), recursive=True)
    return results(folder)


def tables(content: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in content.items() if name.endswith(".parquet")}


@pytest.fixture
def headway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    def call(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr("sys.argv", ["headway", "score", "--device", "cpu", "--workers", "1", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().err.splitlines()

    return call


def test_the_command_takes_addresses_for_everything(
    memory: MemoryFileSystem, whole: dict[str, Any], fetched: list[str], headway: Headway, tmp_path: Path
) -> None:
    arguments = ("--model", "memory://fleet/model", "--manifest", "memory://fleet/list.txt", "--out", OUT.url)
    code, _ = headway(*arguments)
    assert code == 0
    assert sorted(fetched) == ["drive-0", "drive-1", "kitti-0007"]
    made = objects(memory, tmp_path / "out")
    assert tables(made) == tables(whole)
    assert set(made) == set(whole)
    assert made["summary.json"]["model"]["folder"] == "memory://fleet/model"
    assert made["summary.json"]["metrics"] == whole["summary.json"]["metrics"]
    assert made["drives/kitti-0007.json"]["source"] == "memory://fleet/raw/kitti"
    assert "/tmp" not in json.dumps({name: each for name, each in made.items() if name.endswith(".json")})

    fetched.clear()
    assert headway(*arguments)[1][0] == "headway: 3 of 3 drives are done from an earlier run"
    memory.pipe("/fleet/raw/drive-1/map.geojson", b'{"type": "FeatureCollection", "features": []}')
    memory.rm("/fleet/out/manoeuvres/drive-0.parquet")
    headway(*arguments)
    assert fetched == ["drive-0", "drive-1"]


def test_remote_drives_into_a_folder_here(memory: MemoryFileSystem, model: Path, whole: Any, tmp_path: Path) -> None:
    assert scored(model, out=tmp_path / "out") == 0
    assert tables(results(tmp_path / "out")) == tables(whole)


def test_two_runs_at_once_lose_and_double_nothing(
    memory: MemoryFileSystem, model: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = anywhere.deliver
    inner: list[int] = []

    def deliver(*arguments: Any, **others: Any) -> None:
        if not inner:  # another whole run, when the first one has a drive's tables ready
            inner.append(-1)
            inner[0] = scored(model)
        original(*arguments, **others)

    monkeypatch.setattr(anywhere, "deliver", deliver)
    assert scored(model) == 0
    assert inner == [0]
    made = objects(memory, tmp_path / "out")
    assert (tables(made), set(made)) == (tables(whole), set(whole))
    assert made["summary.json"]["counts"]["drives_scored"] == 3


def test_a_run_of_another_model_is_refused_while_it_lives(
    memory: MemoryFileSystem, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path / "other", make_bundle(scene=False, seed=1))
    with (
        remote_claim.claim_remote(OUT, settings="others"),
        pytest.raises(InputError, match=r"memory://fleet/out: another run is scoring into it, with another model"),
    ):
        scored(tmp_path / "other")
    assert memory.find("/fleet/out") == []
    memory.pipe("/fleet/out/.running/killed-1", json.dumps({"renewed_s": time.time() - 200.0}).encode())
    assert scored(model) == 0
    assert not memory.find("/fleet/out/.running")


def test_a_store_without_room_ends_the_run_with_one_line_and_it_goes_on_later(
    memory: MemoryFileSystem, model: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = MemoryFileSystem.put_file

    def full(self: MemoryFileSystem, lpath: str, rpath: str, **others: Any) -> None:
        if lpath.endswith("drive-1.parquet"):
            raise OSError(errno.ENOSPC, "No space left on device")
        put(self, lpath, rpath, **others)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", full)
        with pytest.raises(InputError, match=r"memory://fleet/out: cannot be written to \(No space.*the same command"):
            scored(model)
    made = objects(memory, tmp_path / "out")
    assert set(tables(made)) == {"drive-0.parquet", "manoeuvres/drive-0.parquet"}
    assert not made["summary.json"]["complete"]
    assert scored(model) == 0
    assert tables(objects(memory, tmp_path / "out")) == tables(whole)


def test_a_drive_that_vanishes_is_named_and_scored_when_it_is_back(
    memory: MemoryFileSystem, raw: Path, model: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = anywhere.fetch_drive

    def vanish(ref, folder, *, into):
        if ref.name == "drive-0":
            memory.rm("/fleet/raw/drive-1", recursive=True)
        return original(ref, folder, into=into)

    with monkeypatch.context() as patch:
        patch.setattr(anywhere, "fetch_drive", vanish)
        summary = score(model, [DRIVES], out=OUT, device="cpu", workers=1)
    assert [str(error) for error in summary.rejected] == [
        "memory://fleet/raw/drive-1: does not exist any more; put it back, or give another folder"
    ]
    memory.put(str(raw / "drive-1"), "/fleet/raw/drive-1", recursive=True)
    assert scored(model) == 0
    assert tables(objects(memory, tmp_path / "out")) == tables(whole)


def test_nothing_is_left_in_the_folder_for_temporary_files(
    memory: MemoryFileSystem, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    memory.pipe("/fleet/raw/drive-1/drive.json", b"{")
    assert scored(model) == 1
    assert [path for path in tmp_path.rglob("*") if path.parent != tmp_path] == []


@pytest.mark.parametrize("option", ["--drives", "--manifest", "--out", "--model"])
def test_an_address_that_is_not_known_is_refused_in_one_line(
    option: str, headway: Headway, raw: Path, model: Path
) -> None:
    good = {"--drives": str(raw), "--out": OUT.url, "--model": str(model)} | {option: "nope://bucket/x"}
    code, lines = headway(*(text for pair in good.items() for text in pair))
    what = "headway: nope://bucket/x: 'nope' is no kind of address that is known; give a path, or one such as s3://"
    assert (code, len(lines), lines[0][: len(what)]) == (1, 1, what)
