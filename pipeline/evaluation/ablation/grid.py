"""Which combinations of parameters an ablation trains."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml

from pipeline.config import TrainConfig
from pipeline.errors import InputError
from pipeline.params import parse_section

Changes = Mapping[str, Any]  # keys of the section train with their values
_TODO = "write it as KEY=V1,V2,... with keys of the section train"


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """One set of parameters.

    Attributes:
        changes: What tells it from the other ones: each varied key with its value; one by one, that which differs.
        train: The whole section; its seed is replaced.
    """

    changes: Changes
    train: TrainConfig

    @property
    def name(self) -> str:
        """``cell=lstm interaction=none``; ``default`` where nothing is changed."""
        return _name(self.changes)


def combinations(vary: Sequence[str], *, base: TrainConfig, one_by_one: bool = False) -> list[Combination]:
    """The combinations of a grid, the one that all others are compared with first.

    That one is what the section says, where the grid holds it, and otherwise the first of the grid.

    Args:
        vary: ``KEY=V1,V2,...`` of the section ``train``, values as in YAML.
        base: The section; what is not varied stays so.
        one_by_one: Only the section as it is, and what differs from it in one key, instead of all combinations.

    Raises:
        InputError: A key, a value or a combination cannot be, one is there twice, or nothing varies.
    """
    values = dict(_parsed(vary, base=base))
    if one_by_one:
        wanted: list[Changes] = [{}]
        wanted += [{key: v} for key, several in values.items() for v in several if v != getattr(base, key)]
    else:
        wanted = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
        # A stable sort: the rest stay in their order.
        wanted.sort(key=lambda changes: any(value != getattr(base, key) for key, value in changes.items()))
    if len(wanted) < 2:
        raise InputError("--vary", "makes no combination to compare", "name at least one other value of a key")
    return _checked(wanted, base=base)


def text(value: object) -> str:
    """A value as it is written in ``params.yaml``."""
    return value if isinstance(value, str) else json.dumps(value)


def _parsed(vary: Sequence[str], *, base: TrainConfig) -> Iterator[tuple[str, list[Any]]]:
    """Keys with their values, each checked by itself."""
    seen: set[str] = set()
    for argument in vary:
        key, equals, texts = argument.partition("=")
        where = f"--vary {argument}"
        if not equals or not key or not texts:
            raise InputError(where, "is not KEY=V1,V2,...", _TODO)
        if key in seen:
            raise InputError(where, f"varies {key} a second time", "give all its values at once")
        if key == "seed":
            raise InputError(where, "is not varied here", "give the number of trainings: --seeds 3")
        seen.add(key)
        values = [_value(each, key=key, base=base, where=where) for each in texts.split(",")]
        if len({text(value) for value in values}) < len(values):
            raise InputError(where, "names a value twice", "leave one out")
        yield key, values


def _value(written: str, *, key: str, base: TrainConfig, where: str) -> Any:
    """One value as the section has it."""
    section = f"{where}: train"
    try:
        value = yaml.safe_load(written)
    except yaml.YAMLError as error:
        raise InputError(where, f"has the value {written!r}, which is no YAML", _TODO) from error
    try:
        checked = parse_section(base.model_dump() | {key: value}, TrainConfig, where=section)
    except InputError as error:
        if error.where == section:  # not the value itself, but how it goes with others: see _checked
            return value
        raise
    return getattr(checked, key)


def _checked(wanted: Sequence[Changes], *, base: TrainConfig) -> list[Combination]:
    found: list[Combination] = []
    refused: list[str] = []
    for changes in wanted:
        try:
            train = parse_section({**base.model_dump(), **changes}, TrainConfig, where="train")
            found.append(Combination(changes=changes, train=train))
        except InputError as error:
            refused.append(f"{_name(changes)}: {error.what}")
    if refused:
        raise InputError("--vary", f"makes combinations that cannot be ({'; '.join(refused)})", "leave them out")
    return found


def _name(changes: Changes) -> str:
    return " ".join(f"{key}={text(value)}" for key, value in changes.items()) or "default"
