"""The windows of many drives: each drive's built and stored by itself, in parallel processes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.config import WindowsConfig
from pipeline.ingest.split import Split
from pipeline.ingest.store import read_clean
from pipeline.parallel import in_processes
from pipeline.progress import track
from pipeline.scene.store import read_features
from pipeline.windows.build import build_drive
from pipeline.windows.store import read_windows, write_windows
from pipeline.windows.summary import Tally, tally
from pipeline.windows.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A drive to build windows of.

    Attributes:
        name: The drive's name.
        clean: Folder of the clean drive.
        features: Folder of its scene features.
        split: Of this drive at least; it travels to another process with the drive.
    """

    name: str
    clean: Path
    features: Path
    split: Split


def write_part(part: Part, *, config: WindowsConfig, channels: int, folder: Path) -> Tally:
    """Build one drive's windows and write them into a folder of its name."""
    clean, features = read_clean(part.clean, part.name), read_features(part.features, part.name)
    built = build_drive(clean, features, config=config, split=part.split, channels=channels)
    write_windows(folder / part.name, built.windows, extra={})
    return tally(built)


def write_parts(
    folder: Path,
    parts: Sequence[Part],
    *,
    config: WindowsConfig,
    channels: int,
    alone_s: float = 2.0,
    num_processes: int | None = None,
) -> Tally:
    """Build and write the windows of all drives, each into a folder of its own.

    Args:
        folder: Of these folders.
        parts: Drives of different names.
        config: The window.
        channels: Of all scene features.
        alone_s: As in ``in_processes``.
        num_processes: Likewise.

    Returns:
        What they hold together.

    Raises:
        InputError: A drive cannot be read, is not in the split, or its rate does not fit the window.
    """
    total: Tally = Counter()
    work = partial(write_part, config=config, channels=channels, folder=folder)
    with closing(in_processes(work, parts, alone_s=alone_s, num_processes=num_processes)) as done:
        for _, counts in track(done, total=len(parts), description="windows"):
            total.update(counts)
    return total


def read_parts(folder: Path, parts: Sequence[Part]) -> Iterator[Windows]:
    """The windows that ``write_parts`` wrote, one drive's after the other's; each is removed once used."""
    for part in parts:
        yield read_windows(folder / part.name)
        shutil.rmtree(folder / part.name)
