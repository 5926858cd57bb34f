"""The work on a Ray cluster of two processes on this machine: what it makes, and what it does when it loses one.

Where a process is to be killed, drives and results lie in the store of ``tests/bucket.py``, which Ray's processes see
too; ``memory://`` would be each process's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest
import ray

from pipeline import cluster as cluster_module
from pipeline.cluster import ray_cluster
from pipeline.errors import InputError
from pipeline.remote import Remote
from pipeline.scoring import engine
from pipeline.scoring.score import score
from pipeline.scoring.summary import Summary
from pipeline.training.bundle import write_bundle
from tests import bucket
from tests.stress.kills import results, write_drives
from tests.tiny_bundle import make_bundle

FLEET = Remote(f"{bucket.PROTOCOL}://fleet")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, drives, and the tables that processes of this machine make of them."""
    folder = tmp_path_factory.mktemp("home")
    write_bundle(folder / "model", make_bundle(scene=False))
    write_drives(folder / "raw", count=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert score(Path("model"), [Path("raw")], out=Path("whole"), device="cpu", workers=1).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray, started once for all tests: that takes ten seconds. Its processes know the bucket."""
    before = signal.getsignal(signal.SIGTERM)
    with TemporaryDirectory(prefix="ray-") as short, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("RAY_AUTH_TOKEN", "a-token-of-the-tests")  # otherwise Ray leaves one in the tester's home
        patch.setenv("TMPDIR", short)  # for Ray's processes, whose sockets' paths may not be long
        patch.setenv("HEADWAY_TEST_BUCKET", "")  # restored afterwards
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))  # where Ray's processes find these tests
        bucket.use_bucket(tmp_path_factory.mktemp("store") / "bucket")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80 * 2**20,
            log_to_driver=False,
            logging_level="CRITICAL",
            runtime_env={"worker_process_setup_hook": bucket.register},
        )
        yield
        ray.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def here(home: Path, cluster: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """In the folder, with Ray; what an unbroken run leaves behind."""
    monkeypatch.chdir(home)
    return results(home / "whole")


@pytest.fixture
def store(here: dict[str, Any], home: Path) -> Iterator[Any]:
    """The drives as objects."""
    found = fsspec.filesystem(bucket.PROTOCOL)
    for file in sorted(file for file in (home / "raw").rglob("*") if file.is_file()):
        found.put_file(str(file), f"fleet/{file.relative_to(home).as_posix()}")
    yield found
    bucket.spare()
    for key in found.find("fleet"):
        found.rm_file(key)


def objects(store: Any, folder: Path) -> dict[str, Any]:
    """What lies in the store's folder of results, as ``results`` tells it."""
    shutil.rmtree(folder, ignore_errors=True)
    for key in store.find("fleet/out"):
        store.get_file(key, str(folder / key.removeprefix("fleet/out/")))
    return results(folder)


def tables(content: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in content.items() if name.endswith(".parquet")}


def test_it_makes_what_processes_make_byte_for_byte_and_either_goes_on_with_the_others(
    here: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree("whole", out)
    for name in ("drives/drive-1.json", "drive-2.parquet"):
        (out / name).unlink()

    def lines(name: str) -> list[str]:
        assert score(Path("model"), [Path("raw")], out=out, device="cpu", engine=name, workers=2).exit_code == 0
        assert results(out) == here
        return capsys.readouterr().err.splitlines()

    assert lines("ray")[0] == "headway: 2 of 4 drives are done from an earlier run"
    assert lines("local")[0] == "headway: 4 of 4 drives are done from an earlier run"
    shutil.rmtree(out)
    assert lines("ray") == [f"headway: 4 drives scored, 280 forecasts in {out}"]


def test_what_a_worker_cannot_do_ends_the_run_with_one_line(
    here: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.scoring.basis.version", lambda _: "0.0")
    with pytest.raises(InputError, match=r"has Headway [\d.]+, not 0\.0; install the same version on all machines"):
        score(Path("model"), [Path("raw/drive-0")], out=tmp_path, device="cpu", engine="ray")


def test_a_drive_that_is_broken_is_rejected_as_elsewhere(here: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree("raw/drive-0", tmp_path / "raw" / "broken")
    (tmp_path / "raw" / "broken" / "tracks.csv").write_text("nothing\n")
    told = {
        name: score(Path("model"), [tmp_path / "raw"], out=tmp_path / name, device="cpu", engine=name).rejected
        for name in ("local", "ray")
    }
    assert [str(error) for error in told["ray"]] == [str(error) for error in told["local"]]


def test_workers_that_are_killed_in_mid_drive_lose_nothing(
    store: Any, here: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RETRIES", 1)
    monkeypatch.setattr(cluster_module, "RETRIES", 1)
    bucket.kill_putting("/drive-1.parquet", once=True)
    bucket.kill_putting("drives/drive-2.json", once=False)

    def summary_of_a_run() -> Summary:
        return score(Path("model"), [FLEET / "raw"], out=FLEET / "out", device="cpu", engine="ray", workers=2)

    summary = summary_of_a_run()
    assert bucket.was_killed()
    assert (summary.exit_code, summary.complete) == (1, True)
    assert list(summary.drives) == ["drive-0", "drive-1", "drive-3"]
    (error,) = summary.rejected
    assert error.where == f"{FLEET}/raw/drive-2"
    assert error.what == "its Ray worker was lost 2 times (WorkerCrashedError), as happens where memory runs out"
    assert not [name for name in objects(store, tmp_path / "out") if "drive-2" in name]
    bucket.spare()
    assert summary_of_a_run().exit_code == 0
    made = objects(store, tmp_path / "out")
    assert (tables(made), set(made)) == (tables(here), set(here))
    assert [path.suffix for path in Path(os.environ["TMPDIR"]).glob("headway-*/*")] == [""], "the model alone is left"


def test_without_ray_or_a_cluster_there_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ray", None)
        with pytest.raises(InputError, match=r"^--engine ray: Ray is not installed; pip install ray$"):
            score(home / "model", [home / "raw"], out=home / "none", device="cpu", engine="ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with (
        pytest.raises(InputError, match=r"^the Ray cluster 127\.0\.0\.1:1: cannot be reached \(.*refused\)"),
        ray_cluster(),
    ):
        pass
    assert not (home / "none").exists()


def test_a_cluster_that_is_gone_is_told_in_one_line() -> None:
    class NeverDone:
        """Ray, as it is for a minute after its cluster was killed."""

        gcs_address = "127.0.0.1:1"

        def get_runtime_context(self) -> NeverDone:
            return self

        def remote(self, *_: object, **__: object) -> Any:
            return lambda work: SimpleNamespace(remote=lambda *_: "a task")

        def wait(self, tasks: list[str], **_: object) -> tuple[list[str], list[str]]:
            return [], tasks

    tasks = cluster_module.in_ray(NeverDone(), print, [1, 2], at_once=2, num_gpus=0, lost=print)
    with pytest.raises(InputError, match=r"^the Ray cluster 127\.0\.0\.1:1: is gone; start it again; the same command"):
        next(tasks)
