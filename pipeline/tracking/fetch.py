"""A registered model's bundle as a local folder: weights and JSON alone, none of the model's code."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mlflow.artifacts import download_artifacts

from pipeline.errors import InputError
from pipeline.tracking.registry import Registered, find
from pipeline.tracking.store import UNREACHABLE, away, open_registry, tracking_uri

_DATA, _MARK = "data", "bundle.json"  # where MLflow puts a model's data; what every bundle holds


@contextmanager
def fetched(uri: str) -> Generator[tuple[Path, Registered]]:
    """Look up a model by its ``models:/`` URI and yield its bundle's folder, temporary, and what it is.

    Raises:
        InputError: There is no such model, it is none of Headway's, or the registry cannot be used.
    """
    try:
        model = find(open_registry(), uri)
    except UNREACHABLE as error:
        raise away(error) from error
    with tempfile.TemporaryDirectory(prefix="headway-model-") as name:
        yield _fetch(model, into=Path(name)), model


def _fetch(model: Registered, *, into: Path) -> Path:
    """Copy a model's bundle into a folder; where it lies there."""
    location = f"{model.location.rstrip('/')}/{_DATA}"
    try:
        download_artifacts(location, dst_path=str(into), tracking_uri=tracking_uri())
    except UNREACHABLE as error:
        what = f"cannot be fetched from {model.location} ({' '.join(str(error).split())[:160]})"
        raise InputError(str(model), what, "see that its files are there: mlflow ui") from error
    found = [path.parent for path in into.rglob(_MARK)]
    if len(found) != 1:
        raise InputError(str(model), f"is no model of Headway's: it has no {_DATA}/*/{_MARK}", "name another one")
    return found[0]
