"""Judge the social LSTM, the plain LSTM and the baselines on the test split."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation.camera_plots import write_camera_plots
from pipeline.evaluation.held_out import evaluate_models
from pipeline.evaluation.offroad import NO_MAPS
from pipeline.evaluation.plots import write_plots
from pipeline.files import write_json
from pipeline.ingest.store import find_cleans, find_maps
from pipeline.params import load_section, load_sources
from pipeline.stages import run_stage
from pipeline.training.bundle import check_frames, load_bundle
from pipeline.windows.store import read_extra, read_windows


def main() -> None:
    """``python -m pipeline.stages.evaluate``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="folder of the windows stage")
    parser.add_argument("--ingest", type=Path, required=True, help="of the ingest stages; for the drives' maps")
    parser.add_argument("--scene-features", type=Path, help="of the scene_features stages; for what cameras saw")
    parser.add_argument("--model", type=Path, required=True, help="bundle of the train stage")
    parser.add_argument("--baseline", type=Path, required=True, help="bundle of the baseline stage")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder to write")
    paths = parser.parse_args()
    config = load_section("evaluate", EvaluateConfig)
    models = {"social_lstm": paths.model, "lstm": paths.baseline}
    maps = find_maps(paths.ingest, sources=list(load_sources()))
    cleans = find_cleans(paths.ingest, sources=list(load_sources()))
    seen = {name: paths.scene_features / folder.name for name, folder in cleans.items()} if paths.scene_features else {}
    evaluate(
        paths.windows,
        models=models,
        config=config,
        metrics=paths.metrics,
        plots=paths.plots,
        maps=maps,
        cleans=cleans,
        features=seen,
    )


def evaluate(
    windows: Path,
    *,
    models: Mapping[str, Path],
    config: EvaluateConfig,
    metrics: Path,
    plots: Path,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    cleans: Mapping[str, Path] | None = None,
    features: Mapping[str, Path] | None = None,
) -> None:
    """Judge bundles by name, and the baselines, on the test split; write the report and the plots.

    Args:
        windows: Folder of the windows stage.
        models: Bundle by name; the first is compared with all the others.
        config: The section ``evaluate``.
        metrics: JSON to write.
        plots: Folder to write.
        maps: By drive name, for the off-road rates and under the drawn scenes.
        cleans: Folder of the clean tables by drive name; for pictures of what cameras saw.
        features: Likewise of the scene features; without them there are none.

    Raises:
        InputError: The windows or a bundle cannot be read, or they do not fit each other.
    """
    bundles = {name: load_bundle(folder) for name, folder in models.items()}
    made_by = read_extra(windows).get("backbone", "")
    for name, bundle in bundles.items():
        todo = "run the pretrain_scene, scene_features and windows stages with its parameters, or judge another model"
        check_frames(bundle, made_by=made_by, where=windows, name=name, todo=todo)
    forecasters = {name: bundle.model for name, bundle in bundles.items()}
    found = evaluate_models(read_windows(windows), models=forecasters, config=config, where=windows, maps=maps)
    first, bundle = next(iter(bundles.items()))

    def what_cameras_saw(folder: Path) -> None:
        if features:
            write_camera_plots(
                folder,
                found.windows,
                model=bundle.model,
                forecasts=found.forecasts[first],
                cleans=cleans or {},
                features=features,
                max_age_s=bundle.windows.frame_spacing_s,
            )

    write_plots(
        plots,
        found.forecasts,
        found.windows,
        config=config,
        baselines=found.baselines,
        maps=maps,
        more=what_cameras_saw,
    )
    write_json(metrics, found.report)


if __name__ == "__main__":
    run_stage(main)
