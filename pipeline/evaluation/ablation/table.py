"""The results of an ablation for people: as plain text, and as one table in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.evaluation.ablation.grid import text
from pipeline.evaluation.seeds import SHOWN_SLICES

_NOTHING: Final = "-"
Cells = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Some columns of the table, a row for each combination.

    Attributes:
        title: Of whom or what they are.
        header: A column each.
        rows: In the order of the combinations.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def plain_lines(results: Mapping[str, Any]) -> Iterator[str]:
    """A table for each slice with a line for each combination, then one of manoeuvres and one of costs."""
    yield _note(results)
    names = _names(results)
    for block in _blocks(results):
        yield ""
        yield block.title
        rows = [[*left, *right] for left, right in zip(names.rows, block.rows, strict=True)]
        table = [[*names.header, *block.header], *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            yield "  " + "  ".join(map(str.ljust, row, widths)).rstrip()


def markdown(results: Mapping[str, Any]) -> str:
    """The same columns side by side."""
    names, blocks = _names(results), list(_blocks(results))
    header = [*names.header, *(f"{block.title}: {title}" for block in blocks for title in block.header)]
    rows = [
        [*name, *(cell for block in blocks for cell in block.rows[number])] for number, name in enumerate(names.rows)
    ]
    lines = [f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows]]
    return "\n".join([*lines, "", _note(results), ""])


def _note(results: Mapping[str, Any]) -> str:
    seeds = results["seeds"]
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))} together"
    return (
        f"Test split, {which}; errors in m. Differences: less the reference ({results['reference']}), "
        "paired, with 95 % intervals by bootstrap over tracks; below zero is better than the reference."
    )


def _names(results: Mapping[str, Any]) -> _Block:
    """What tells the combinations apart: a column for each key where all have the same keys."""
    changes: list[Cells] = [found["changes"] for found in results["combinations"].values()]
    keys = list(changes[0])
    if keys and all(list(each) == keys for each in changes):
        return _Block(title="", header=keys, rows=[[text(value) for value in each.values()] for each in changes])
    return _Block(title="", header=["combination"], rows=[[name] for name in results["combinations"]])


def _blocks(results: Mapping[str, Any]) -> Iterator[_Block]:
    found: list[Cells] = list(results["combinations"].values())
    for part in SHOWN_SLICES:
        if part in found[0]["test"]:
            yield _block(part, _SLICE, [_Row(test=each["test"], part=part) for each in found])
    told = _block("manoeuvres of movers", _MANOEUVRES, [_Row(test=each["test"], part="movers") for each in found])
    if told.header:
        yield told
    costs = [
        [
            f"{each['num_parameters']:,}",
            _NOTHING if each["train_minutes"] is None else f"{each['train_minutes']:.1f}",
            " ".join(str(epoch + 1) for epoch in each["best_epochs"]),
        ]
        for each in found
    ]
    yield _Block(title="cost", header=["parameters", "minutes of a training", "best epochs"], rows=costs)


def _block(title: str, columns: Mapping[str, Callable[[_Row], str]], rows: Sequence[_Row]) -> _Block:
    """Without the columns that nobody has."""
    cells = {name: [column(row) for row in rows] for name, column in columns.items()}
    kept = {name: column for name, column in cells.items() if set(column) != {_NOTHING}}
    return _Block(title=title, header=list(kept), rows=list(zip(*kept.values(), strict=True)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One combination on one slice.

    Attributes:
        test: As of ``judged.compare``.
        part: The slice.
    """

    test: Cells
    part: str

    def pair(self, first: str, second: str, digits: int = 3) -> str:
        """Two metrics: ``1.072/3.091``."""
        own = self.test.get(self.part, {})
        return f"{own[first]:.{digits}f}/{own[second]:.{digits}f}" if first in own and second in own else _NOTHING

    def one(self, metric: str) -> str:
        """One metric."""
        own = self.test.get(self.part, {})
        return f"{own[metric]:.3f}" if metric in own else _NOTHING

    def less(self, metric: str) -> str:
        """Its difference from the reference's, with the interval where there is one."""
        own = self.test.get("difference", {}).get(self.part, {})
        if metric not in own:
            return _NOTHING
        ends = [format(own[f"{metric}{end}"], "+.3f") for end in ("_low", "_high") if f"{metric}{end}" in own]
        return f"{own[metric]:+.3f}" + (f" [{', '.join(ends)}]" if ends else "")

    def missed(self) -> str:
        """The share of misses, single and best of six."""
        names = [name for name in self.test.get(self.part, {}) if name.startswith("miss_rate")]
        single = [name for name in names if "_best_of_" not in name and not name.endswith(("_low", "_high"))]
        return self.pair(single[0], f"{single[0]}_best_of_6", 2) if single else _NOTHING


_SLICE: Final[Mapping[str, Callable[[_Row], str]]] = {
    "ADE/FDE": lambda row: row.pair("ade_m", "fde_m"),
    "best of 6 ADE/FDE": lambda row: row.pair("min_ade_6_m", "min_fde_6_m"),
    "ADE difference": lambda row: row.less("ade_m"),
    "FDE difference": lambda row: row.less("fde_m"),
    "missed (single/of 6)": lambda row: row.missed(),
    "overlaps": lambda row: row.one("overlap_rate"),
}
_MANOEUVRES: Final[Mapping[str, Callable[[_Row], str]]] = {
    "direction F1/Brier": lambda row: row.pair("direction_macro_f1", "direction_brier"),
    "pace F1/Brier": lambda row: row.pair("pace_macro_f1", "pace_brier"),
}
