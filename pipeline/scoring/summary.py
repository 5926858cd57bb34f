"""What a run of scoring did, told as ``summary.json``, as lines for people and as an exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import Dropped, InputError, Suspicion, one_line
from pipeline.scoring.health import Health
from pipeline.scoring.record import Record
from pipeline.scoring.tally import Tally


@dataclass(kw_only=True, slots=True)
class Summary:
    """The account of one run and of the runs that it goes on with, filled drive by drive in the order of their names.

    Attributes:
        model: Folder (or origin) and digest of the model, and what its forecasts are (rate, horizon, modes).
        device: Where it ran.
        every_s: Between forecast times.
        batch_size: Agents that went through the network at once.
        runtime: What ran the network: ``torch`` or ``onnx``.
        complete: The run came to its end; False where it was interrupted.
        rejected: Drives and folders that gave no forecasts, and why.
        drives: By name of each scored drive: its files, format and counts.
        dropped: What was left out of drives that were scored: (drive, what).
        suspicions: What is hardly as the source meant it: (drive, what). The forecasts stand all the same.
        notes: What users should know that is no fault, one line each.
        tally: The errors where the future was recorded.
        health: Forecasts by ``Health``.
        seconds: By step, of all drives and processes together; ``total`` is the wall time of this run alone.
    """

    model: dict[str, Any]
    device: str
    every_s: float
    batch_size: int
    runtime: str = "torch"
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

    def count(self, outcome: Record | InputError | None) -> None:
        """Count what came of one drive, None for nothing yet. The order decides the last bits of the metrics."""
        if isinstance(outcome, InputError):
            self.rejected.append(outcome)
        elif outcome is not None:
            self._add(outcome)

    def _add(self, record: Record) -> None:
        self.drives[record.name] = {
            "source": record.source,
            "file": record.file,
            "manoeuvres_file": record.manoeuvres_file,
            "agents": record.agents,
            "forecast_times": record.forecast_times,
            "forecasts": record.forecasts,
            "drift": asdict(record.drift) | {"is_unlike": record.drift.is_unlike},
            "seconds": round(sum(record.seconds.values()), 3),
        }
        self.health.update(record.health)
        for step, spent in record.seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + spent
        self.tally.add(record.tally)
        self.dropped += [(record.name, dropped) for dropped in record.dropped]
        self.suspicions += [(record.name, suspicion) for suspicion in record.suspicions]
        self.notes += record.notes

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
            "runtime": self.runtime,
            "every_s": self.every_s,
            "batch_size": self.batch_size,
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
        unlike = sum(drive["drift"]["is_unlike"] for drive in self.drives.values())
        if unlike:
            result += f"; {unlike} unlike the training drives"
        if self.dropped:
            result += f"; parts of {len({name for name, _ in self.dropped})} were left out"
        if self.rejected:
            result += f"; {len(self.rejected)} rejected:"
        return [one_line(result), *(f"- {one_line(error.where)}" for error in self.rejected)]
