"""Damage to JSON, most of which stays JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.stress.damage.kinds import Hit, Means, kind

JSON: Final = (".json", ".geojson")
_BOMBS: Final = (
    "[" * 200_000,
    '{"a":' * 100_000,
    "[" * 2000 + "]" * 2000,
    "9" * 6000,
    "-" + "9" * 6000,
    "1e99999",
    '"',
)


def _descend(content: Any, means: Means) -> tuple[list[tuple[Any, Any]], str]:
    """A way down to a random place: (container, key) at each step, and how it is written."""
    way: list[tuple[Any, Any]] = []
    here = content
    while isinstance(here, dict | list) and here and (not way or means.pick(5)):
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = keys[means.pick(len(keys))]
        way.append((here, key))
        here = here[key]
    return way, "".join(f"[{key!r}]" for _, key in way)[:120]


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):  # broken before
        return {}


def _records(path: Path, means: Means, way: list[tuple[Any, Any]]) -> int | None:
    depth = means.record_depth(path)
    return 1 if depth is not None and len(way) >= depth else None


@kind(*JSON)
def json_value(path: Path, means: Means) -> Hit:
    """A value where another one was."""
    content = _load(path)
    way, where = _descend(content, means)
    if way:
        container, key = way[-1]
        container[key] = means.value
    else:
        content = means.value
    path.write_text(json.dumps(content))
    told = f"{where} is {json.dumps(means.value)[:60]}"
    return Hit(told=told, num_records=_records(path, means, way), removed=len(way) < 2)


@kind(*JSON)
def json_values(path: Path, means: Means) -> Hit:
    """One value under a key, wherever the key is."""
    content = _load(path)
    way, _ = _descend(content, means)
    keys = [key for _, key in way if isinstance(key, str)]
    name = keys[-1] if keys else ""

    def replace(here: Any) -> Any:
        if isinstance(here, list):
            return [replace(one) for one in here]
        if isinstance(here, dict):
            return {key: means.value if key == name else replace(one) for key, one in here.items()}
        return here

    path.write_text(json.dumps(replace(content)))
    return Hit(told=f"every {name!r} is {json.dumps(means.value)[:60]}", removed=True)


@kind(*JSON)
def json_drop(path: Path, means: Means) -> Hit:
    """A key or an item is missing."""
    content = _load(path)
    way, where = _descend(content, means)
    if way:
        container, key = way[-1]
        del container[key]
    path.write_text(json.dumps(content))
    return Hit(told=f"{where} dropped", num_records=_records(path, means, way), removed=True)


@kind(*JSON)
def json_twice(path: Path, means: Means) -> Hit:
    """An item is there twice: the same token for two things."""
    content = _load(path)
    way, where = _descend(content, means)
    lists = [index for index, (container, _) in enumerate(way) if isinstance(container, list)]
    if lists:
        container, key = way[lists[means.pick(len(lists))]]
        container.insert(key, container[key])
    path.write_text(json.dumps(content))
    return Hit(told=f"an item on the way to {where} twice")


@kind(*JSON)
def json_swap(path: Path, means: Means) -> Hit:
    """Two keys of one object, or two items of one list, have each other's value."""
    content = _load(path)
    way, where = _descend(content, means)
    if way:
        container, key = way[-1]
        keys = list(container) if isinstance(container, dict) else range(len(container))
        other = keys[means.pick(len(keys))]
        container[key], container[other] = container[other], container[key]
        where += f" with {other!r}"
    path.write_text(json.dumps(content))
    return Hit(told=f"{where} swapped")


@kind(*JSON)
def json_bomb(path: Path, means: Means) -> Hit:
    """Nested a hundred thousand deep, or a number of thousands of digits, where a value was."""
    content = _load(path)
    way, where = _descend(content, means)
    bomb = _BOMBS[means.pick(len(_BOMBS))]
    mark = "\ue000 here \ue000"
    if way:
        container, key = way[-1]
        container[key] = mark
    text = json.dumps(content, ensure_ascii=False).replace(json.dumps(mark, ensure_ascii=False), bomb)
    path.write_text(text if way else bomb, encoding="utf-8", errors="surrogatepass")
    return Hit(told=f"{where} is {bomb[:12]}... of {len(bomb)}", removed=True)
