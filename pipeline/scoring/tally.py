"""Errors of forecasts whose future was recorded, gathered drive by drive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from pipeline.evaluation.behaviour import behaviour_metrics, behaviour_of, recorded_behaviour
from pipeline.evaluation.metrics import PerAgent, ade, fde, min_ade, min_fde, miss_rate
from pipeline.evaluation.offroad import offroad_rate
from pipeline.evaluation.scored import movers, scored_agents
from pipeline.forecasts import Forecasts
from pipeline.scoring.forecast import DriveForecast
from pipeline.windows.windows import Future

NUM_MODES: Final = 6
MISS_M: Final = 2.0
MOVER_M: Final = 1.0
_METRICS: Final[dict[str, Callable[[Forecasts, Future], PerAgent]]] = {
    "ade_m": ade,
    "fde_m": fde,
    f"min_ade{NUM_MODES}_m": lambda f, future: min_ade(f, future, num_modes=NUM_MODES),
    f"min_fde{NUM_MODES}_m": lambda f, future: min_fde(f, future, num_modes=NUM_MODES),
    f"miss_rate_fde_{MISS_M:g}m": lambda f, future: miss_rate(fde(f, future), miss_m=MISS_M),
    f"miss_rate_min_fde{NUM_MODES}_{MISS_M:g}m": lambda f, future: miss_rate(
        min_fde(f, future, num_modes=NUM_MODES), miss_m=MISS_M
    ),
}


@dataclass(kw_only=True, slots=True)
class Tally:
    """Sums over (agent, forecast time) pairs: by slice and metric, the sum and how many values are in it."""

    sums: dict[str, dict[str, tuple[float, int]]] = field(default_factory=dict)

    @staticmethod
    def of(drive: DriveForecast) -> Tally:
        """Of one drive: agents that can move, known at two steps, with a recorded future.

        Where the drive has a map, also how much of the forecasts lies off its drivable area.
        """
        future, observed = drive.windows.future, drive.windows.observed
        scored = scored_agents(observed, future).mask
        slices = {"all": scored, "movers": scored & movers(observed, future, mover_m=MOVER_M)}
        values = {name: metric(drive.forecasts, future) for name, metric in _METRICS.items()}
        values |= behaviour_metrics(
            behaviour_of(drive.forecasts, observed, rate_hz=drive.windows.rate_hz), recorded_behaviour(drive.windows)
        )
        if drive.map is not None:
            values["offroad_rate"] = offroad_rate(drive.forecasts, drive.windows, maps={drive.name: drive.map})
        tally = Tally()
        for name, found in values.items():
            for part, mask in slices.items():
                chosen = found.valid & mask
                tally.sums.setdefault(part, {})[name] = (float(np.sum(found.value[chosen])), int(chosen.sum()))
        return tally

    def add(self, other: Tally) -> None:
        """Count another one's drives too; the last bits of the sums depend on the order."""
        for part, metrics in other.sums.items():
            own = self.sums.setdefault(part, {})
            for name, (total, count) in metrics.items():
                before = own.get(name, (0.0, 0))
                own[name] = (before[0] + total, before[1] + count)

    def to_json(self) -> dict[str, Any] | None:
        """Mean and count of each metric by slice; None where no future was recorded."""
        found = {
            part: {name: {"value": total / count, "count": count} for name, (total, count) in metrics.items() if count}
            for part, metrics in self.sums.items()
        }
        return {part: metrics for part, metrics in found.items() if metrics} or None
