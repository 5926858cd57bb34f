"""An ablation in MLflow: one parent run with its table, and below it a run for each training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from pipeline.evaluation.ablation.child import Child, Plan, held_out_scenes
from pipeline.evaluation.ablation.grid import Combination
from pipeline.evaluation.ablation.study import Results, summarise, train_all
from pipeline.evaluation.ablation.table import markdown
from pipeline.files import whole_folder, write_json
from pipeline.tracking.names import clean_name, flatten_numbers, flatten_texts
from pipeline.tracking.run import TrackedRun
from pipeline.tracking.store import UNREACHABLE, RunStore
from pipeline.windows.store import windows_digest

RESULTS, TABLE = "results.json", "table.md"


def ablate(
    plan: Plan,
    *,
    combinations: Sequence[Combination],
    seeds: Sequence[int],
    out: Path,
    num_processes: int | None = None,
) -> Results:
    """Train and judge a grid as tracked runs; write the results and their table.

    Broken off at any moment and called again, it trains again only what was not done: finished trainings are judged
    anew and logged below a new parent run. Their states are forgotten when all is written.

    Args:
        plan: What all trainings share.
        combinations: The first is the one that all others are compared with.
        seeds: One training of each combination with each.
        out: Folder for ``results.json`` and ``table.md``; replaced whole.
        num_processes: At most this many trainings at once; as many as there are processors by default.

    Raises:
        InputError: The windows cannot be read or trained on.
    """
    held_out_scenes(plan)  # where there is none, nothing is begun
    with AblationRun(plan, combinations=combinations, seeds=seeds) as run:
        children = train_all(
            plan, combinations=combinations, seeds=seeds, on_child=run.log_child, num_processes=num_processes
        )
        results = summarise(children, combinations=combinations, plan=plan)
        with whole_folder(out) as folder:
            write_json(folder / RESULTS, results)
            (folder / TABLE).write_text(markdown(results), encoding="utf-8")
        run.log_files(out / RESULTS, out / TABLE)
    for child in children:
        child.checkpoint.unlink(missing_ok=True)
    return results


class AblationRun(TrackedRun):
    """The parent run, as a context manager: it ends FINISHED, FAILED or KILLED as a training's does.

    Args:
        plan: What all trainings share.
        combinations: The first is the one that all others are compared with.
        seeds: One training of each combination with each.

    Raises:
        InputError: The windows cannot be read.
    """

    _goes_on: ClassVar[str] = "the ablation goes on, and what it finds is in its folder alone"

    def __init__(self, plan: Plan, *, combinations: Sequence[Combination], seeds: Sequence[int]) -> None:
        keys = dict.fromkeys(key for combination in combinations for key in combination.changes)
        study = {
            "reference": combinations[0].name,
            "combinations": {number: each.name for number, each in enumerate(combinations)},
            "seeds": ",".join(map(str, seeds)),
        }
        params = plan.recipe.params() | {"evaluate": plan.evaluate.model_dump(), "ablation": study}
        tags = {"headway.data": windows_digest(plan.windows), MLFLOW_RUN_NAME: f"ablation of {', '.join(keys)}"}
        super().__init__(params=params, tags=tags, resume=None)

    def log_child(self, child: Child) -> None:
        """Log a training that is done, with its epochs and its metrics on the test split."""
        if self._store is None or self.run_id is None:
            return
        try:
            self._log_child(self._store, self.run_id, child)
        except UNREACHABLE as error:
            self._go_on_without(error)

    def log_files(self, *paths: Path) -> None:
        """Log files as the parent's artifacts."""
        if self._store is None or self.run_id is None:
            return
        try:
            for path in paths:
                self._store.client.log_artifact(self.run_id, str(path))
        except UNREACHABLE as error:
            self._go_on_without(error)

    def _log_child(self, store: RunStore, parent_id: str, child: Child) -> None:
        name = f"{child.combination.name} seed={child.seed}"
        run = store.client.create_run(
            store.experiment_id, start_time=child.started_ms, tags={MLFLOW_PARENT_RUN_ID: parent_id}, run_name=name
        )
        run_id = run.info.run_id
        # Of an epoch no time is kept: they are spread evenly.
        step_ms = (child.ended_ms - child.started_ms) / len(child.history)
        curves = [
            Metric(clean_name(key), value, round(child.started_ms + (epoch + 1) * step_ms), epoch)
            for epoch, metrics in enumerate(child.history)
            for key, value in metrics.items()
        ]
        minutes = {} if child.minutes is None else {"train_minutes": child.minutes}
        single = {"num_parameters": child.num_parameters, "best_epoch": child.best_epoch, **minutes}
        tested = flatten_numbers(child.test, prefix="test") | single
        last = [Metric(key, float(value), child.ended_ms, 0) for key, value in tested.items()]
        tags = {**self._tags, MLFLOW_RUN_NAME: name, **child.tags}
        store.log(run_id, metrics=curves + last, params=flatten_texts(child.params), tags=tags)
        store.client.set_terminated(run_id, "FINISHED", end_time=child.ended_ms)
