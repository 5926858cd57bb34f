"""What the stages before training cost by the number of drives: time for each minute of driving, and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from pipeline.child import Used, run_stage_alone
from pipeline.evaluation.style import COLOURS, figure, save
from pipeline.files import write_json
from pipeline.scoring.fleet import write_fleet

_SOURCE: Final = "fleet"
_STAGES: Final = {
    "ingest": ["--source", _SOURCE, "--out", f"ingest/{_SOURCE}"],
    "split": ["--ingest", "ingest", "--out", "split.json"],
    "scene_features": ["--ingest", f"ingest/{_SOURCE}", "--out", f"features/{_SOURCE}"],
    "windows": ["--ingest", "ingest", "--scene-features", "features", "--split", "split.json", "--out", "windows"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCost:
    """Of one stage over so many drives.

    Attributes:
        stage: Its name.
        num_drives: How many.
        minutes: What these last together.
        used: By all its processes.
        start_cpu_s: Processor time over one such drive, nearly all of it Python's start and imports.
    """

    stage: str
    num_drives: int
    minutes: float
    used: Used
    start_cpu_s: float

    @property
    def cpu_s_per_minute(self) -> float:
        """Processor seconds for each minute of driving, the start included."""
        return self.used.cpu_s / self.minutes

    @property
    def beyond_start_s_per_minute(self) -> float:
        """Likewise of what is beyond the run over one drive, for each minute of the other drives."""
        return (self.used.cpu_s - self.start_cpu_s) / (self.minutes * (1.0 - 1.0 / self.num_drives))

    @property
    def wall_s_per_minute(self) -> float:
        """Seconds that pass for each minute of driving, the start included."""
        return self.used.wall_s / self.minutes

    def to_json(self) -> dict[str, Any]:
        """What was measured, and what follows from it."""
        return asdict(self) | {
            "cpu_s_per_minute": self.cpu_s_per_minute,
            "beyond_start_s_per_minute": self.beyond_start_s_per_minute,
            "wall_s_per_minute": self.wall_s_per_minute,
        }


def stage_costs(
    numbers: Sequence[int], *, params: Path, num_agents: int = 20, seconds: float = 20.0
) -> Iterator[StageCost]:
    """Run the stages over made-up drives without frames, in temporary folders, as ``dvc repro`` runs them.

    Args:
        numbers: Of drives, each more than one.
        params: The parameters; sources and the CNN's weights are not asked.
        num_agents: In each drive.
        seconds: How long each drive lasts, at 10 Hz.
    """
    _run(1, params=params, num_agents=num_agents, seconds=seconds)  # brings the modules' files into memory
    start = _run(1, params=params, num_agents=num_agents, seconds=seconds)
    for number in numbers:
        for stage, used in _run(number, params=params, num_agents=num_agents, seconds=seconds).items():
            yield StageCost(
                stage=stage,
                num_drives=number,
                minutes=number * seconds / 60.0,
                used=used,
                start_cpu_s=start[stage].cpu_s,
            )


def cost_lines(costs: Sequence[StageCost]) -> Iterator[str]:
    """A table for people, stage by stage."""
    head = f"{'stage':16}{'drives':>7}{'minutes':>9}{'cpu s/min':>11}"
    yield f"{head}{'beyond start':>14}{'wall s/min':>12}{'peak MB':>9}"
    for cost in sorted(costs, key=lambda cost: list(_STAGES).index(cost.stage)):
        yield (
            f"{cost.stage:16}{cost.num_drives:7d}{cost.minutes:9.1f}{cost.cpu_s_per_minute:11.3f}"
            f"{cost.beyond_start_s_per_minute:14.3f}{cost.wall_s_per_minute:12.3f}{cost.used.peak_mb:9.0f}"
        )


def plot(path: Path, costs: Sequence[StageCost]) -> None:
    """Draw time for each minute of driving, and memory, over the number of drives."""
    made, (time, memory) = figure(width=6.4, height=2.5, columns=2)
    for colour, stage in zip(COLOURS, _STAGES, strict=False):
        own = [cost for cost in costs if cost.stage == stage]
        drives = [cost.num_drives for cost in own]
        time.plot(drives, [cost.cpu_s_per_minute for cost in own], marker="o", color=colour)
        beyond = [cost.beyond_start_s_per_minute for cost in own]
        time.plot(drives, beyond, marker=".", linestyle="dashed", color=colour)
        memory.plot(drives, [cost.used.peak_mb for cost in own], marker="o", color=colour, label=stage)
    time.set(xscale="log", yscale="log", title="time (dashed: beyond the start)", ylabel="processor s per minute")
    memory.set(xscale="log", ylim=(0.0, None), title="memory of the largest process", ylabel="MB")
    for panel in (time, memory):
        panel.set_xlabel("drives")
    memory.legend(frameon=False, fontsize=8, loc="lower left", ncols=2)
    save(made, path)


def _run(num_drives: int, *, params: Path, num_agents: int, seconds: float) -> dict[str, Used]:
    with TemporaryDirectory(prefix="headway-stages-") as name:
        folder = Path(name)
        write_fleet(folder / "raw", num_drives=num_drives, num_agents=num_agents, seconds=seconds)
        content = yaml.safe_load(params.read_text(encoding="utf-8"))
        content["sources"] = {_SOURCE: {"format": "auto", "path": "raw"}}
        content["scene_features"]["weights"] = None
        write_json(folder / "params.yaml", content)  # YAML reads JSON
        return {stage: run_stage_alone(stage, arguments, folder=folder) for stage, arguments in _STAGES.items()}
