"""One drive scored where its recording or its results lie in an object store: copied here, and the tables put there."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.drives.remote import fetch_drive
from pipeline.errors import InputError
from pipeline.remote import Place, Remote
from pipeline.scoring.record import Record, told_of, write_record
from pipeline.scoring.results import deliver, remove_results_in
from pipeline.scoring.work import GO_ON, Job, Plan, score_drive
from pipeline.scratch import own_folder, scratch_folder


def score_anywhere(job: Job, *, plan: Plan, out: Place) -> Record | InputError:
    """Score one drive as ``score_drive`` does, wherever it lies.

    A remote drive is copied into a temporary folder, that drive alone, and what is written for a remote ``out`` too;
    both are removed afterwards (``scratch_folder``). What is told of the drive names its address.

    Args:
        job: The drive.
        plan: What all drives share; its ``out`` counts only where all is here.
        out: Folder of the results.

    Returns:
        As ``score_drive``.

    Raises:
        InputError: Likewise; or the results cannot be put where they belong, or there is no room here.
    """
    if job.folder is None and isinstance(out, Path):
        return score_drive(job, plan=replace(plan, out=out))
    with _scratch() as temporary:
        raw, staged = temporary / "raw", temporary / "out"
        outcome = _fetched(job, into=raw)
        if isinstance(outcome, Job):
            outcome = score_drive(outcome, plan=replace(plan, out=staged))

        def told(text: str) -> str:
            return text if job.folder is None else text.replace(str(raw), _above(job.folder))

        if isinstance(outcome, InputError):
            remove_results_in(out, job.ref.name)
            return InputError(told(outcome.where), told(outcome.what), outcome.todo)
        write_record(staged, record := told_of(outcome, told))
        deliver(staged, record.name, out=out)
        return record


def _fetched(job: Job, *, into: Path) -> Job | InputError:
    """The drive as it lies here now, or why it cannot be had.

    Raises:
        InputError: There is no room for it.
    """
    if job.folder is None:
        return job
    try:
        return replace(job, ref=fetch_drive(job.ref, job.folder, into=into))
    except InputError as error:
        return error
    except OSError as error:
        what = f"has no room for the drive {job.folder} ({error.strerror or error})"
        raise InputError(own_folder(), what, f"make room, or name another folder in TMPDIR; {GO_ON}") from error


@contextmanager
def _scratch() -> Generator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder())
        except OSError as error:
            what = f"cannot be written to ({error.strerror or error})"
            todo = f"make room, or name another folder in TMPDIR; {GO_ON}"
            raise InputError(tempfile.gettempdir(), what, todo) from error
        yield folder


def _above(folder: Remote) -> str:
    return str(folder).rpartition("/")[0]
