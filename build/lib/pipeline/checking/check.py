"""Drives read, cleaned and looked at as ``ingest`` and ``score`` do it, with nothing kept but an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.checking.account import Account, Content, DriveAccount
from pipeline.checking.problem import Problem, of_dropped, of_error, of_note, of_suspicion
from pipeline.config import IngestConfig
from pipeline.drives.categories import Category
from pipeline.drives.drive import Camera, Drive
from pipeline.drives.found import find_all
from pipeline.drives.registry import AUTO, DriveRef, read_drive
from pipeline.errors import Dropped, InputError
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.reject import usable_frames, usable_rows
from pipeline.ingest.report import map_counts
from pipeline.parallel import in_processes, in_threads
from pipeline.progress import track
from pipeline.scene.images import frame_error

_AHEAD: Final = 64  # frames


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    """One frame that is to be looked at."""

    drive: str
    folder: Path
    path: str
    camera: Camera | None

    @property
    def where(self) -> str:
        return str(self.folder / self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looked:
    """A drive without its pictures: what it holds and what is wrong with it, and its frames."""

    account: DriveAccount
    frames: tuple[_Frame, ...] = ()


def check(paths: Sequence[Path], *, config: IngestConfig, source_format: str = AUTO) -> Account:
    """Read and clean every drive in folders and decode its frames, with progress on standard error.

    Args:
        paths: Folders of drives, or of several.
        config: The ``ingest`` section.
        source_format: A registry name, or ``auto``.

    Raises:
        InputError: The format is unknown.
    """
    found = find_all(paths, format=source_format)
    done = in_processes(partial(_look, config=config), found.refs)
    looked = {ref.name: one for ref, one in track(done, total=len(found.refs), description="check: drives")}
    frames = [frame for ref in found.refs for frame in looked[ref.name].frames]
    reasons = track(in_threads(_reason, frames, ahead=_AHEAD), total=len(frames), description="check: frames")
    bad: dict[str, list[Dropped]] = {}
    for frame, reason in zip(frames, reasons, strict=True):
        if reason:
            bad.setdefault(frame.drive, []).append(Dropped(where=frame.where, reason=reason))
    return Account(
        drives=tuple(_with(looked[ref.name].account, of_dropped(bad.get(ref.name, []))) for ref in found.refs),
        problems=_sorted([*map(of_error, found.problems), *map(of_note, found.notes)]),
    )


def _reason(frame: _Frame) -> str:
    return frame_error(frame.folder, frame.path, camera=frame.camera)


def _look(ref: DriveRef, *, config: IngestConfig) -> _Looked:
    """Read and clean one drive."""
    account = DriveAccount(name=ref.name, format=ref.format, path=str(ref.path), content=None)
    try:
        drive = read_drive(ref)
    except InputError as error:
        return _Looked(account=_with(account, [of_error(error)]))
    account = replace(account, content=_content(drive))
    try:
        clean = ingest_drive(drive, config=config)
    except InputError as error:
        dropped = (*drive.dropped, *usable_rows(drive)[1], *usable_frames(drive)[1])
        notes = [of_note(note, where=str(ref.path)) for note in drive.notes]
        return _Looked(account=_with(account, [of_error(error), *of_dropped(dropped), *notes]))
    problems = [
        *of_dropped(clean.dropped),
        *map(of_suspicion, clean.suspicions),
        *(of_note(note, where=str(ref.path)) for note in clean.notes),
    ]
    folder = Path(clean.source_path)
    frames = tuple(
        _Frame(drive=ref.name, folder=folder, path=path, camera=clean.cameras.get(name))
        for path, name in zip(clean.frames["path"].tolist(), clean.frames["camera"].tolist(), strict=True)
    )
    return _Looked(account=_with(account, problems), frames=frames)


def _with(account: DriveAccount, problems: Sequence[Problem]) -> DriveAccount:
    return replace(account, problems=_sorted([*account.problems, *problems]))


def _sorted(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The worst first, else as they come."""
    return tuple(sorted(problems, key=lambda problem: -problem.severity))


def _content(drive: Drive) -> Content:
    times_ns = drive.tracks["timestamp_ns"]
    num_frames = Counter(drive.frames["camera"].tolist())
    return Content(
        duration_s=(int(times_ns.max()) - int(times_ns.min())) / 1e9 if len(times_ns) else 0.0,
        rate_hz=drive.rate_hz,
        num_measurements=len(drive.tracks),
        agents=_agents(drive),
        has_ego=bool(drive.tracks["is_ego"].any()),
        cameras=drive.cameras,
        num_frames={name: num_frames[name] for name in drive.cameras},
        map=map_counts(drive.map),
    )


def _agents(drive: Drive) -> Mapping[str, Mapping[str, int]]:
    """Tracks by group and category, in the order of their numbers."""
    first = drive.tracks.drop_duplicates("track_id")["category"]
    agents: dict[str, dict[str, int]] = {}
    for number, count in sorted(Counter(first.tolist()).items()):
        category = Category(number)
        agents.setdefault(category.group.name.lower(), {})[category.name.lower()] = count
    return agents
