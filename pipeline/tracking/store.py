"""Where runs are kept: a local SQLite file, or what MLFLOW_TRACKING_URI says."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import InputError

DEFAULT_URI: Final = "sqlite:///mlflow.db"
DEFAULT_EXPERIMENT: Final = "headway"
UNREACHABLE: Final = (MlflowException, SQLAlchemyError, OSError)
"""What MLflow's client raises where its server, database or artifact folder cannot be used."""

_METRICS_PER_CALL: Final = 1000  # MLflow's limits on one call
_OTHERS_PER_CALL: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStore:
    """One experiment in one tracking store.

    Attributes:
        client: MLflow's.
        experiment_id: Of the experiment that runs go to.
    """

    client: MlflowClient
    experiment_id: str

    def find(self, run_id: str) -> Run | None:
        """The run of this id; None where this experiment has none, or it was deleted."""
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        here = run.info.experiment_id == self.experiment_id and run.info.lifecycle_stage == "active"
        return run if here else None

    def find_tagged(self, tag: str, value: str) -> Run | None:
        """The first run of this experiment whose tag has this value; None where there is none."""
        runs = self.client.search_runs(
            [self.experiment_id], filter_string=f"tags.`{tag}` = '{value}'", order_by=["start_time ASC"], max_results=1
        )
        return runs[0] if runs else None

    def logged(self, run: Run) -> set[tuple[str, int]]:
        """Name and step of every metric that the run has."""
        run_id = run.info.run_id
        return {(key, m.step) for key in run.data.metrics for m in self.client.get_metric_history(run_id, key)}

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log in as few calls as MLflow allows. What is logged already, with the same value, is no error."""
        all_params = [Param(key, value) for key, value in (params or {}).items()]
        all_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
        for first in range(0, len(metrics), _METRICS_PER_CALL):
            self.client.log_batch(run_id, metrics=metrics[first : first + _METRICS_PER_CALL])
        for first in range(0, max(len(all_params), len(all_tags)), _OTHERS_PER_CALL):
            chunk = slice(first, first + _OTHERS_PER_CALL)
            self.client.log_batch(run_id, params=all_params[chunk], tags=all_tags[chunk])


def tracking_uri() -> str:
    """Where runs are kept; relative SQLite files are in the working directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def open_store() -> RunStore:
    """Open the tracking store, with its experiment.

    Raises:
        UNREACHABLE: It cannot be used.
    """
    client = _client()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return RunStore(client=client, experiment_id=client.create_experiment(name, _artifact_location()))
    if experiment.lifecycle_stage != "active":
        message = f"the experiment '{name}' was deleted: restore it, or set MLFLOW_EXPERIMENT_NAME"
        raise MlflowException(message)
    return RunStore(client=client, experiment_id=experiment.experiment_id)


def open_registry() -> MlflowClient:
    """A client of the model registry, which is where the runs are; nothing is made.

    Raises:
        InputError: The SQLite file is not there: MLflow would make an empty one.
        UNREACHABLE: It cannot be used.
    """
    path = _sqlite_file()
    if path is not None and not path.exists():
        todo = "run this where dvc repro ran, or set MLFLOW_TRACKING_URI"
        raise InputError("MLflow", f"has no database at {describe_uri()}", todo)
    return _client()


def away(error: BaseException) -> InputError:
    """What a user is told where one of ``UNREACHABLE`` ends the command."""
    todo = "start the server, or unset MLFLOW_TRACKING_URI to use a local file"
    return InputError("MLflow", f"cannot be used at {describe(error)}", todo)


def describe_uri() -> str:
    """Where runs are kept, without a password."""
    uri = tracking_uri()
    return uri.replace(f"{urlsplit(uri).netloc.rpartition('@')[0]}@", "")


def describe(error: BaseException) -> str:
    """Where the store was looked for and what went wrong, in one line and without a password."""
    shown = describe_uri()
    return f"{shown} ({' '.join(str(error).replace(tracking_uri(), shown).split())[:160]})"


def now_ms() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000


def _client() -> MlflowClient:
    # MLflow's registry looks a model up in the store that this names, whatever store the client was made for.
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri()
    return MlflowClient(tracking_uri=tracking_uri())


def _artifact_location() -> str | None:
    """Beside a SQLite file (MLflow's own choice would be the working directory); None leaves it to the server."""
    path = _sqlite_file()
    return None if path is None else (path.absolute().parent / "mlartifacts").as_uri()


def _sqlite_file() -> Path | None:
    """The file of the database; None where it is a server's, or no file."""
    scheme, _, path = tracking_uri().partition(":///")
    path = path.partition("?")[0]
    return Path(path) if scheme == "sqlite" and path not in ("", ":memory:") else None
