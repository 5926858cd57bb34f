"""Stage ``scene_features``: the camera frames of one source's clean drives to CNN features.

Every map is kept under ``.headway/scene_features``, so that only frames that this CNN has not seen yet are computed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from pipeline.config import SceneConfig
from pipeline.errors import InputError
from pipeline.files import whole_folder
from pipeline.ingest.store import clean_names, read_clean
from pipeline.params import load_section
from pipeline.progress import progress_bar
from pipeline.scene.backbone import make_backbone
from pipeline.scene.extract import extract_features
from pipeline.scene.store import write_features, write_index
from pipeline.stages import run_stage


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="folder of one source's clean drives")
    parser.add_argument("--out", type=Path, required=True, help="folder for their scene features")
    arguments = parser.parse_args()
    config = load_section("scene_features", SceneConfig)
    backbone = make_backbone(config)
    names = clean_names(arguments.ingest)
    failed: list[str] = []
    count: Counter[str] = Counter(computed=0, cached=0)
    with progress_bar() as bar, whole_folder(arguments.out) as folder:
        task = bar.add_task("scene features, drives", total=len(names))
        for number, name in enumerate(names, start=1):
            try:
                clean = read_clean(arguments.ingest, name)
                share = 1.0 / max(len(clean.frames), 1)
                on_frame = partial(bar.advance, task, share)
                features = extract_features(clean, backbone=backbone, config=config, on_frame=on_frame)
            except InputError as error:
                failed.append(name)
                _say(str(error))
                continue
            finally:
                bar.update(task, completed=number)
            write_features(folder, features)
            count += Counter(computed=features.num_computed, cached=features.num_cached)
            masked = Counter(dropped.reason for dropped in features.dropped)
            for reason, frames in masked.items():
                first = next(dropped.where for dropped in features.dropped if dropped.reason == reason)
                _say(f"{first}: {reason}; {frames} such frames of {name} are masked")
        write_index(folder, drives=[name for name in names if name not in failed])
    _say(f"scene features: {count['computed']} frames computed, {count['cached']} from the cache")
    if failed:
        raise InputError(arguments.ingest, f"{len(failed)} drives failed: {', '.join(failed)}", "see the lines above")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    run_stage(main)
