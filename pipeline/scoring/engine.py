"""What runs the work on many drives: processes of this machine, or a Ray cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, Protocol

from pipeline.cluster import RETRIES, in_ray, ray_cluster
from pipeline.errors import InputError
from pipeline.files import whole_file
from pipeline.parallel import in_processes
from pipeline.remote import Place
from pipeline.scene.extract import pick_device
from pipeline.scoring.anywhere import score_anywhere
from pipeline.scoring.model_files import model_files
from pipeline.scoring.record import Record
from pipeline.scoring.results import SUMMARY, remove_results_in
from pipeline.scoring.share import GPU_WORKERS, pick_batch_size, pick_workers
from pipeline.scoring.work import Job, Plan
from pipeline.scratch import own_folder
from pipeline.training.bundle import bundle_digest
from pipeline.training.predict import AGENTS_PER_BATCH

EngineName = Literal["local", "ray"]
ENGINES: Final[tuple[EngineName, ...]] = ("local", "ray")
Outcomes = Generator[tuple[Job, Record | InputError]]


class Engine(Protocol):
    """Something that scores drives. The results do not depend on which, at one device and batch size.

    Attributes:
        device: ``cpu`` or ``cuda``.
        workers: Drives at once.
        batch_size: Agents that go through the network at once.
    """

    device: str
    workers: int
    batch_size: int

    def run(self, jobs: Sequence[Job], *, plan: Plan, out: Place) -> Outcomes:
        """Score drives, and yield each with its account or why it was rejected, as they are done.

        Raises:
            InputError: As ``score_anywhere``; or what scores is gone.
        """
        ...


@contextmanager
def engine_of(name: str, *, device: str, workers: int | None, batch_size: int | None) -> Generator[Engine]:
    """Yield an engine, started where it has to be.

    Args:
        name: ``local`` or ``ray``.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: Drives at once; as many as the machine or cluster has processors (or a few per GPU) by default.
        batch_size: Agents that go through the network at once; ``pick_batch_size`` by default, a fixed number on Ray.

    Raises:
        InputError: It is not known, cannot be started, or has no such device.
    """
    if name not in ENGINES:
        raise InputError(f"--engine {name}", "is not known", f"use one of {', '.join(ENGINES)}")
    if name == "local":
        yield Local(device=device, workers=workers, batch_size=batch_size)
        return
    with ray_cluster(num_cpus=workers) as ray:
        yield Ray(ray, device=device, workers=workers, batch_size=batch_size)


class Local:
    """Processes of this machine."""

    def __init__(self, *, device: str, workers: int | None, batch_size: int | None) -> None:
        self.device = pick_device(device)
        self.workers = workers or pick_workers(self.device)
        self.batch_size = batch_size or pick_batch_size(self.device, num_workers=self.workers)

    def run(self, jobs: Sequence[Job], *, plan: Plan, out: Place) -> Outcomes:
        """As in ``Engine``."""
        return in_processes(partial(score_anywhere, plan=plan, out=out), jobs, num_processes=self.workers)


class Ray:
    """Tasks on a Ray cluster.

    Its machines need this very version of Headway, and the drives and ``out`` by the same names: addresses, or a file
    system that they share. The model is handed to them.
    """

    def __init__(self, ray: ModuleType, *, device: str, workers: int | None, batch_size: int | None) -> None:
        self._ray = ray
        there: Mapping[str, float] = ray.cluster_resources()
        num_gpus = int(there.get("GPU", 0))
        if device == "cuda" and not num_gpus:
            raise InputError("device", "there is no GPU in the Ray cluster", "choose auto or cpu")
        self.device = "cuda" if device == "auto" and num_gpus else "cpu" if device == "auto" else device
        if self.device not in {"cpu", "cuda"}:
            raise InputError("device", f"'{device}' is not known", "choose auto, cpu or cuda")
        most = num_gpus * GPU_WORKERS if self.device == "cuda" else int(there.get("CPU", 1))
        self.workers = workers or max(most, 1)
        self.batch_size = batch_size or AGENTS_PER_BATCH

    def run(self, jobs: Sequence[Job], *, plan: Plan, out: Place) -> Outcomes:
        """As in ``Engine``. A drive whose worker is lost again and again is rejected."""
        model = _Handed(self._ray.put(model_files(plan.model_dir)))

        def lost(job: Job, why: str) -> InputError:
            remove_results_in(out, job.ref.name)
            what = f"its Ray worker was lost {RETRIES + 1} times ({why}), as happens where memory runs out"
            return InputError(str(job.folder or job.ref.path), what, "the same command tries it again")

        return in_ray(
            self._ray,
            partial(_score_there, plan=plan, out=out, home=Path.cwd(), model=model),
            jobs,
            at_once=self.workers,
            num_gpus=1 / GPU_WORKERS if self.device == "cuda" else 0,
            lost=lost,
        )


@dataclass(frozen=True)
class _Handed:
    """The model's files, by name, in Ray's own store."""

    reference: Any


def _score_there(job: Job, *, plan: Plan, out: Place, home: Path, model: _Handed) -> Record | InputError:
    """Score one drive in a process of a cluster.

    Args:
        job: The drive.
        plan: Its ``model_dir`` is another machine's.
        out: Folder of the results.
        home: What relative paths start from.
        model: The model.

    Raises:
        InputError: As ``score_anywhere``; or this machine is not what the run needs.
    """
    if (here := version("headway")) != job.basis.headway:
        what = f"has Headway {here}, not {job.basis.headway}"
        raise InputError(_this_machine(), what, "install the same version on all machines")
    paths = [path for path in (out, plan.cache, None if job.folder else job.ref.path) if isinstance(path, Path)]
    if not all(path.is_absolute() for path in paths):
        try:
            os.chdir(home)
        except OSError as error:
            todo = "give addresses, or paths on a file system that all machines share"
            raise InputError(home, f"cannot be entered on {_this_machine()} ({error.strerror})", todo) from error
    if isinstance(out, Path) and not (out / SUMMARY).exists():  # the first process has written it
        todo = "give an address, or a folder on a file system that all machines share"
        raise InputError(out, f"is another folder on {_this_machine()}", todo)
    pick_device(plan.device)
    return score_anywhere(job, plan=replace(plan, model_dir=_model_here(plan.digest, model)), out=out)


@lru_cache(maxsize=1)
def _model_here(digest: str, model: _Handed) -> Path:
    """The folder of the model on this machine: in the folder for temporary files, by its digest, for all processes.

    It stays there; whoever loads it compares its digest.
    """
    try:
        folder = own_folder() / digest
        if bundle_digest(folder) != digest:
            from ray import get  # noqa: PLC0415  # there is Ray where this runs

            files: dict[str, bytes] = get(model.reference)
            for name, content in files.items():
                with whole_file(folder / name) as temporary:
                    temporary.write_bytes(content)
    except OSError as error:
        what = f"cannot be written to on {_this_machine()} ({error.strerror or error})"
        raise InputError(tempfile.gettempdir(), what, "make room, or name another folder in its TMPDIR") from error
    return folder


def _this_machine() -> str:
    return f"the machine {os.uname().nodename}"
