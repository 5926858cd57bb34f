"""All drives of one source, in parallel processes, one drive's failure leaving the others alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.config import IngestConfig
from pipeline.drives.registry import DriveRef, read_drive
from pipeline.errors import InputError, Suspicion
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.store import write_clean
from pipeline.parallel import in_processes


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingested:
    """What became of a drive.

    Attributes:
        problem: Why it cannot be used; None where it was stored.
        suspicions: What is hardly as its source meant it.
    """

    problem: str | None = None
    suspicions: tuple[Suspicion, ...] = ()


def ingest_one(ref: DriveRef, *, config: IngestConfig, folder: Path) -> Ingested:
    """Read, clean and store one drive."""
    try:
        clean = ingest_drive(read_drive(ref), config=config)
        write_clean(folder, clean)
    except InputError as error:
        return Ingested(problem=str(error))
    return Ingested(suspicions=clean.suspicions)


def ingest_all(
    refs: Sequence[DriveRef],
    *,
    config: IngestConfig,
    folder: Path,
    alone_s: float = 2.0,
    num_processes: int | None = None,
) -> Generator[tuple[DriveRef, Ingested]]:
    """Ingest drives and yield each with what became of it as it is done.

    Args:
        refs: Drives of different names.
        config: The ``ingest`` section.
        folder: Where the clean drives go.
        alone_s: As in ``in_processes``.
        num_processes: Likewise.
    """
    work = partial(ingest_one, config=config, folder=folder)
    yield from in_processes(work, refs, alone_s=alone_s, num_processes=num_processes)
