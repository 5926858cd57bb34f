"""Nested settings and results as the flat names that MLflow takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_NOT_ALLOWED: Final = re.compile(r"[^0-9A-Za-z_.\-]+")
_LONGEST: Final = 250  # MLflow's limit on a name


def clean_name(name: str) -> str:
    """Replace what MLflow, or a file name made from it, would refuse."""
    return _NOT_ALLOWED.sub("_", name)[:_LONGEST]


def flatten_numbers(values: Mapping[str, object], *, prefix: str = "") -> dict[str, float]:
    """The numbers in nested mappings and lists, under dotted names: ``social_lstm.movers.ade_m``.

    Args:
        values: As read from JSON. Texts, nulls and truth values are left out: they are no metrics.
        prefix: Put before every name, with a dot.
    """
    leaves = _leaves(values, prefix)
    return {
        clean_name(name): float(value)
        for name, value in leaves
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def flatten_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Every value in nested mappings as text, under dotted names: ``train.width`` -> ``64``."""
    return {clean_name(name): str(value) for name, value in _leaves(values, "")}


def _leaves(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = enumerate(value)
    else:
        yield name, value
        return
    for key, inner in items:
        yield from _leaves(inner, f"{name}.{key}" if name else str(key))
