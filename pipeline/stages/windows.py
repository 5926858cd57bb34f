"""Stage ``windows``: scenes around forecast times, cut into observed and future."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.config import WindowsConfig
from pipeline.errors import InputError
from pipeline.ingest.split import read_split
from pipeline.ingest.store import find_cleans
from pipeline.params import load_section, load_sources
from pipeline.stages import run_stage
from pipeline.windows.parts import Part, write_parts
from pipeline.windows.summary import summary_line


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="of the ingest stages")
    parser.add_argument("--scene-features", type=Path, required=True, help="of the scene_features stages")
    parser.add_argument("--split", type=Path, required=True, help="of the split stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for the arrays")
    arguments = parser.parse_args()
    config = load_section("windows", WindowsConfig)
    folders = find_cleans(arguments.ingest, sources=list(load_sources()))
    split = read_split(arguments.split)
    parts = [
        Part(name=name, clean=folder, features=arguments.scene_features / folder.name, split=split.only(name))
        for name, folder in folders.items()
    ]

    def check(summary: dict[str, Any]) -> None:
        print(summary_line(summary), file=sys.stderr)  # noqa: T201
        if not summary["counts"]["train"]["scenes"]:
            todo = "give more or longer drives, or change split and windows in params.yaml"
            raise InputError(arguments.split, "leaves no scene to train on", todo)

    write_parts(arguments.out, parts, config=config, check=check)


if __name__ == "__main__":
    run_stage(main)
