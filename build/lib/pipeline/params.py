"""How the parameters are read: sections of ``params.yaml`` as their models, each mistake named in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from pipeline.config import Section, Source, TrainConfig
from pipeline.errors import InputError

S = TypeVar("S", bound=Section)


def load_section(section: str, model: type[S], *, path: Path = Path("params.yaml")) -> S:
    """Read one section of ``params.yaml``.

    Raises:
        InputError: The file or section is missing, a key is unknown or missing, or a value has the wrong type;
            the message names it.
    """
    return parse_section(_read(section, path), model, where=f"{path}: {section}")


def load_benchmark(name: str, *, path: Path = Path("params.yaml")) -> TrainConfig:
    """Read the recipe of a benchmark: the section ``train`` with what ``benchmarks`` says otherwise.

    Raises:
        InputError: As ``load_section``; the message names the key.
    """
    benchmarks = _read("benchmarks", path)
    where = f"{path}: benchmarks"
    changes = benchmarks.get(name) if isinstance(benchmarks, dict) else None
    if not isinstance(changes, dict):
        raise InputError(where, f"has no recipe '{name}'", "add it; the repository's own file shows how")
    train = load_section("train", TrainConfig, path=path)
    return parse_section(train.model_dump() | changes, TrainConfig, where=f"{where}.{name}")


def load_sources(*, path: Path = Path("params.yaml")) -> dict[str, Source]:
    """Read the ``sources`` map of ``params.yaml``: source name to where its raw drives lie.

    Raises:
        InputError: As ``load_section``; or there is no source, or a name cannot be that of a folder.
    """
    content = _read("sources", path)
    where = f"{path}: sources"
    if not isinstance(content, dict) or not content:
        raise InputError(where, "holds no source", "add one as name: {format: ..., path: ...}")
    for name in content:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
            raise InputError(where, f"has a source named {name!r}", "use letters, digits, '_', '-' and '.' alone")
    return {name: parse_section(value, Source, where=f"{where}.{name}") for name, value in content.items()}


def _read(section: str, path: Path) -> Any:
    """One section as it stands in the file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            path, f"cannot be read ({error.__class__.__name__})", "restore it from the repository"
        ) from error
    if not isinstance(content, dict) or section not in content:
        raise InputError(path, f"has no section '{section}'", "add it; the repository's own file shows how")
    return content[section]


def parse_section(value: object, model: type[S], *, where: str) -> S:
    """Check one section's values.

    Raises:
        InputError: A key is unknown or missing, or a value has the wrong type; the message names it.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([where, *map(str, first["loc"])])
        what = first["msg"].removeprefix("Value error, ")
        known = ", ".join(model.model_fields)
        raise InputError(key, what[0].lower() + what[1:], f"known keys are {known}") from error
