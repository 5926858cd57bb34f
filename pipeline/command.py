"""What the sub-commands of ``headway`` share: their options, and how they speak."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import InputError, one_line

if TYPE_CHECKING:
    from pipeline.drives.map import DriveMap

Params = Annotated[Path, typer.Option(help="The file of parameters.", metavar="FILE")]
Model = Annotated[
    str,
    typer.Option(
        help="A folder that training wrote, or one of the MLflow registry: models:/headway@champion,"
        " models:/headway/3, models:/<model id>.",
        metavar="MODEL",
    ),
]
Ingest = Annotated[
    Path | None,
    typer.Option(
        help="Folder of clean drives by source, whose maps the off-road rates need; by default the folder ingest beside"
        " the windows, where there is one.",
        metavar="DIR",
    ),
]
Format = Annotated[str, typer.Option("--format", help="Raw format of the drives: auto, or a format's name.")]


def maps_of(ingest: Path | None, *, windows: Path, params: Path) -> Mapping[str, DriveMap]:
    """The maps of the drives that windows were made from; none where nobody says where they are."""
    from pipeline.ingest.store import find_maps  # noqa: PLC0415
    from pipeline.params import load_sources  # noqa: PLC0415

    beside = windows.resolve().parent / "ingest"
    if ingest is None and not beside.is_dir():
        return {}
    return find_maps(ingest or beside, sources=list(load_sources(path=params)))


@contextmanager
def bundle_folder(model: str) -> Generator[tuple[Path, Mapping[str, object] | None]]:
    """Yield the folder of a model that is named by its folder, an address, or a ``models:/`` URI of the registry.

    What is not here is copied into a temporary folder; of the model's files only the weights and the JSON.

    Returns:
        The folder, and what is told of a registered model: as what it was asked for, name, version, MLflow's ids.

    Raises:
        InputError: The registry or the store has no such model, or cannot be used.
    """
    if not model.startswith("models:"):
        from pipeline.remote import place_of  # noqa: PLC0415

        place = place_of(model)
        if isinstance(place, Path):
            yield place, None
            return
        from pipeline.scoring.model_files import fetched_model  # noqa: PLC0415

        with fetched_model(place) as folder:
            yield folder, {"folder": one_line(str(place))}
        return
    from pipeline.tracking.fetch import fetched  # noqa: PLC0415

    with fetched(model) as (folder, found):
        yield folder, {"uri": one_line(model), **found.to_json()}


def may_replace(folder: Path, *, mark: str) -> None:
    """Refuse to replace a folder that holds something else than an earlier result.

    Raises:
        InputError: It is a file, a folder with content but without the file ``mark``, or where the user is.
    """
    if Path.cwd().is_relative_to(folder.resolve()):
        raise InputError(folder, "is the current folder or holds it, and would be replaced", "give a new folder")
    if folder.is_dir() and ((folder / mark).is_file() or next(folder.iterdir(), None) is None):
        return
    if folder.exists():
        what = f"is there already and is no earlier result (it has no {mark})"
        raise InputError(folder, what, "give a new folder, nothing of yours is deleted")


def say(line: str) -> None:
    """Tell people something in one line on standard error."""
    sys.stderr.write(f"headway: {one_line(line)}\n")
