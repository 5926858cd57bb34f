"""Stage ``split``: which drives, or which times of them, train, choose and judge."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import SplitConfig
from pipeline.files import write_json
from pipeline.ingest.split import make_split
from pipeline.ingest.store import find_cleans, read_span
from pipeline.params import load_section, load_sources
from pipeline.stages import run_stage


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="folder of the ingest stages' outputs")
    parser.add_argument("--out", type=Path, required=True, help="the split, as JSON")
    arguments = parser.parse_args()
    config = load_section("split", SplitConfig)
    folders = find_cleans(arguments.ingest, sources=list(load_sources()))
    spans = {name: read_span(folder, name) for name, folder in folders.items()}
    write_json(arguments.out, make_split(spans, config=config).to_json())


if __name__ == "__main__":
    run_stage(main)
