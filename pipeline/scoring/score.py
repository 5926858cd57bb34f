"""New drives to forecast tables, as many as are given; what cannot be used is named and the rest goes on."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from rich.text import Text

from pipeline.drives.registry import AUTO, DriveRef, check_format
from pipeline.drives.remote import RemoteDrive, find_places
from pipeline.errors import InputError, one_line
from pipeline.files import digest as digest_of
from pipeline.progress import CONSOLE, progress_bar
from pipeline.remote import Place
from pipeline.scoring.basis import Bases
from pipeline.scoring.engine import Engine, engine_of
from pipeline.scoring.given import given_folders
from pipeline.scoring.record import Record
from pipeline.scoring.results import Results, results_in
from pipeline.scoring.runtime import TORCH, runtime_device, runtime_file
from pipeline.scoring.summary import Summary
from pipeline.scoring.work import Job, Plan, bundle_of
from pipeline.training.bundle import Bundle, bundle_digest
from pipeline.windows.grid import make_grid


def score(
    model_dir: Path,
    drives: Sequence[Place],
    *,
    out: Place,
    manifests: Sequence[Place] = (),
    device: str = "auto",
    every_s: float | None = None,
    source_format: str = AUTO,
    cache: Path | None = None,
    workers: int | None = None,
    batch_size: int | None = None,
    engine: str = "local",
    runtime: str = TORCH,
    origin: Mapping[str, object] | None = None,
) -> Summary:
    """Forecast every agent of new drives and write two tables for each drive, and ``summary.json``, into ``out``.

    ``<drive>.parquet`` holds the forecasts (``table.SCHEMA``), ``manoeuvres/<drive>.parquet`` the probabilities of the
    manoeuvres (``manoeuvres.MANOEUVRE_SCHEMA``), ``drives/<drive>.json`` the drive's account (``record.Record``).

    The account is written last. A drive is done when its account and its tables stand, made by the same model, version
    of this package, format and ``every_s`` from files of the same names, sizes and times: it is not read again, and
    counts in the summary as in the run that made it. So a run that was killed goes on where it was.

    A drive that cannot be used is rejected with one line on standard error, and tried again by the next run; each kind
    of thing that was left out of a drive gets one too, and so does what is suspicious about it. Anything else that
    goes wrong ends the run: the tables that stand are whole, and the summary says that it is not complete.

    Args:
        model_dir: A folder that training wrote.
        drives: Folders of drives, or of several, or patterns of such, here or remote (``pipeline.remote``); what is
            found in them is scored in the order of their names.
        out: Folder of the results, here or remote; made where it is missing. Nothing is written elsewhere but to
            ``cache``, and to temporary folders where something is remote.
        manifests: Text files that list such folders, one a line.
        device: ``auto``, ``cpu`` or ``cuda``.
        every_s: Between forecast times, if other than in training.
        source_format: A registry name, or ``auto``.
        cache: Folder where the features of frames are kept between runs; none by default.
        workers: Drives at once, each on one thread; by default as ``engine_of`` says. The results do not depend on it.
        batch_size: Agents that go through the network at once; likewise. The last bits of the forecasts depend on it.
        engine: ``local`` or ``ray``. The results do not depend on it.
        runtime: What runs the network: ``torch``, or ``onnx`` for onnxruntime on the CPU, for which the model is first
            written as ONNX, to ``cache`` where there is one. The last bits of the forecasts depend on it.
        origin: What the summary tells of the model instead of its folder: where it came from.

    Returns:
        The account of the run; its ``exit_code`` is 1 where anything was rejected or left out.

    Raises:
        InputError: The model, a setting, the engine or ``out`` cannot be used, or another run is scoring into ``out``;
            no drive was read. Or the results cannot be written any more.
    """
    started = perf_counter()
    check_format(source_format)
    given, unmatched = given_folders(drives, manifests=manifests)
    digest = bundle_digest(model_dir)
    bundle = bundle_of(model_dir, digest)
    every_s = _checked_every_s(bundle, every_s)
    device = runtime_device(runtime, device=device)
    if runtime != TORCH and engine != "local":
        raise InputError("--runtime", f"{runtime} runs on this machine alone", "leave --engine ray out, or --runtime")
    with engine_of(engine, device=device, workers=workers, batch_size=batch_size) as at:
        summary = Summary(
            model={
                **(origin or {"folder": one_line(str(model_dir))}),
                "digest": digest,
                "future_s": bundle.windows.future_s,
                "rate_hz": bundle.windows.rate_hz,
                "num_modes": bundle.train.num_modes,
            },
            device=at.device,
            every_s=every_s,
            batch_size=at.batch_size,
            runtime=runtime,
        )
        plan = Plan(
            model_dir=model_dir,
            digest=digest,
            out=out if isinstance(out, Path) else Path(),
            device=at.device,
            every_s=every_s,
            batch_size=at.batch_size,
            cache=cache,
            runtime=runtime,
        )
        results = results_in(out)
        settings = digest_of(version("headway"), digest, str(every_s), at.device, str(at.batch_size), runtime)
        with results.claimed(settings):
            results.tidy()
            results.write_summary(summary.to_json())
            found, away = find_places(given, format=source_format)
            for error in (*unmatched, *found.problems):
                summary.rejected.append(error)
                _say([str(error)])
            summary.notes += map(one_line, found.notes)
            _say(found.notes)
            outcomes: dict[str, Record | InputError] = {}
            try:
                outcomes.update(_outcomes(found.refs, away, plan=plan, at=at, out=out, results=results))
                summary.complete = True
            finally:
                for ref in found.refs:  # in this order, whoever was done first
                    summary.count(outcomes.get(ref.name))
                summary.seconds["total"] = perf_counter() - started
                with nullcontext() if summary.complete else suppress(InputError):
                    results.write_summary(summary.to_json())  # where it fails, what ended the run is told first
            results.tidy()
    _say(summary.closing_lines(out=str(out)))
    return summary


def _outcomes(
    refs: Sequence[DriveRef], away: Mapping[str, RemoteDrive], *, plan: Plan, at: Engine, out: Place, results: Results
) -> Generator[tuple[str, Record | InputError]]:
    """Score the drives that are not done, under a progress bar, and tell of each what there is to tell.

    Yields:
        By name, the account of each drive, or why it was rejected: first of those that are done, then as they are.
    """
    bases = Bases(model=plan.digest, every_s=plan.every_s, runtime=plan.runtime)
    jobs: list[Job] = []
    with progress_bar() as bar:
        looking = bar.add_task("looking for what is done", total=len(refs))
        for ref in refs:
            there = away.get(ref.name)
            basis = bases.of(ref, away=there)
            done = results.read(ref.name, basis=basis)
            if done is None:
                jobs.append(Job(ref=ref, basis=basis, folder=there and there.folder))
            else:
                yield ref.name, done
            bar.advance(looking)
        bar.remove_task(looking)
        num_done, num_forecasts = len(refs) - len(jobs), 0
        if num_done:
            _say([f"{num_done} of {len(refs)} drives are done from an earlier run"])
        scoring = bar.add_task("scoring", total=len(refs), completed=num_done)
        with ExitStack() as stack:
            if jobs:  # where all is done, the model is not written for nothing
                bundle = bundle_of(plan.model_dir, plan.digest)
                onnx = stack.enter_context(runtime_file(plan.runtime, bundle, digest=plan.digest, cache=plan.cache))
                plan = replace(plan, onnx=onnx)
            began = perf_counter()
            done_now = stack.enter_context(closing(at.run(jobs, plan=plan, out=out)))
            for job, outcome in done_now:
                if isinstance(outcome, Record):
                    num_forecasts += outcome.forecasts
                    _say(outcome.lines())
                else:
                    _say([str(outcome)])
                yield job.ref.name, outcome
                bar.update(scoring, note=f"{num_forecasts / (perf_counter() - began):,.0f} forecasts/s")
                bar.advance(scoring)


def _checked_every_s(bundle: Bundle, every_s: float | None) -> float:
    """The spacing of the forecast times; at least one clean step, and whole ones."""
    if every_s is None:
        return bundle.windows.every_s
    try:
        make_grid(bundle.windows.model_copy(update={"every_s": every_s}), clean_rate_hz=bundle.ingest.rate_hz)
    except (InputError, ValueError, OverflowError) as error:
        step_s = 1.0 / bundle.ingest.rate_hz
        what = f"{every_s:g} s is no whole number of steps"
        raise InputError("--every", what, f"give a multiple of {step_s:g} s") from error
    return every_s


def _say(lines: Iterable[str]) -> None:
    """Print lines above the progress bar, or where there is none, as they are."""
    for line in lines:
        CONSOLE.print(Text(f"headway: {one_line(line)}"), soft_wrap=True, highlight=False)
