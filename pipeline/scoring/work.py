"""One drive from its raw recording to its tables and its account: the work that processes share among them."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Final

import torch

from pipeline.drives.registry import DriveRef, read_drive
from pipeline.errors import InputError
from pipeline.remote import Remote
from pipeline.scoring.basis import Basis
from pipeline.scoring.forecast import DriveForecast, forecast_drive
from pipeline.scoring.manoeuvres import manoeuvres_file, write_manoeuvres
from pipeline.scoring.record import Record, make_record, remove_record, remove_results, table_file, write_record
from pipeline.scoring.table import write_table
from pipeline.scoring.tally import Tally
from pipeline.threads import one_thread
from pipeline.training.bundle import Bundle, bundle_digest, load_bundle
from pipeline.training.predict import Network

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
GO_ON: Final = "the same command then goes on from here"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A drive to score, and what it was before it is read.

    Attributes:
        ref: The drive.
        basis: Of what it will be scored from.
        folder: Where it lies in an object store; None where ``ref.path`` is here.
    """

    ref: DriveRef
    basis: Basis
    folder: Remote | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What all drives of a run share.

    Attributes:
        model_dir: The folder of the model.
        digest: Of the model.
        out: Folder of the results.
        device: ``cpu`` or ``cuda``.
        every_s: Between forecast times.
        batch_size: Agents that go through the network at once.
        cache: Folder where features of frames are kept between runs, or None.
        runtime: What runs the network: ``torch`` or ``onnx``.
        onnx: The model's ONNX file where onnxruntime runs it.
    """

    model_dir: Path
    digest: str
    out: Path
    device: str
    every_s: float
    batch_size: int
    cache: Path | None
    runtime: str
    onnx: Path | None = None


def score_drive(job: Job, *, plan: Plan) -> Record | InputError:
    """Score one drive, on one thread, and write its tables and, last, its account.

    Returns:
        The account, or why the drive cannot be used; what an earlier run made of it is removed then.

    Raises:
        InputError: The results cannot be written, memory is too small, or the model is another one by now.
    """
    bundle = bundle_of(plan.model_dir, plan.digest)
    network = None if plan.onnx is None else network_of(plan.onnx)
    started = perf_counter()
    ref, out = job.ref, plan.out
    with one_thread(), _written_to(out, ref.name):
        try:
            drive = read_drive(ref)
            read_s = perf_counter() - started
            forecast = forecast_drive(
                bundle,
                drive,
                device=plan.device,
                cache=plan.cache,
                every_s=plan.every_s,
                batch_size=plan.batch_size,
                network=network,
            )
        except InputError as error:
            remove_results(out, ref.name)
            return error
        except OSError as error:
            if error.errno in _FULL:  # no fault of the drive's: only the cache is written to meanwhile
                raise InputError(
                    plan.cache or out, f"cannot be written to ({error.strerror})", f"make room; {GO_ON}"
                ) from error
            remove_results(out, ref.name)
            where = error.filename or ref.path
            return InputError(where, f"failed ({error.strerror or error})", "check the disk and the permissions")
        except torch.OutOfMemoryError as error:
            what = f"the device has no memory for {plan.batch_size} agents at once"
            raise InputError("--batch-size", what, "give a smaller one, or fewer --workers") from error
        return _write(forecast, job, out=out, read_s=read_s)


def _write(forecast: DriveForecast, job: Job, *, out: Path, read_s: float) -> Record:
    started = perf_counter()
    table = out / table_file(forecast.name)
    remove_record(out, forecast.name)
    write_manoeuvres(manoeuvres_file(table), forecast)  # first: whoever finds the forecasts finds these too
    write_table(table, forecast)
    written = perf_counter()
    tally = Tally.of(forecast)
    seconds = {"read": read_s, **forecast.seconds, "write": written - started, "metrics": perf_counter() - written}
    record = make_record(forecast, basis=job.basis, source=job.ref.path, out=out, tally=tally, seconds=seconds)
    write_record(out, record)
    return record


@lru_cache(maxsize=1)
def bundle_of(model_dir: Path, digest: str) -> Bundle:
    """The model, read once by each process.

    Raises:
        InputError: It cannot be used, or is not what the run began with.
    """
    bundle = load_bundle(model_dir)
    if bundle_digest(model_dir) != digest:
        raise InputError(model_dir, "was changed during the run", "start again")
    return bundle


@lru_cache(maxsize=1)
def network_of(onnx: Path) -> Network:
    """The model's ONNX file, read once by each process.

    Raises:
        InputError: It cannot be read.
    """
    from pipeline.export.runtime import OnnxForecaster  # noqa: PLC0415  # its packages are an extra

    return OnnxForecaster(onnx)


@contextmanager
def _written_to(out: Path, name: str) -> Generator[None]:
    """Tell in one line that results cannot be written."""
    try:
        yield
    except OSError as error:
        first = "make room" if error.errno in _FULL else "check disk and permissions"
        raise InputError(
            out / table_file(name), f"cannot be written ({error.strerror or error})", f"{first}; {GO_ON}"
        ) from error
