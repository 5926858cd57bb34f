"""The windows of many drives: each drive's built by itself, in parallel processes, and all written as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config import WindowsConfig
from pipeline.ingest.split import Split
from pipeline.ingest.store import read_clean
from pipeline.parallel import in_processes
from pipeline.progress import track
from pipeline.scene.kind import common_channels, common_digest
from pipeline.scene.store import read_features, read_kind
from pipeline.windows.build import build_drive
from pipeline.windows.store import write_joined
from pipeline.windows.summary import Tally, summarise, tally
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


def build_part(part: Part, *, config: WindowsConfig, channels: int) -> tuple[Windows, Tally]:
    """Build one drive's windows, and count them."""
    clean, features = read_clean(part.clean, part.name), read_features(part.features, part.name)
    built = build_drive(clean, features, config=config, split=part.split, channels=channels)
    return built.windows, tally(built)


def write_parts(
    folder: Path,
    parts: Sequence[Part],
    *,
    config: WindowsConfig,
    check: Callable[[dict[str, Any]], None],
    alone_s: float = 2.0,
    num_processes: int | None = None,
) -> None:
    """Write the windows of all drives, in their order, as one, with their summary as ``extra``; whole or not at all.

    Few drives are held at once, however many there are.

    Args:
        folder: The final folder.
        parts: Drives of different names.
        config: The window.
        check: Called with the summary before the folder takes its name; what it raises keeps that from happening.
        alone_s: As in ``in_processes``.
        num_processes: Likewise.

    Raises:
        InputError: A drive cannot be read, is not in the split, or its rate does not fit the window; or the features
            differ in channels or come from different CNNs.
    """
    kinds = [read_kind(part.features, part.name) for part in parts]
    channels, backbone = common_channels(kinds), common_digest(kinds)
    counts: Tally = Counter()
    work = partial(build_part, config=config, channels=channels)

    def built() -> Generator[Windows]:
        with closing(in_processes(work, parts, alone_s=alone_s, num_processes=num_processes, in_order=True)) as done:
            for _, (windows, some) in track(done, total=len(parts), description="windows"):
                counts.update(some)
                yield windows

    def extra() -> dict[str, Any]:
        summary = summarise(counts, backbone=backbone, channels=channels)
        check(summary)
        return summary

    with closing(built()) as windows:
        write_joined(folder, windows, extra=extra)
