"""Make sure that the tracking server has the run of the result at hand, also where DVC restored it from its cache.

Its model is then a version in the registry.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from mlflow.entities import Metric, Run

from pipeline.errors import InputError
from pipeline.files import digest
from pipeline.tracking.history import History, read_history
from pipeline.tracking.names import clean_name, flatten_numbers
from pipeline.tracking.registry import VERSION, register
from pipeline.tracking.store import UNREACHABLE, RunStore, away, open_store

RESULT: Final = "headway.result"  # digest of the result whose run is complete; set last
PUBLISHING: Final = "headway.publishing"  # digest of the result that is being logged; gone when it is complete
RECREATED: Final = "headway.recreated"
_BESIDE: Final = re.compile(r"_low$|_high$|/num_[^/]*$")
_LAYOUT: Final = "1"  # of what a complete run holds: count up, and every result is logged anew


def publish(model_dir: Path, *, history_dir: Path, metrics_path: Path, plots_dir: Path) -> str:
    """Log a result unless the tracking server has it.

    The run that the training made is completed where it exists and holds no other result; otherwise the run is made
    again from the history, with the training's times and the tag ``headway.recreated``. Broken off at any moment and
    called again, it ends with the same one run, and with one version of the registered model ``headway``.

    Args:
        model_dir: The model bundle.
        history_dir: The training's history.
        metrics_path: Metrics on held-out drives, nested JSON; logged as ``test/social_lstm/movers/ade_m``. The ends of
            intervals (``_low``, ``_high``) and what is counted (``num_``) would treble them to thousands, too many for
            MLflow's pages; they are in the file, which is an artifact.
        plots_dir: Figures and tables; logged as artifacts.

    Returns:
        The id of the run.

    Raises:
        InputError: An input is missing or broken, or the tracking server cannot be used.
    """
    history = read_history(history_dir)
    tested = _read_metrics(metrics_path)
    for folder in (model_dir, plots_dir):
        if not folder.is_dir():
            raise InputError(folder, "is no folder", "make it with: dvc repro")
    result = result_digest(model_dir, history_dir=history_dir, metrics_path=metrics_path, plots_dir=plots_dir)
    try:
        store = open_store()
        run = store.find_tagged(RESULT, result)
        if run is None:
            run = _take_up(store, history, result=result)
            _log_training(store, run, history)
            _log_files(store, run, {"": metrics_path, "history": history_dir, "evaluation": plots_dir})
            _log_result(store, run, model_dir, tested=tested, ended_ms=history.record.ended_ms)
            register(store, run.info.run_id, tested=tested)
            _finish(store, run, history, result=result)
        elif VERSION not in run.data.tags:  # logged before there was a registry
            register(store, run.info.run_id, tested=tested)
    except UNREACHABLE as error:
        raise away(error) from error
    return run.info.run_id


def result_digest(model_dir: Path, *, history_dir: Path, metrics_path: Path, plots_dir: Path) -> str:
    """Digest of everything that ``publish`` logs: file names and contents."""
    parts: list[str | Path] = [_LAYOUT, metrics_path]
    for folder in (model_dir, history_dir, plots_dir):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        parts.append(str(len(files)))
        for path in files:
            parts += [path.relative_to(folder).as_posix(), path]
    return digest(*parts)


def _take_up(store: RunStore, history: History, *, result: str) -> Run:
    """The run to complete: one that was begun for this result, the training's own, or a new one."""
    if run := store.find_tagged(PUBLISHING, result):
        return run
    record = history.record
    run = store.find(record.run_id) if record.run_id else None
    if run is not None and not {RESULT, PUBLISHING} & run.data.tags.keys():
        store.log(run.info.run_id, tags={PUBLISHING: result})
        return run
    return store.client.create_run(
        store.experiment_id,
        start_time=record.started_ms,
        tags={PUBLISHING: result, RECREATED: "true"},
        run_name=record.run_name,
    )


def _log_training(store: RunStore, run: Run, history: History) -> None:
    """Parameters, tags and the metrics of every epoch, as far as the run lacks them."""
    record, run_id = history.record, run.info.run_id
    there = store.logged(run)
    # Where the run was lost, its epochs are spread evenly over the training: the history keeps no time of each.
    step_ms = (record.ended_ms - record.started_ms) / max(len(history.epochs), 1)
    metrics = [
        Metric(name, value, round(record.started_ms + (epoch + 1) * step_ms), epoch)
        for epoch, values in enumerate(history.epochs)
        for name, value in ((clean_name(key), value) for key, value in values.items())
        if (name, epoch) not in there
    ]
    params = {name: value for name, value in record.params.items() if name not in run.data.params}
    store.log(run_id, metrics=metrics, params=params, tags=record.tags)


def _log_files(store: RunStore, run: Run, sources: dict[str, Path]) -> None:
    """Files and folders as artifacts, under the folder that each is keyed by."""
    for target, source in sources.items():
        log = store.client.log_artifacts if source.is_dir() else store.client.log_artifact
        log(run.info.run_id, str(source), artifact_path=target or None)


def _log_result(store: RunStore, run: Run, model_dir: Path, *, tested: dict[str, float], ended_ms: int) -> None:
    """The model, and its metrics on held-out drives on both the run and the model."""
    # Here, because it brings in torch and the whole pipeline, which a run that is complete has no need of.
    from pipeline.tracking.model import log_model  # noqa: PLC0415

    model_id = log_model(store, run.info.run_id, model_dir)
    metrics = [Metric(name, value, ended_ms, 0, model_id=model_id) for name, value in tested.items()]
    store.log(run.info.run_id, metrics=metrics)


def _finish(store: RunStore, run: Run, history: History, *, result: str) -> None:
    run_id = run.info.run_id
    store.client.set_terminated(run_id, "FINISHED", end_time=history.record.ended_ms)
    store.log(run_id, tags={RESULT: result})
    store.client.delete_tag(run_id, PUBLISHING)


def _read_metrics(path: Path) -> dict[str, float]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", "make it with: dvc repro") from error
    if not isinstance(values, dict):
        raise InputError(path, "holds no metrics by name", "make it with: dvc repro evaluate")
    flat = flatten_numbers(values, prefix="test")
    return {name: value for name, value in flat.items() if not _BESIDE.search(name)}
