"""Stage ``train``: the social LSTM, as a run in MLflow that goes on where a killed one stopped."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.progress import quiet
from pipeline.stages import run_stage
from pipeline.tracking.history import write_history
from pipeline.tracking.run import tracked_run
from pipeline.training.bundle import write_bundle
from pipeline.training.recipe import Recipe, Training, load_recipe


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="folder of the windows")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model bundle")
    parser.add_argument("--history", type=Path, required=True, help="folder for the training's history")
    arguments = parser.parse_args()
    train(arguments.windows, recipe=load_recipe(), out=arguments.out, history=arguments.history)


def train(windows: Path, *, recipe: Recipe, out: Path, history: Path) -> None:
    """Train on stored windows as a tracked run; write the bundle to ``out`` and what MLflow has to ``history``.

    Of several processes, which ``torchrun`` started, the first one tracks and writes.

    Raises:
        InputError: The windows cannot be read, do not fit the recipe, or cannot be trained on.
    """
    training = Training(windows, recipe=recipe)
    trainer = training.trainer
    if not trainer.fabric.is_global_zero:
        with quiet():
            trainer.fit()
        return
    with tracked_run(params=training.recipe.params(), tags=training.tags, resume=trainer.run_id) as run:
        trainer.run_id = run.run_id
        fitted = trainer.fit(on_epoch=run.log)
        write_bundle(out, training.bundle(fitted))
        write_history(history, run.history(fitted.history))
    training.clear()


if __name__ == "__main__":
    run_stage(main)
