"""What was found in drives and folders, for machines as JSON and as an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.checking.problem import Problem, Severity
from pipeline.drives.drive import Camera
from pipeline.errors import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a drive that could be read holds.

    Attributes:
        duration_s: From the first to the last measurement.
        rate_hz: Of the measurements, as the source states it.
        num_measurements: Of all tracks.
        agents: Number of tracks by group and category, each track by its first measurement, the ego's included.
        has_ego: A track is the recording vehicle.
        cameras: By name.
        num_frames: By camera's name.
        map: How many lanes and the like, and the drivable area in square metres; None without a map.
    """

    duration_s: float
    rate_hz: float
    num_measurements: int
    agents: Mapping[str, Mapping[str, int]]
    has_ego: bool
    cameras: Mapping[str, Camera]
    num_frames: Mapping[str, int]
    map: Mapping[str, float] | None

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        cameras = {
            one_line(name): {
                "width_px": camera.width_px,
                "height_px": camera.height_px,
                "num_frames": self.num_frames[name],
            }
            for name, camera in self.cameras.items()
        }
        return {
            "duration_s": self.duration_s,
            "rate_hz": self.rate_hz,
            "num_measurements": self.num_measurements,
            "num_agents": sum(sum(members.values()) for members in self.agents.values()),
            "agents": {group: dict(members) for group, members in self.agents.items()},
            "has_ego": self.has_ego,
            "cameras": cameras,
            "map": None if self.map is None else dict(self.map),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class DriveAccount:
    """One drive.

    Attributes:
        name: Unique among the drives of a run.
        format: Of the reader that found it.
        path: Its folder.
        content: None where it could not be read.
        problems: The worst first.
    """

    name: str
    format: str
    path: str
    content: Content | None
    problems: tuple[Problem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether ingest takes it."""
        return all(problem.severity < Severity.ERROR for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """All of it; what it holds is null where it could not be read."""
        return {
            "name": self.name,
            "format": self.format,
            "path": one_line(self.path),
            "usable": self.usable,
            "content": None if self.content is None else self.content.to_json(),
            "problems": [problem.to_json() for problem in self.problems],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """All drives, by name, and the problems of the folders they were looked for in."""

    drives: tuple[DriveAccount, ...]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def counts(self) -> Counter[Severity]:
        """Problems by severity, each kind of thing once for each drive."""
        everything = [*self.problems, *(problem for drive in self.drives for problem in drive.problems)]
        return Counter(problem.severity for problem in everything)

    @property
    def exit_code(self) -> int:
        """0 where nothing is above a note, 1 with warnings, 2 with errors."""
        return int(max(self.counts, default=Severity.NOTE))

    def to_json(self) -> dict[str, Any]:
        """The document that ``headway check --json`` writes."""
        return {
            "exit_code": self.exit_code,
            "num_drives": len(self.drives),
            "num_usable": sum(drive.usable for drive in self.drives),
            "num_problems": {severity.word: self.counts[severity] for severity in reversed(Severity)},
            "problems": [problem.to_json() for problem in self.problems],
            "drives": [drive.to_json() for drive in self.drives],
        }
