"""Stage ``forecast``: forecasts of the drives that judge, in the tables that ``headway score`` writes."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.files import whole_folder
from pipeline.ingest.split import read_split
from pipeline.ingest.store import find_cleans, read_clean
from pipeline.params import load_sources
from pipeline.progress import track
from pipeline.scene.extract import pick_device
from pipeline.scene.store import SceneFeatures, read_features
from pipeline.scoring.forecast import DriveForecast, forecast_windows
from pipeline.scoring.manoeuvres import manoeuvres_file, write_manoeuvres
from pipeline.scoring.table import write_table
from pipeline.stages import run_stage
from pipeline.training.bundle import load_bundle
from pipeline.windows.build import build_windows


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=Path, required=True, help="of the ingest stages")
    parser.add_argument("--scene-features", type=Path, required=True, help="of the scene_features stages")
    parser.add_argument("--split", type=Path, required=True, help="of the split stage")
    parser.add_argument("--model", type=Path, required=True, help="bundle of the train stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables of each drive")
    paths = parser.parse_args()
    bundle, device = load_bundle(paths.model), pick_device("auto")
    test = read_split(paths.split).drives("test")
    folders = find_cleans(paths.ingest, sources=list(load_sources()))
    with whole_folder(paths.out) as out:
        for name in track(test, total=len(test), description="forecast"):
            clean = read_clean(folders[name], name)
            features = (
                read_features(paths.scene_features / folders[name].name, name)
                if bundle.backbone is not None
                else SceneFeatures.empty(clean, bundle.model.config.scene_channels)
            )
            windows = build_windows([clean], {name: features}, config=bundle.windows, split=None)
            forecasts, health = forecast_windows(bundle, windows, device=device)
            forecast = DriveForecast(
                name=name,
                windows=windows,
                forecasts=forecasts,
                health=health,
                scene_scores=bundle.familiar.scene_scores(windows),
            )
            write_manoeuvres(manoeuvres_file(out / f"{name}.parquet"), forecast)
            write_table(out / f"{name}.parquet", forecast)


if __name__ == "__main__":
    run_stage(main)
