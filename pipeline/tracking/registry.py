"""Headway's models in the MLflow registry: versions of one registered model, of which one is the champion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from pipeline.errors import InputError
from pipeline.tracking.store import RunStore, describe_uri

NAME: Final = "headway"
CHAMPION: Final = "champion"
VERSION: Final = "headway.version"
"""Tag of a run: the version that its model is registered as."""

_HEADLINE: Final = ("ade_m", "fde_m", "min_ade_6_m", "min_fde_6_m", "nll")
_URI: Final = re.compile(r"models:/(?:(?P<name>[^/:@]+)(?:@(?P<alias>[^/:@]+)|/(?P<version>\d+))|(?P<model_id>m-\w+))")
_ABSENT: Final = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A model that the registry, or a run, holds.

    Attributes:
        name: Of the registered model; None where the model was asked for by its id.
        version: Likewise.
        model_id: MLflow's id of the model; None where the version is of something else.
        run_id: Of the run that made it.
        location: URI of its files.
    """

    name: str | None
    version: int | None
    model_id: str | None
    run_id: str | None
    location: str

    def __str__(self) -> str:
        """``headway/3``, or the model's id."""
        return f"{self.name}/{self.version}" if self.name else str(self.model_id)

    def to_json(self) -> dict[str, str | int | None]:
        """What it is, without where its files are."""
        return {"name": self.name, "version": self.version, "model_id": self.model_id, "run_id": self.run_id}


def register(store: RunStore, run_id: str, *, tested: Mapping[str, float]) -> int:
    """Make the run's model a version of the registered model ``headway``, unless it is one.

    Args:
        store: Where the run is.
        run_id: Of a run with a model that is there whole.
        tested: Metrics on held-out drives by their names in the run, the model's own first. The logged model, to which
            the version leads, has them all; the main ones of movers are also tags of the version.

    Returns:
        The version.
    """
    client = store.client
    there = client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
    if there:
        version = min(int(each.version) for each in there)
    else:
        outputs = client.get_run(run_id).outputs
        assert outputs is not None, run_id
        model_id = outputs.model_outputs[-1].model_id
        _make_registered_model(client)
        movers = "/".join((*next(iter(tested), "").split("/")[:2], "movers"))
        tags = {name: f"{tested[name]:.5g}" for key in _HEADLINE if (name := f"{movers}/{key}") in tested}
        # By this source MLflow's page of the version leads to the model, which has parameters and metrics.
        source = f"models:/{model_id}"
        made = client.create_model_version(NAME, source, run_id, tags=tags, model_id=model_id, await_creation_for=0)
        version = int(made.version)
    store.log(run_id, tags={VERSION: str(version)})
    return version


def find(client: MlflowClient, uri: str) -> Registered:
    """Look up ``models:/headway@champion``, ``models:/headway/3`` or ``models:/<model id>``.

    Raises:
        InputError: It is no such URI, or there is no such model, version or alias.
        UNREACHABLE: The registry cannot be used.
    """
    parts = _URI.fullmatch(uri)
    if parts is None:
        what = "is no model of the registry"
        raise InputError(uri, what, f"write models:/{NAME}@{CHAMPION}, models:/{NAME}/3 or models:/<model id>")
    name, alias, version, model_id = parts.group("name", "alias", "version", "model_id")
    try:
        if model_id:
            model = client.get_logged_model(model_id)
            return Registered(
                name=None,
                version=None,
                model_id=model_id,
                run_id=model.source_run_id,
                location=str(model.artifact_location),
            )
        found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        what = f"is not in the registry at {describe_uri()}"
        todo = f"give a version that alias: headway promote --name {name}" if alias == CHAMPION else "see: mlflow ui"
        raise InputError(uri, what, todo) from error
    return _registered(client, found)


def versions(client: MlflowClient, name: str) -> list[int]:
    """The versions of a registered model, ascending; empty where there is none, or no such model."""
    if not re.fullmatch(r"[^/:'\"]+", name):
        return []
    return sorted(int(each.version) for each in client.search_model_versions(f"name = '{name}'"))


def champion_of(client: MlflowClient, name: str) -> int | None:
    """The version that has the alias ``champion``; None where none has."""
    version = client.get_registered_model(name).aliases.get(CHAMPION)
    return None if version is None else int(version)


def _make_registered_model(client: MlflowClient) -> None:
    try:
        client.create_registered_model(NAME, description="Forecasts of every road user in recorded drives.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _registered(client: MlflowClient, found: ModelVersion) -> Registered:
    model_id = re.fullmatch(r"models:/(m-\w+)", found.source or "")
    return Registered(
        name=found.name,
        version=int(found.version),
        model_id=model_id[1] if model_id else None,
        run_id=found.run_id or None,
        location=client.get_model_version_download_uri(found.name, str(found.version)),
    )
