"""One training as an MLflow run: buffered metrics, and an honest status whatever ends it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Final, Self

from mlflow.entities import Metric, Run

from pipeline.terminated import Terminated
from pipeline.tracking.environment import environment_tags
from pipeline.tracking.history import History, RunRecord
from pipeline.tracking.names import clean_name, flatten_texts
from pipeline.tracking.store import UNREACHABLE, RunStore, describe, now_ms, open_store

FLUSH_S: Final = 5.0
_CAN_GO_ON: Final = ("RUNNING", "KILLED", "FAILED")


def tracked_run(*, params: Mapping[str, object], tags: Mapping[str, str], resume: str | None = None) -> TrackedRun:
    """Make a run to train within, as a context manager.

    It ends FINISHED, FAILED where an exception ends it, KILLED where SIGINT does, or SIGTERM (see ``terminable``). A
    tracking server that is away never ends a training: one line says so, and ``publish`` logs the run later from the
    training's history.

    Args:
        params: Nested settings; logged under dotted names.
        tags: Data digest, device and the like. Git commit and package versions are added here.
        resume: Id of the run that an interrupted training had. It goes on where it still exists and had not
            finished; otherwise there is a new run.
    """
    return TrackedRun(params=params, tags=tags, resume=resume)


class TrackedRun:
    """A run that is going on; see ``tracked_run``.

    Attributes:
        run_id: MLflow's id; None where the tracking server is away.
    """

    _goes_on: ClassVar[str] = "the training goes on, and the publish stage logs it later"

    def __init__(self, *, params: Mapping[str, object], tags: Mapping[str, str], resume: str | None) -> None:
        self.run_id: str | None = None
        self._run_name: str | None = None
        self._resume = resume
        self._params = flatten_texts(params)
        self._tags = {**environment_tags(), **tags}
        self._started_ms = now_ms()
        self._store: RunStore | None = None
        self._is_away = False
        self._known: set[tuple[str, int]] = set()  # logged before the interruption, so not logged again
        self._waiting: list[Metric] = []
        self._flushed_s = time.monotonic()

    def __enter__(self) -> Self:
        try:
            self._store = open_store()
            self._begin(self._store)
        except UNREACHABLE as error:
            self._go_on_without(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._store is None or self.run_id is None:
            return
        is_killed = kind is not None and issubclass(kind, KeyboardInterrupt | Terminated)
        status = "FINISHED" if kind is None else "KILLED" if is_killed else "FAILED"
        try:  # also where the server was away in between: it may be back
            self._flush(self._store, self.run_id)
            self._store.client.set_terminated(self.run_id, status)
        except UNREACHABLE as reason:
            self._go_on_without(reason)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log one epoch's metrics; sent every ``FLUSH_S`` seconds and at the end."""
        if self._store is None or self.run_id is None:
            return
        named = {clean_name(name): float(value) for name, value in metrics.items()}
        stamp_ms = now_ms()
        self._waiting += [
            Metric(name, value, stamp_ms, epoch) for name, value in named.items() if (name, epoch) not in self._known
        ]
        if self._is_away or time.monotonic() - self._flushed_s < FLUSH_S:
            return
        try:
            self._flush(self._store, self.run_id)
        except UNREACHABLE as error:
            self._go_on_without(error)

    def history(self, epochs: Sequence[Mapping[str, float]]) -> History:
        """This run as a history that ends now.

        Args:
            epochs: The metrics of all epochs, those before an interruption included.
        """
        record = RunRecord(
            run_id=self.run_id,
            run_name=self._run_name,
            started_ms=self._started_ms,
            ended_ms=now_ms(),
            params=self._params,
            tags=self._tags,
        )
        return History(record=record, epochs=epochs)

    def _begin(self, store: RunStore) -> None:
        """Go on with the interrupted run, or start one."""
        run = store.find(self._resume) if self._resume else None
        if run is not None and run.info.status in _CAN_GO_ON:
            self._take(run)
            self._started_ms = run.info.start_time
            self._known = store.logged(run)
            store.client.update_run(run.info.run_id, status="RUNNING")
        else:
            self._take(run := store.client.create_run(store.experiment_id, start_time=self._started_ms))
        missing = {name: value for name, value in self._params.items() if name not in run.data.params}
        store.log(run.info.run_id, params=missing, tags=self._tags)

    def _take(self, run: Run) -> None:
        self.run_id, self._run_name = run.info.run_id, run.info.run_name

    def _flush(self, store: RunStore, run_id: str) -> None:
        store.log(run_id, metrics=self._waiting)
        self._waiting.clear()
        self._flushed_s = time.monotonic()

    def _go_on_without(self, error: BaseException) -> None:
        if not self._is_away:
            sys.stderr.write(f"headway: MLflow cannot be used at {describe(error)}; {self._goes_on}\n")
        self._is_away = True
