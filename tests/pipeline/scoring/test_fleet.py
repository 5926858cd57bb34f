"""Many drives: runs that are broken off and go on, several processes, and what a run takes for done."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from pipeline.errors import InputError
from pipeline.parallel import in_processes
from pipeline.scoring import engine, work
from pipeline.scoring.claim import claim
from pipeline.scoring.score import score
from pipeline.training.bundle import write_bundle
from tests.stress.kills import kill_and_compare, results, write_drives
from tests.tiny_bundle import make_bundle

DRIVES: Final = 4
KILLS: Final = int(os.environ.get("HEADWAY_STRESS_KILLS", "2"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_bundle(folder, make_bundle(scene=False))
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drives(tmp_path_factory.mktemp("raw"), count=DRIVES)


@pytest.fixture(scope="module")
def whole(raw: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an unbroken run leaves behind."""
    out = tmp_path_factory.mktemp("whole")
    assert score(model, [raw], out=out, device="cpu", workers=1).exit_code == 0
    return results(out)


@pytest.fixture
def copy(raw: Path, tmp_path: Path) -> Path:
    """The same drives, to be changed."""
    return shutil.copytree(raw, tmp_path / "copy")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the drives that are read from now on in this process."""
    names: list[str] = []
    original = work.read_drive

    def spy(ref):
        names.append(ref.name)
        return original(ref)

    monkeypatch.setattr(work, "read_drive", spy)
    return names


def scored(model: Path, *drives: Path, out: Path, **others) -> int:
    return score(model, drives, out=out, device="cpu", **{"workers": 1} | others).exit_code


def test_two_workers_make_what_one_makes(
    raw: Path, model: Path, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "in_processes", partial(in_processes, alone_s=0.0))
    assert scored(model, raw, out=tmp_path, workers=2) == 0
    assert results(tmp_path) == whole


def test_a_finished_run_reads_nothing_again(
    raw: Path, model: Path, whole: dict[str, Any], tmp_path: Path, read: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert scored(model, raw, out=tmp_path) == 0
    assert len(read) == DRIVES
    capsys.readouterr()
    assert scored(model, raw, out=tmp_path) == 0
    assert len(read) == DRIVES
    assert capsys.readouterr().err.splitlines()[0] == "headway: 4 of 4 drives are done from an earlier run"
    assert results(tmp_path) == whole


def test_a_broken_run_goes_on_and_ends_as_an_unbroken_one(
    raw: Path, model: Path, whole: dict[str, Any], tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = work.write_table

    def fail(path, forecast):
        if forecast.name == "drive-2":
            raise KeyboardInterrupt
        write(path, forecast)

    monkeypatch.setattr(work, "write_table", fail)
    with pytest.raises(KeyboardInterrupt):
        scored(model, raw, out=tmp_path)
    assert read == ["drive-0", "drive-1", "drive-2"]
    monkeypatch.setattr(work, "write_table", write)
    assert scored(model, raw, out=tmp_path) == 0
    assert read[3:] == ["drive-2", "drive-3"]
    assert results(tmp_path) == whole


def test_killed_at_random_moments_it_goes_on(model: Path, tmp_path: Path) -> None:
    for told, good in kill_and_compare(tmp_path, model=model, kills=KILLS, drives=6, seed=0):
        assert good, told


def test_what_the_results_depend_on_is_noticed(model: Path, copy: Path, tmp_path: Path, read: list[str]) -> None:
    out = tmp_path / "out"

    def again(*, using: Path = model, **others) -> list[str]:
        read.clear()
        scored(using, copy, out=out, **others)
        return list(read)

    every = [f"drive-{number}" for number in range(DRIVES)]
    assert again() == every
    tracks = copy / "drive-1" / "tracks.csv"
    tracks.write_text("".join(tracks.read_text().splitlines(keepends=True)[:-1]))
    assert again() == ["drive-1"]
    (copy / "drive-2" / "map.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    assert again() == ["drive-2"]
    (out / "drive-3.parquet").write_bytes(b"")
    assert again() == ["drive-3"]
    (out / "drives" / "drive-0.json").write_text("{")
    assert again() == ["drive-0"]
    assert again(every_s=1.0) == every
    write_bundle(tmp_path / "other", make_bundle(scene=False, seed=1))
    assert again(using=tmp_path / "other", every_s=1.0) == every
    assert again() == every
    assert again() == []


def test_patterns_and_manifests_name_drives(
    raw: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("# of today\n\nraw/drive-0\n  raw/drive-[23]  \nraw/drive-9\n")
    (tmp_path / "raw").symlink_to(raw)
    monkeypatch.chdir(tmp_path)
    summary = score(
        model, [Path("raw/*-1"), Path("none-*")], manifests=[Path("list.txt")], out=Path("out"), device="cpu", workers=1
    )
    assert list(summary.drives) == [f"drive-{number}" for number in range(DRIVES)]
    assert [(error.where, error.what) for error in summary.rejected] == [
        ("none-*", "no folder matches it"),
        ("raw/drive-9", "does not exist"),
    ]
    assert summary.exit_code == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read"),
        (b"", "names no drives"),
        (b"# nothing\n", "names no drives"),
        (b"raw\n\xff\n", "is no text in UTF-8"),
        (b"raw\n\0\n", "line 2: holds a zero byte"),
    ],
)
def test_a_manifest_that_cannot_be_used(content: bytes | None, what: str, model: Path, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"list\.txt: {what}"):
        score(model, [], manifests=[tmp_path / "list.txt"], out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_second_run_into_the_folder_is_refused_and_changes_nothing(
    raw: Path, model: Path, tmp_path: Path, read: list[str]
) -> None:
    with claim(tmp_path), pytest.raises(InputError, match="another run is scoring into it; wait until it has ended"):
        scored(model, raw, out=tmp_path)
    assert results(tmp_path) == {}
    assert read == []
    assert scored(model, raw, out=tmp_path) == 0


@contextmanager
def _no_file_above(size_bytes: int) -> Iterator[None]:
    """The system refuses to write more into a file, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_run_with_one_line_and_it_goes_on_later(
    raw: Path, model: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    sizes = {name: len(content) for name, content in whole.items() if name.endswith(".parquet") and "/" not in name}
    with (
        _no_file_above(sizes["drive-0.parquet"] // 2),
        pytest.raises(InputError, match=r"drive-0\.parquet: cannot be written \(.*the same command then goes on from"),
    ):
        scored(model, raw, out=tmp_path)
    assert set(results(tmp_path)) == {"manoeuvres/drive-0.parquet", "summary.json"}
    assert scored(model, raw, out=tmp_path) == 0
    assert results(tmp_path) == whole


def test_a_full_cache_is_no_fault_of_the_drives(
    raw: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(work, "forecast_drive", fail)
    with pytest.raises(
        InputError, match=r"cache: cannot be written to \(No space left on device\); make room; the same"
    ):
        scored(model, raw, out=tmp_path / "out", cache=tmp_path / "cache")


def test_a_drive_that_vanishes_is_named_and_scored_when_it_is_back(
    model: Path, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = work.forecast_drive

    def vanish(bundle, drive, **others):
        if drive.name == "drive-1":
            (copy / "drive-2").rename(tmp_path / "away")
        return original(bundle, drive, **others)

    with monkeypatch.context() as patch:
        patch.setattr(work, "forecast_drive", vanish)
        summary = score(model, [copy], out=tmp_path / "out", device="cpu", workers=1)
    assert (summary.exit_code, summary.complete) == (1, True)
    assert list(summary.drives) == ["drive-0", "drive-1", "drive-3"]
    (error,) = summary.rejected
    assert error.where.startswith(str(copy / "drive-2"))
    (tmp_path / "away").rename(copy / "drive-2")
    assert scored(model, copy, out=tmp_path / "out") == 0
    assert scored(model, copy, out=tmp_path / "unbroken") == 0
    assert results(tmp_path / "out") == results(tmp_path / "unbroken")
