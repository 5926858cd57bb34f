"""All drives of one source, in parallel processes, one drive's failure leaving the others alone."""

from __future__ import annotations

import multiprocessing
import os
import time
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
    refs: Sequence[DriveRef],
    *,
    config: IngestConfig,
    folder: Path,
    alone_s: float = 2.0,
    num_processes: int | None = None,
) -> Iterator[tuple[DriveRef, str | None]]:
    """Ingest drives and yield each with its problem (or None) as it is done.

    Args:
        refs: Drives of different names.
        config: The ``ingest`` section.
        folder: Where the clean drives go.
        alone_s: Processes take about this long to start: what is left after it goes to several at once.
        num_processes: At most this many; all processors by default.
    """
    started_s = time.monotonic()
    left = list(refs)
    num_processes = num_processes or os.cpu_count() or 1
    while left and (min(num_processes, len(left)) == 1 or time.monotonic() - started_s < alone_s):
        ref = left.pop(0)
        yield ref, ingest_one(ref, config=config, folder=folder)
    if not left:
        return
    # Spawned, not forked: a fork of a process that has threads (Arrow's, the progress bar's) can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(num_processes, len(left)), mp_context=context) as pool:
        refs_of = {pool.submit(ingest_one, ref, config=config, folder=folder): ref for ref in left}
        for future in as_completed(refs_of):
            yield refs_of[future], future.result()
