"""Nested settings and results as the flat names that MLflow takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_NOT_ALLOWED: Final = re.compile(r"[^0-9A-Za-z_.\-/]+")
_LONGEST: Final = 250  # MLflow's limit on a name


def clean_name(name: str) -> str:
    """Replace what MLflow, or a file name made from it, would refuse."""
    return _NOT_ALLOWED.sub("_", name)[:_LONGEST]


def flatten_numbers(values: Mapping[str, object], *, prefix: str) -> dict[str, float]:
    """The numbers in nested mappings and lists: ``test/social_lstm/movers/ade_m``.

    MLflow's pages show what stands before the last slash as one section.

    Args:
        values: As read from JSON. Texts, nulls and truth values are left out: they are no metrics.
        prefix: The first part of every name.
    """
    return {
        clean_name("/".join((prefix, *path))): float(value)
        for path, value in _leaves(values)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def flatten_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Every value in nested mappings and lists as text, named as DVC names it: ``train.width`` -> ``64``."""
    return {clean_name(".".join(path)): str(value) for path, value in _leaves(values)}


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = enumerate(value)
    else:
        yield path, value
        return
    for key, inner in items:
        # A slash within a key would look like another level.
        yield from _leaves(inner, (*path, str(key).replace("/", "_")))
