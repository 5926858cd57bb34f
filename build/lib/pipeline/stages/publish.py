"""Stage ``publish``: make sure that the tracking server has the run of this very result."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from pipeline.stages import run_stage


def main() -> None:
    """Run the stage."""
    from pipeline.tracking.publish import publish  # noqa: PLC0415  # below: after the collector is switched off

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model bundle")
    parser.add_argument("--history", type=Path, required=True, help="folder of the training's history")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics on held-out drives, JSON")
    parser.add_argument("--plots", type=Path, required=True, help="folder of figures and tables")
    arguments = parser.parse_args()
    run_id = publish(
        arguments.model, history_dir=arguments.history, metrics_path=arguments.metrics, plots_dir=arguments.plots
    )
    sys.stdout.write(f"MLflow has this result as run {run_id}; to look at it: mlflow ui\n")


if __name__ == "__main__":
    # This stage runs at every `dvc repro` and mostly imports MLflow's two thousand modules, which leave no garbage:
    # looking for it takes a fifth of the time.
    gc.disable()
    run_stage(main)
