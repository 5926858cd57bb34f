"""Judge the social LSTM, the plain LSTM and the baselines on the test split."""

import argparse
from pathlib import Path

from pipeline.config import EvaluateConfig, load_section
from pipeline.evaluation.held_out import evaluate_models
from pipeline.evaluation.plots import write_plots
from pipeline.files import write_json
from pipeline.stages import run_stage
from pipeline.training.bundle import load_bundle
from pipeline.windows.store import read_windows


def main() -> None:
    """``python -m pipeline.stages.evaluate``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="folder of the windows stage")
    parser.add_argument("--model", type=Path, required=True, help="bundle of the train stage")
    parser.add_argument("--baseline", type=Path, required=True, help="bundle of the baseline stage")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder to write")
    paths = parser.parse_args()
    config = load_section("evaluate", EvaluateConfig)
    models = {"social_lstm": load_bundle(paths.model).model, "lstm": load_bundle(paths.baseline).model}
    found = evaluate_models(read_windows(paths.windows), models=models, config=config, where=paths.windows)
    write_plots(paths.plots, found.forecasts, found.windows, config=config, baselines=found.baselines)
    write_json(paths.metrics, found.report)


if __name__ == "__main__":
    run_stage(main)
