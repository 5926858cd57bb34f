"""The trained bundle as a model in MLflow: data, the code that reads it, signature and requirements; no pickle."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Final

import mlflow
import pyarrow as pa
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

import models
import pipeline
from pipeline.drives.neutral import TRACK_NUMBERS
from pipeline.scoring.table import SCHEMA
from pipeline.tracking.environment import package_versions
from pipeline.tracking.store import RunStore

NAME: Final = "model"
_LOADER: Final = "pipeline.tracking.pyfunc"
_NOT_FOR_SERVING: Final = ("dvc", "matplotlib", "typer")
_TYPES: Final = {
    pa.string(): DataType.string,
    pa.int64(): DataType.long,
    pa.int16(): DataType.integer,
    pa.float32(): DataType.float,
    pa.float64(): DataType.double,
}


def log_model(store: RunStore, run_id: str, model_dir: Path) -> str:
    """Log the bundle as the run's model; one that is there whole is kept, an unfinished one replaced.

    Through the client and not ``mlflow.pyfunc.log_model``, which works on the process's active run and tracking
    server only.

    Returns:
        MLflow's id of the model.
    """
    client, run = store.client, store.client.get_run(run_id)
    model_id = None
    for there in client.search_logged_models([store.experiment_id], filter_string=f"source_run_id = '{run_id}'"):
        if there.status == LoggedModelStatus.READY:
            model_id = there.model_id
        else:
            client.delete_logged_model(there.model_id)
    if model_id is None:
        model_id = _log_new(store, run, model_dir)
    outputs = run.outputs.model_outputs if run.outputs is not None else []
    if model_id not in {output.model_id for output in outputs}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def _log_new(store: RunStore, run: Run, model_dir: Path) -> str:
    client, run_id = store.client, run.info.run_id
    logged = client.create_logged_model(
        store.experiment_id, name=NAME, source_run_id=run_id, params=run.data.params, model_type="forecaster"
    )
    description = Model(artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id)
    with tempfile.TemporaryDirectory() as name:
        _save(Path(name) / NAME, model_dir=model_dir, description=description)
        client.log_model_artifacts(logged.model_id, str(Path(name) / NAME))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    return logged.model_id


def signature() -> ModelSignature:
    """The neutral layout's table of tracks in, the forecast table out."""
    texts = {"timestamp_ns": DataType.long, "track_id": DataType.string, "category": DataType.string}
    columns = {**texts, **dict.fromkeys(TRACK_NUMBERS, DataType.double)}
    inputs = Schema([ColSpec(kind, name) for name, kind in columns.items()])
    outputs = Schema([ColSpec(_column_type(field.type), field.name) for field in SCHEMA])
    return ModelSignature(inputs=inputs, outputs=outputs)


def _save(folder: Path, *, model_dir: Path, description: Model) -> None:
    """Write the folder that MLflow takes as a model."""
    # That an environment made by uv has no pip is no news.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The signature is given, so no example input is needed; the other is of MLflow's own types, at its import.
        warnings.filterwarnings("ignore", message=".*(input example was not provided|inferred as AnyType)")
        mlflow.pyfunc.save_model(
            path=str(folder),
            loader_module=_LOADER,
            data_path=str(model_dir),
            code_paths=[package.__path__[0] for package in (models, pipeline)],
            signature=signature(),
            pip_requirements=_requirements(),  # left out, MLflow would load the model to guess them, for nine seconds
            mlflow_model=description,
        )


def _column_type(kind: pa.DataType) -> DataType | Array:
    return Array(_TYPES[kind.value_type]) if isinstance(kind, pa.ListType) else _TYPES[kind]


def _requirements() -> list[str]:
    """Pins of what the code needs; a local build's suffix (torch's ``+cpu``) is no registry's version."""
    versions = {name: text for name, text in package_versions().items() if name not in _NOT_FOR_SERVING}
    return [f"{name}=={text.partition('+')[0]}" for name, text in versions.items()]
