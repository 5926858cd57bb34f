"""Stage ``ingest``: the raw drives of one source to clean tables at one rate.

A drive that cannot be used is named on standard error and in ``drives.json``, and the others go on; so is what is
suspicious about one. The stage fails only where no drive of the source is usable: with one bad drive among hundreds the
rest of the pipeline still runs.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from pipeline.config import IngestConfig
from pipeline.drives.found import Found, find_all
from pipeline.errors import InputError, one_line
from pipeline.files import whole_folder
from pipeline.ingest.source import ingest_all
from pipeline.ingest.store import write_index
from pipeline.params import load_section, load_sources
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
    found = find_all([Path(source.path)], format=source.format)
    ingest(found, config=config, out=arguments.out, description=f"ingest {arguments.source}")


def ingest(found: Found, *, config: IngestConfig, out: Path, description: str) -> dict[str, str]:
    """Clean drives into the folder ``out``, replacing it whole; each that cannot be used is named on standard error.

    Args:
        found: The drives, and the folders that hold none.
        config: The ``ingest`` section.
        out: Folder for the clean drives.
        description: Of the progress bar and in messages.

    Returns:
        Every drive that could not be used (its name) and folder without one, and the line that says why.

    Raises:
        InputError: No drive is usable; ``out`` is left as it was.
    """
    if not found.refs and len(found.problems) == 1:
        raise found.problems[0]
    rejected = {error.where: str(error) for error in found.problems}
    for line in (*found.notes, *rejected.values()):
        _say(line)
    with whole_folder(out) as folder:
        with closing(ingest_all(found.refs, config=config, folder=folder)) as done:
            for ref, result in track(done, total=len(found.refs), description=description):
                if result.problem is not None:
                    rejected[ref.name] = result.problem
                    _say(result.problem)
                for suspicion in result.suspicions:
                    _say(str(suspicion))
        drives = [ref.name for ref in found.refs if ref.name not in rejected]
        if not drives:
            raise InputError(description, "has no usable drive", "see the lines above")
        write_index(folder, drives=drives, rejected=rejected)
    return rejected


def _say(line: str) -> None:
    print(f"headway: {one_line(line)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    run_stage(main)
