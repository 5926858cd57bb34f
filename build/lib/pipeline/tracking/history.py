"""The history of one training: what its MLflow run holds, kept as files so that the run can be made again."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import InputError
from pipeline.files import whole_folder, write_json

TABLE: Final = "history.csv"
RECORD: Final = "run.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What is known of a run beside its metrics; the content of ``run.json``.

    Attributes:
        run_id: MLflow's id; None where the tracking server was away.
        run_name: MLflow's name for people, likewise.
        started_ms: When the training started, in milliseconds since 1970.
        ended_ms: When it ended.
        params: Flat parameter names and values.
        tags: Git commit, data digest, environment, device.
    """

    run_id: str | None
    run_name: str | None
    started_ms: int
    ended_ms: int
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A training's record and the metrics of its epochs, the first epoch first."""

    record: RunRecord
    epochs: Sequence[Mapping[str, float]]


_RECORDS: Final = TypeAdapter(RunRecord)


def write_history(folder: Path, history: History) -> None:
    """Write ``run.json`` and ``history.csv`` (epoch, then one column per metric, empty where it was not computed)."""
    columns = list(dict.fromkeys(name for epoch in history.epochs for name in epoch))
    with whole_folder(folder) as temporary:
        write_json(temporary / RECORD, asdict(history.record))
        with (temporary / TABLE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", *columns])
            for number, epoch in enumerate(history.epochs):
                writer.writerow([number, *(repr(float(epoch[name])) if name in epoch else "" for name in columns)])


def read_history(folder: Path) -> History:
    """Read what ``write_history`` wrote.

    Raises:
        InputError: A file is missing or is not what ``write_history`` writes.
    """
    return History(record=_read_record(folder / RECORD), epochs=_read_epochs(folder / TABLE))


def _read_record(path: Path) -> RunRecord:
    try:
        return _RECORDS.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.__class__.__name__})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _broken(path, f"{': '.join([*map(str, first['loc']), first['msg']])}") from error


def _read_epochs(path: Path) -> list[dict[str, float]]:
    try:
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines(), strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise _broken(path, f"cannot be read ({error.__class__.__name__})") from error
    if header[:1] != ["epoch"]:
        raise _broken(path, "its first column is not 'epoch'")
    epochs: list[dict[str, float]] = []
    for number, row in enumerate(rows):
        if len(row) != len(header) or row[0] != str(number):
            raise _broken(f"{path}: line {number + 2}", "is not the row of the next epoch")
        try:
            epochs.append({name: float(text) for name, text in zip(header[1:], row[1:], strict=True) if text})
        except ValueError as error:
            raise _broken(f"{path}: line {number + 2}", str(error)) from error
    return epochs


def _broken(where: str | Path, what: str) -> InputError:
    return InputError(where, what, "run the train stage again: dvc repro train")
