"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

from pipeline.speed.clock import Contestant, Taken

PRODUCT: Final = "matrix product"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """Of one contestant.

    Attributes:
        part: Of the benchmark.
        name: Of the contestant.
        taken: By it.
        agents: Whose windows one run goes through.
        scenes: Of these.
        ratios: To each reference, by name, of the time per agent, repeat by repeat.
    """

    part: str
    name: str
    taken: Taken
    agents: int
    scenes: int
    ratios: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])

    @property
    def seconds(self) -> float:
        """The median."""
        return median(self.taken.seconds)

    def to_json(self) -> dict[str, Any]:
        """All that the table shows, and more."""
        return {
            "part": self.part,
            "name": self.name,
            "agents": self.agents,
            "scenes": self.scenes,
            "milliseconds": _spread([1000.0 * second for second in self.taken.seconds]),
            "agents_per_s": self.agents / self.seconds,
            "scenes_per_s": self.scenes / self.seconds,
            "peak_mb": self.taken.peak_bytes / 2**20,
            "gflop": self.taken.flops / 1e9,
            "ratios": {name: _spread(values) for name, values in self.ratios.items()},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """What a figure was to reach.

    Attributes:
        what: Is measured.
        value: Of it.
        bar: To be reached.
        at_most: No more than the bar; otherwise no less.
    """

    what: str
    value: float
    bar: float
    at_most: bool

    @property
    def holds(self) -> bool:
        """It is reached."""
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def to_json(self) -> dict[str, Any]:
        """The same, with the verdict."""
        bound = "at most" if self.at_most else "at least"
        return {"what": self.what, "value": self.value, bound.replace(" ", "_"): self.bar, "holds": self.holds}

    def line(self) -> str:
        """For people."""
        sign, verdict = "at most" if self.at_most else "at least", "holds" if self.holds else "MISSED"
        return f"{verdict:8}{self.what}: {self.value:,.3g} ({sign} {self.bar:,g})"


def measures(
    part: str, contestants: Mapping[str, Contestant], *, taken: Mapping[str, Taken], references: Sequence[str]
) -> list[Measure]:
    """Put what was taken beside the references, each repeat beside its own.

    Args:
        part: Of the benchmark.
        contestants: By name.
        taken: By each.
        references: Names of some of them. Where ``PRODUCT`` is one, it is asked for as many FLOPs as the other had.
    """

    def per_agent(name: str) -> list[float]:
        return [second / contestants[name].agents for second in taken[name].seconds]

    found: list[Measure] = []
    for name, one in contestants.items():
        ratios = {
            reference: [own / other for own, other in zip(per_agent(name), per_agent(reference), strict=True)]
            for reference in references
            if reference != PRODUCT
        }
        if PRODUCT in references and taken[name].flops:
            share = taken[name].flops / taken[PRODUCT].flops
            pairs = zip(taken[name].seconds, taken[PRODUCT].seconds, strict=True)
            ratios[PRODUCT] = [own / (share * floor) for own, floor in pairs]
        found.append(
            Measure(part=part, name=name, taken=taken[name], agents=one.agents, scenes=one.scenes, ratios=ratios)
        )
    return found


def table(rows: Sequence[Measure]) -> Iterator[str]:
    """One part: medians, quartiles, rates, peak memory and the ratios to the references."""
    names = list(dict.fromkeys(name for row in rows for name in row.ratios))
    heading = "".join(f"{'x ' + name:>{_width(name)}}" for name in names)
    yield f"{rows[0].part:34}{'ms':>9}  {'quartiles':18}{'agents/s':>11}{'scenes/s':>10}{'MB':>7}{heading}"
    for row in rows:
        spread = _spread([1000.0 * second for second in row.taken.seconds])
        quartiles = f"{spread['low']:.4g} to {spread['high']:.4g}"
        ratios = "".join(
            f"{median(row.ratios[name]):{_width(name)}.2f}" if name in row.ratios else " " * _width(name)
            for name in names
        )
        yield (
            f"{row.name:34}{spread['median']:9.4g}  {quartiles:18}{row.agents / row.seconds:11,.0f}"
            f"{row.scenes / row.seconds:10,.0f}{row.taken.peak_bytes / 2**20:7.0f}{ratios}"
        )


def _width(name: str) -> int:
    return len(name) + 4


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, high = values[0], values[-1]
    if len(values) > 1:
        low, _, high = quantiles(values, n=4, method="inclusive")
    return {"median": median(values), "low": low, "high": high}
