"""What a run of scoring did, told as ``summary.json``, as lines for people and as an exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import Dropped, InputError, Suspicion, one_line
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import Health
from pipeline.scoring.tally import Tally


@dataclass(kw_only=True, slots=True)
class Summary:
    """The account of one run, filled drive by drive.

    Attributes:
        model: Folder (or origin) and digest of the model, and what its forecasts are (rate, horizon, modes).
        device: Where it ran.
        every_s: Between forecast times.
        complete: The run came to its end; False where it was interrupted.
        rejected: Drives and folders that gave no forecasts, and why.
        drives: By name of each scored drive: its files, format and counts.
        dropped: What was left out of drives that were scored: (drive, what).
        suspicions: What is hardly as the source meant it: (drive, what). The forecasts stand all the same.
        notes: What users should know that is no fault, one line each.
        tally: The errors where the future was recorded.
        health: Forecasts by ``Health``.
        seconds: Wall time by step, ``total`` included.
    """

    model: dict[str, Any]
    device: str
    every_s: float
    complete: bool = False
    rejected: list[InputError] = field(default_factory=list)
    drives: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: list[tuple[str, Dropped]] = field(default_factory=list)
    suspicions: list[tuple[str, Suspicion]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    health: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 only if everything that was given was scored, and nothing of it left out."""
        return int(bool(self.rejected or self.dropped) or not self.complete)

    def add(self, forecast: DriveForecast, *, source: Path, file: str, manoeuvres_file: str) -> list[str]:
        """Count one scored drive, whose tables are these files.

        Returns:
            One line for each kind of thing that was left out of it, and for each suspicion about it.
        """
        index = forecast.windows.index
        self.drives[forecast.name] = {
            "source": one_line(str(source)),
            "file": file,
            "manoeuvres_file": manoeuvres_file,
            "agents": len(np.unique(index.track)),
            "forecast_times": len(index.t0_ns),
            "forecasts": len(forecast.health),
            "seconds": round(sum(forecast.seconds.values()), 3),
        }
        counts = np.bincount(forecast.health, minlength=len(Health))
        self.health.update({health.label: int(count) for health, count in zip(Health, counts, strict=True)})
        for step, spent in forecast.seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + spent
        self.tally.add(forecast)
        kinds = by_reason(forecast.dropped)
        self.dropped += [(forecast.name, dropped) for dropped in kinds]
        self.suspicions += [(forecast.name, suspicion) for suspicion in forecast.suspicions]
        return [*map(_told, kinds), *(one_line(str(suspicion)) for suspicion in forecast.suspicions)]

    def to_json(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        totals = {
            key: sum(drive[key] for drive in self.drives.values()) for key in ("agents", "forecast_times", "forecasts")
        }
        return {
            "complete": self.complete,
            "exit_code": self.exit_code,
            "model": self.model,
            "device": self.device,
            "every_s": self.every_s,
            "counts": {
                "drives_scored": len(self.drives),
                "rejected": len(self.rejected),
                **totals,
                "by_health": {health.label: self.health[health.label] for health in Health},
            },
            "metrics": self.tally.to_json(),
            "rejected": [
                {"where": one_line(error.where), "what": one_line(error.what), "todo": one_line(error.todo)}
                for error in self.rejected
            ],
            "dropped": [
                {"drive": name, "reason": kind.reason, "count": kind.count, "first": one_line(kind.where)}
                for name, kind in self.dropped
            ],
            "suspicions": [
                {"drive": name, **{key: one_line(text) for key, text in asdict(suspicion).items()}}
                for name, suspicion in self.suspicions
            ],
            "notes": self.notes,
            "seconds": {step: round(spent, 3) for step, spent in self.seconds.items()},
            "drives": self.drives,
        }

    def closing_lines(self, *, out: str) -> list[str]:
        """The result in one line, and the list of what was rejected."""
        num_forecasts = sum(drive["forecasts"] for drive in self.drives.values())
        result = f"{len(self.drives)} drives scored, {num_forecasts} forecasts in {out}"
        if self.dropped:
            result += f"; parts of {len({name for name, _ in self.dropped})} were left out"
        if self.rejected:
            result += f"; {len(self.rejected)} rejected:"
        return [one_line(result), *(f"- {one_line(error.where)}" for error in self.rejected)]


def by_reason(dropped: tuple[Dropped, ...]) -> list[Dropped]:
    """One entry for each reason: where it happened first, and how often."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for entry in dropped:
        first.setdefault(entry.reason, entry.where)
        counts[entry.reason] += entry.count
    return [Dropped(where=first[reason], reason=reason, count=count) for reason, count in counts.items()]


def _told(kind: Dropped) -> str:
    more = f", and {kind.count - 1} more like it" if kind.count > 1 else ""
    return one_line(f"{kind.where}: {kind.reason}; it was left out{more}")
