"""Stage ``scene_features``: the camera frames of one source's clean drives to CNN features.

Every map is kept under ``.headway/scene_features``, so that only frames that this CNN has not seen yet are computed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from pipeline.config import SceneConfig
from pipeline.errors import InputError
from pipeline.files import whole_folder
from pipeline.ingest.store import clean_names
from pipeline.params import load_section
from pipeline.progress import track
from pipeline.scene.source import extract_all
from pipeline.scene.store import write_index
from pipeline.stages import run_stage


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="folder of one source's clean drives")
    parser.add_argument("--out", type=Path, required=True, help="folder for their scene features")
    arguments = parser.parse_args()
    config = load_section("scene_features", SceneConfig)
    names = clean_names(arguments.ingest)
    failed: list[str] = []
    count: Counter[str] = Counter()
    with whole_folder(arguments.out) as folder:
        with closing(extract_all(names, ingest=arguments.ingest, config=config, folder=folder)) as done:
            for name, result in track(done, total=len(names), description="scene features, drives"):
                if result.problem is not None:
                    failed.append(name)
                    _say(result.problem)
                for line in result.masked:
                    _say(line)
                count.update(computed=result.num_computed, cached=result.num_cached)
        write_index(folder, drives=[name for name in names if name not in failed])
    _say(f"scene features: {count['computed']} frames computed, {count['cached']} from the cache")
    if failed:
        raise InputError(arguments.ingest, f"{len(failed)} drives failed: {', '.join(failed)}", "see the lines above")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    run_stage(main)
