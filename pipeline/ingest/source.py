"""All drives of one source, in parallel processes, one drive's failure leaving the others alone."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from pipeline.config import IngestConfig
from pipeline.drives.registry import DriveRef, read_drive
from pipeline.errors import InputError
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.store import write_clean


def ingest_one(ref: DriveRef, *, config: IngestConfig, folder: Path) -> str | None:
    """Read, clean and store one drive.

    Returns:
        Nothing, or the line that says why the drive cannot be used.
    """
    try:
        write_clean(folder, ingest_drive(read_drive(ref), config=config))
    except InputError as error:
        return str(error)
    return None


def ingest_all(
    refs: Sequence[DriveRef], *, config: IngestConfig, folder: Path, num_processes: int | None = None
) -> Iterator[tuple[DriveRef, str | None]]:
    """Ingest drives, several at once where there are several, and yield each with its problem as it is done.

    Args:
        refs: Drives of different names.
        config: The ``ingest`` section.
        folder: Where the clean drives go.
        num_processes: At most this many; all processors by default.
    """
    num_processes = min(num_processes or os.cpu_count() or 1, len(refs))
    if num_processes <= 1:
        for ref in refs:
            yield ref, ingest_one(ref, config=config, folder=folder)
        return
    # Spawned, not forked: a fork of a process that has threads (Arrow's, the progress bar's) can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_processes, mp_context=context) as pool:
        refs_of = {pool.submit(ingest_one, ref, config=config, folder=folder): ref for ref in refs}
        for future in as_completed(refs_of):
            yield refs_of[future], future.result()
