"""Stage ``pretrain_scene``: the CNN of the scene features learns to see from the training split's frames."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from safetensors.torch import save_file

from pipeline.config import PretrainConfig, SceneConfig, WindowsConfig
from pipeline.files import whole_folder, write_json
from pipeline.ingest.split import TEST, TRAIN, read_split
from pipeline.ingest.store import find_cleans, read_clean
from pipeline.params import load_section, load_sources
from pipeline.pretraining.lessons import Lesson, lessons_of
from pipeline.pretraining.pretrain import pretrain
from pipeline.pretraining.quality import judge, write_pictures
from pipeline.scene.backbone import make_backbone, weights_of
from pipeline.scene.extract import map_shape
from pipeline.stages import run_stage

WEIGHTS = "backbone.safetensors"


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="of the ingest stages")
    parser.add_argument("--split", type=Path, required=True, help="of the split stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights, what they are worth, pictures")
    arguments = parser.parse_args()
    scene, config = load_section("scene_features", SceneConfig), load_section("pretrain_scene", PretrainConfig)
    windows = load_section("windows", WindowsConfig)
    is_used = scene.weights is not None and Path(scene.weights) == arguments.out / WEIGHTS
    backbone = make_backbone(scene.model_copy(update={"weights": None}))
    split = read_split(arguments.split)
    parts: dict[int, list[Lesson]] = {TRAIN: [], TEST: []}
    if is_used and config.epochs:
        for name, folder in find_cleans(arguments.ingest, sources=list(load_sources())).items():
            clean = read_clean(folder, name)
            for part, lessons in parts.items():
                lessons.extend(
                    lessons_of(
                        clean,
                        scene=scene,
                        windows=windows,
                        split=split,
                        part=part,
                        every_s=config.every_s,
                        shape=map_shape(backbone, scene)[1:],
                        stride_px=backbone.stride_px,
                    )
                )
    with whole_folder(arguments.out) as folder:
        quality = None
        if len(parts[TRAIN]) >= config.batch_size:
            pupil = pretrain(backbone, parts[TRAIN], scene=scene, config=config, device="auto")
            if parts[TEST]:
                quality = judge(pupil, parts[TEST], taught=parts[TRAIN], scene=scene)
                write_pictures(folder, pupil, parts[TEST], scene=scene)
            _say(f"pretrain_scene: learned from {len(parts[TRAIN])} frames; held-out: {json.dumps(quality)}")
        elif not is_used:
            _say("pretrain_scene: scene_features.weights names other weights, so nothing is trained")
        else:
            _say("pretrain_scene: too few frames in the training split, so the weights stay random")
        save_file(weights_of(backbone.cpu()), folder / WEIGHTS)
        (folder / WEIGHTS).chmod(0o644)  # safetensors lets the owner alone read
        write_json(folder / "quality.json", {"num_frames": len(parts[TRAIN]), "held_out": quality})


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    run_stage(main)
