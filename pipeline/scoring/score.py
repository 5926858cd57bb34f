"""New drives to forecast tables, one drive after the other; what cannot be used is named and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.text import Text

from pipeline.drives.found import find_all
from pipeline.drives.registry import AUTO, DriveRef, check_format, read_drive
from pipeline.errors import InputError, one_line
from pipeline.files import write_json
from pipeline.progress import progress_bar
from pipeline.scene.extract import pick_device
from pipeline.scoring.forecast import forecast_drive
from pipeline.scoring.manoeuvres import manoeuvres_file, write_manoeuvres
from pipeline.scoring.summary import Summary
from pipeline.scoring.table import write_table
from pipeline.training.bundle import Bundle, bundle_digest, load_bundle
from pipeline.windows.grid import make_grid


def score(
    model_dir: Path,
    drives: Sequence[Path],
    *,
    out: Path,
    device: str = "auto",
    every_s: float | None = None,
    source_format: str = AUTO,
    cache: Path | None = None,
    origin: Mapping[str, object] | None = None,
) -> Summary:
    """Forecast every agent of new drives and write two tables for each drive, and ``summary.json``, into ``out``.

    ``<drive>.parquet`` holds the forecasts (``table.SCHEMA``), ``manoeuvres/<drive>.parquet`` the probabilities of the
    manoeuvres (``manoeuvres.MANOEUVRE_SCHEMA``).

    A drive that cannot be used is rejected with one line on standard error; each kind of thing that was left out of
    a drive gets one too, and so does what is suspicious about it. Anything else that goes wrong ends the run: the
    tables that stand are whole, and the summary says that it is not complete.

    Args:
        model_dir: A folder that training wrote.
        drives: Folders of drives, or of several; what is found in them is scored in the order of their names.
        out: Folder of the results; made where it is missing. Nothing is written elsewhere but to ``cache``.
        device: ``auto``, ``cpu`` or ``cuda``.
        every_s: Between forecast times, if other than in training.
        source_format: A registry name, or ``auto``.
        cache: Folder where the features of frames are kept between runs; none by default.
        origin: What the summary tells of the model instead of its folder: where it came from.

    Returns:
        The account of the run; its ``exit_code`` is 1 where anything was rejected or left out.

    Raises:
        InputError: The model, a setting or ``out`` cannot be used; no drive was read.
    """
    started = perf_counter()
    check_format(source_format)
    bundle = load_bundle(model_dir)
    device = pick_device(device)
    summary = Summary(
        model={
            **(origin or {"folder": one_line(str(model_dir))}),
            "digest": bundle_digest(model_dir),
            "future_s": bundle.windows.future_s,
            "rate_hz": bundle.windows.rate_hz,
            "num_modes": bundle.train.num_modes,
        },
        device=device,
        every_s=_checked_every_s(bundle, every_s),
    )
    _write_summary(out, summary)
    with progress_bar() as bar:
        refs = _find(drives, source_format=source_format, summary=summary, console=bar.console)
        task = bar.add_task("scoring", total=len(refs))
        try:
            for ref in refs:
                _score_one(ref, bundle=bundle, out=out, summary=summary, cache=cache, console=bar.console)
                bar.advance(task)
            summary.complete = True
        finally:
            summary.seconds["total"] = perf_counter() - started
            _write_summary(out, summary)
        _say(summary.closing_lines(out=str(out)), console=bar.console)
    return summary


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


def _find(paths: Sequence[Path], *, source_format: str, summary: Summary, console: Console) -> tuple[DriveRef, ...]:
    """All drives of all folders, each once and with a name of its own."""
    found = find_all(paths, format=source_format)
    for error in found.problems:
        _reject(error, summary=summary, console=console)
    for note in found.notes:
        _note(note, summary=summary, console=console)
    return found.refs


def _score_one(
    ref: DriveRef, *, bundle: Bundle, out: Path, summary: Summary, cache: Path | None, console: Console
) -> None:
    file = f"{ref.name}.parquet"
    assert Path(file).name == file, file
    try:
        drive = read_drive(ref)
        forecast = forecast_drive(bundle, drive, device=summary.device, cache=cache, every_s=summary.every_s)
    except InputError as error:
        _reject(error, summary=summary, console=console)
        _remove(out / file)
        return
    except OSError as error:
        where = error.filename or ref.path
        wrapped = InputError(where, f"failed ({error.strerror or error})", "check the disk and the permissions")
        _reject(wrapped, summary=summary, console=console)
        _remove(out / file)
        return
    try:
        write_manoeuvres(manoeuvres_file(out / file), forecast)  # first: whoever finds the forecasts finds these too
        write_table(out / file, forecast)
    except OSError as error:
        raise InputError(
            out / file, f"cannot be written ({error.strerror or error})", "check disk and permissions"
        ) from error
    for note in forecast.notes:
        _note(note, summary=summary, console=console)
    _say(
        summary.add(forecast, source=ref.path, file=file, manoeuvres_file=manoeuvres_file(Path(file)).as_posix()),
        console=console,
    )


def _remove(table: Path) -> None:
    """Remove both tables of an earlier run: they must not pass for this one's."""
    for path in (table, manoeuvres_file(table)):
        path.unlink(missing_ok=True)


def _write_summary(out: Path, summary: Summary) -> None:
    try:
        write_json(out / "summary.json", summary.to_json())
    except OSError as error:
        todo = "give a folder that can be written to"
        raise InputError(out, f"cannot be written to ({error.strerror or error})", todo) from error


def _reject(error: InputError, *, summary: Summary, console: Console) -> None:
    summary.rejected.append(error)
    _say([one_line(str(error))], console=console)


def _note(text: str, *, summary: Summary, console: Console) -> None:
    summary.notes.append(one_line(text))
    _say([one_line(text)], console=console)


def _say(lines: Iterable[str], *, console: Console) -> None:
    """Print lines above the progress bar, or where there is none, as they are."""
    for line in lines:
        console.print(Text(f"headway: {line}"), soft_wrap=True, highlight=False)
