"""What was made of one drive: kept beside its tables, written after them, and all that ``summary.json`` needs of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import TypeAdapter

from pipeline.errors import Dropped, Suspicion, one_line
from pipeline.files import write_json
from pipeline.scoring.basis import Basis
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import Health
from pipeline.scoring.manoeuvres import manoeuvres_file
from pipeline.scoring.tally import Tally
from pipeline.training.familiar import Drift

FOLDER: Final = "drives"  # beside the tables of forecasts


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The account of one scored drive; all its texts are on one line.

    Attributes:
        name: The drive's.
        basis: What its tables depend on.
        sizes_bytes: Of its files, by the path from the folder of the results.
        source: Where the drive lay.
        file: Its table of forecasts, from the folder of the results.
        manoeuvres_file: Likewise of manoeuvres.
        agents: How many got forecasts.
        forecast_times: How many there are.
        forecasts: How many (agent, forecast time) pairs there are.
        health: Of these, by the label of ``Health``.
        seconds: Spent in each step.
        tally: The errors where the future was recorded.
        dropped: What was left out of it, one entry for each reason.
        suspicions: What is hardly as its source meant it.
        notes: What reading and cleaning had to assume.
        drift: How it differs from the drives of the training.
    """

    name: str
    basis: Basis
    sizes_bytes: Mapping[str, int]
    source: str
    file: str
    manoeuvres_file: str
    agents: int
    forecast_times: int
    forecasts: int
    health: Mapping[str, int]
    seconds: Mapping[str, float]
    tally: Tally
    dropped: Sequence[Dropped]
    suspicions: Sequence[Suspicion]
    notes: Sequence[str]
    drift: Drift

    def lines(self) -> list[str]:
        """What people are told of it: notes, one line for each kind of thing left out, and suspicions."""
        suspicions = (one_line(str(suspicion)) for suspicion in self.suspicions)
        return [*self.notes, *map(_told, self.dropped), *suspicions, *map(one_line, self.drift.lines(self.name))]


_RECORD: Final = TypeAdapter(Record)


def make_record(
    forecast: DriveForecast, *, basis: Basis, source: Path, out: Path, tally: Tally, seconds: Mapping[str, float]
) -> Record:
    """The account of a drive whose tables have been written.

    Args:
        forecast: Of the drive.
        basis: As it was before the drive was read.
        source: The drive's folder.
        out: The folder of the results.
        tally: The errors where the future was recorded.
        seconds: Spent in each step.
    """
    index = forecast.windows.index
    file = table_file(forecast.name)
    counts = np.bincount(forecast.health, minlength=len(Health))
    files = [file, manoeuvres_file(file)]
    return Record(
        name=forecast.name,
        basis=basis,
        sizes_bytes={path.as_posix(): (out / path).stat().st_size for path in files},
        source=one_line(str(source)),
        file=file.as_posix(),
        manoeuvres_file=manoeuvres_file(file).as_posix(),
        agents=len(np.unique(index.track)),
        forecast_times=len(index.t0_ns),
        forecasts=len(forecast.health),
        health={health.label: int(count) for health, count in zip(Health, counts, strict=True)},
        seconds=dict(seconds),
        tally=tally,
        dropped=by_reason(forecast.dropped),
        suspicions=[
            Suspicion(**{key: one_line(text) for key, text in asdict(suspicion).items()})
            for suspicion in forecast.suspicions
        ],
        notes=[one_line(note) for note in forecast.notes],
        drift=forecast.drift,
    )


def table_file(name: str) -> Path:
    """Where a drive's table of forecasts lies, from the folder of the results."""
    file = Path(f"{name}.parquet")
    assert file.name == str(file), file
    return file


def account_file(name: str) -> Path:
    """Where a drive's account lies, from the folder of the results."""
    return Path(FOLDER) / f"{name}.json"


def write_record(out: Path, record: Record) -> None:
    """Write a drive's account. From now on the drive is done."""
    write_json(out / account_file(record.name), asdict(record))


def read_record(out: Path, name: str, *, basis: Basis) -> Record | None:
    """A drive's account; None where the drive is not done: its files are not there whole, or were made otherwise."""

    def size_of(file: str) -> int | None:
        try:
            return (out / file).stat().st_size
        except OSError:
            return None

    try:
        content = (out / account_file(name)).read_bytes()
    except OSError:
        return None
    return checked_record(content, name, basis=basis, size_of=size_of)


def checked_record(content: bytes, name: str, *, basis: Basis, size_of: Callable[[str], int | None]) -> Record | None:
    """As ``read_record``, of an account's content and the sizes of the files that stand."""
    try:
        record = _RECORD.validate_json(content, strict=True)
        whole = all(size_of(file) == size for file, size in record.sizes_bytes.items())
    except ValueError:
        return None
    return record if whole and record.basis == basis and record.name == name else None


def told_of(record: Record, told: Callable[[str], str]) -> Record:
    """The account with other words for where things lie: in its source and in all that people are told."""
    return replace(
        record,
        source=told(record.source),
        dropped=[replace(each, where=told(each.where)) for each in record.dropped],
        suspicions=[Suspicion(**{key: told(text) for key, text in asdict(each).items()}) for each in record.suspicions],
        notes=[told(note) for note in record.notes],
    )


def remove_record(out: Path, name: str) -> None:
    """Remove the account of an earlier run: from now on the drive is not done, whatever happens to its tables."""
    (out / account_file(name)).unlink(missing_ok=True)


def remove_results(out: Path, name: str) -> None:
    """Remove what an earlier run made of a drive: it must not pass for this one's."""
    remove_record(out, name)
    table = out / table_file(name)
    for path in (table, manoeuvres_file(table)):
        path.unlink(missing_ok=True)


def by_reason(dropped: Sequence[Dropped]) -> list[Dropped]:
    """One entry for each reason: where it happened first, and how often."""
    first: dict[str, Dropped] = {}
    counts: Counter[str] = Counter()
    for entry in dropped:
        first.setdefault(entry.reason, replace(entry, where=one_line(entry.where)))
        counts[entry.reason] += entry.count
    return [replace(entry, count=counts[reason]) for reason, entry in first.items()]


def _told(kind: Dropped) -> str:
    more = f", and {kind.count - 1} more like it" if kind.count > 1 else ""
    return one_line(f"{kind.where}: {kind.reason}; it was left out{more}")
