"""Stage ``baseline``: the plain LSTM that every report shows, the same recipe without neighbours and frames."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.stages import run_stage
from pipeline.training.bundle import write_bundle
from pipeline.training.recipe import Training, load_recipe


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="folder of the windows")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model bundle")
    arguments = parser.parse_args()
    training = Training(arguments.windows, recipe=load_recipe().without_neighbours_and_frames())
    write_bundle(arguments.out, training.bundle(training.trainer.fit()))
    training.clear()


if __name__ == "__main__":
    run_stage(main)
