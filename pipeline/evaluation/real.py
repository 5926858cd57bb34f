"""Real driving, leave one data set out: which drive belongs to which set, and who trains and who judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from pipeline.config import IngestConfig, WindowsConfig
from pipeline.drives.found import find_all
from pipeline.drives.registry import DriveRef
from pipeline.errors import InputError
from pipeline.evaluation.protocol import join_parts
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.source import ingest_all
from pipeline.ingest.store import read_clean
from pipeline.progress import track
from pipeline.windows.windows import Windows

DATASETS: Final = {
    "kitti": "KITTI forecasting",
    "nuscenes": "nuScenes",
    "argoverse2": "Argoverse 2",
    "pandaset": "PandaSet",
}
SIMULATED: Final = "simulated"
_VALIDATION_EVERY: Final = 6  # of a set's drives one in so many calibrates and is not trained on


@dataclass(frozen=True, kw_only=True, slots=True)
class RealDrives:
    """Clean drives by data set.

    Attributes:
        cleans: Set -> its drives, sorted by name; ``SIMULATED`` among them where there are any.
        left_out: Which drives belong to no set, in one line; and a line for all else that was not taken or was renamed.
    """

    cleans: Mapping[str, Sequence[CleanDrive]]
    left_out: Sequence[str]


def read_real(raw: Path, *, simulated: Path | None, config: IngestConfig) -> RealDrives:
    """Find, read and clean all drives.

    Args:
        raw: Folder with the drives of all sets, in their publishers' or the neutral layout.
        simulated: Folder of raw drives to train on besides; none by default.
        config: The section ``ingest``.

    Raises:
        InputError: A set has no drive, or a folder has none.
    """
    found = find_all([raw] if simulated is None else [raw, simulated])
    made = [ref for ref in found.refs if simulated and ref.path.resolve().is_relative_to(simulated.resolve())]
    recorded = [ref for ref in found.refs if ref not in made]
    refs = {name: [ref for ref in recorded if dataset_of(ref) == name] for name in DATASETS}
    missing = [title for name, title in DATASETS.items() if not refs[name]]
    if found.problems and (missing or (simulated and not made)):
        raise found.problems[0]
    if missing:
        todo = f"give a folder that holds drives of {', '.join(DATASETS.values())}"
        raise InputError(raw, f"has no drive of {missing[0]}", todo)
    if simulated is not None:
        refs[SIMULATED] = made
        if not made:
            raise InputError(simulated, "has no drive", "make some: headway simulate --out DIR --drives 96 --no-frames")
    strange = [ref.name for ref in recorded if dataset_of(ref) is None]
    strange = [f"{len(strange)} drives of none of the sets: {', '.join(strange)}"] if strange else []
    cleans, rejected = _clean([ref for each in refs.values() for ref in each], config=config)
    usable = {name: [cleans[ref.name] for ref in each if ref.name in cleans] for name, each in refs.items()}
    empty = [name for name, drives in usable.items() if not drives]
    if empty:
        raise InputError(raw, f"has no usable drive of {empty[0]}", rejected[0])
    return RealDrives(cleans=usable, left_out=(*strange, *map(str, found.problems), *found.notes, *rejected))


def dataset_of(ref: DriveRef) -> str | None:
    """The key in ``DATASETS`` of a drive; None of any other.

    KITTI's tracking sequences are the same drives as in KITTI forecasting, so they belong to none.
    """
    name = ref.name.split("-")[0]
    return name if name in DATASETS and (name != "kitti" or ref.format == "kitti_forecasting") else None


def fold(drives: RealDrives, *, without: str, simulated: bool, config: WindowsConfig) -> Windows:
    """The windows of one fold: all drives of a set are the test split, those of the others train and validate.

    One in ``_VALIDATION_EVERY`` of a set's drives validates, so none of a set that has fewer.

    Args:
        drives: Of all sets.
        without: The set that is left out.
        simulated: Train on the simulated drives too.
        config: The section ``windows``.
    """
    parts: dict[str, list[CleanDrive]] = {"train": [], "validation": [], "test": list(drives.cleans[without])}
    for name, cleans in drives.cleans.items():
        if name != without and (simulated or name != SIMULATED):
            is_validation = np.arange(len(cleans)) % _VALIDATION_EVERY == _VALIDATION_EVERY - 1
            for clean, validates in zip(cleans, is_validation, strict=True):
                parts["validation" if validates else "train"].append(clean)
    return join_parts(parts, config=config)


def _clean(refs: Sequence[DriveRef], *, config: IngestConfig) -> tuple[dict[str, CleanDrive], list[str]]:
    """Drives by name, and a line for each that cannot be used."""
    with TemporaryDirectory(prefix="headway-") as name:
        done = track(ingest_all(refs, config=config, folder=Path(name)), total=len(refs), description="reading")
        problems = {ref.name: found.problem for ref, found in done}
        cleans = {ref.name: read_clean(Path(name), ref.name) for ref in refs if problems[ref.name] is None}
    return cleans, [problem for problem in problems.values() if problem is not None]
