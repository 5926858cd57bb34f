"""Stage ``ingest``: the raw drives of one source to clean tables at one rate.

A drive that cannot be used is named on standard error and in ``drives.json``, and the others go on. The stage fails
only where no drive of the source is usable: with one bad drive among hundreds the rest of the pipeline still runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import IngestConfig, load_section, load_sources
from pipeline.drives.registry import DriveRef, find_drives
from pipeline.errors import InputError
from pipeline.files import whole_folder
from pipeline.ingest.source import ingest_all
from pipeline.ingest.store import write_index
from pipeline.progress import track
from pipeline.stages import run_stage


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="a name in params.yaml's sources")
    parser.add_argument("--out", type=Path, required=True, help="folder for the clean drives")
    arguments = parser.parse_args()
    config = load_section("ingest", IngestConfig)
    sources = load_sources()
    if arguments.source not in sources:
        known = ", ".join(sources)
        raise InputError("params.yaml: sources", f"has no source {arguments.source!r}", f"it has {known}")
    source = sources[arguments.source]
    refs = find_drives(Path(source.path), format=source.format)
    ingest(refs, config=config, out=arguments.out, description=f"ingest {arguments.source}")


def ingest(refs: Sequence[DriveRef], *, config: IngestConfig, out: Path, description: str) -> dict[str, str]:
    """Clean drives into the folder ``out``, replacing it whole; each that cannot be used is named on standard error.

    Args:
        refs: Drives of different names.
        config: The ``ingest`` section.
        out: Folder for the clean drives.
        description: Of the progress bar and in messages.

    Returns:
        Name of every drive that could not be used, and the line that says why.

    Raises:
        InputError: No drive is usable; ``out`` is left as it was.
    """
    rejected: dict[str, str] = {}
    with whole_folder(out) as folder:
        done = ingest_all(refs, config=config, folder=folder)
        for ref, problem in track(done, total=len(refs), description=description):
            if problem is not None:
                rejected[ref.name] = problem
                print(f"headway: {problem}", file=sys.stderr)  # noqa: T201
        drives = [ref.name for ref in refs if ref.name not in rejected]
        if not drives:
            raise InputError(description, "has no usable drive", "see the lines above")
        write_index(folder, drives=drives, rejected=rejected)
    return rejected


if __name__ == "__main__":
    run_stage(main)
