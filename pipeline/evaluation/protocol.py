"""What the benchmarks on recordings share: scenes of a part, parts in one data set, and who is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from pipeline.config import WindowsConfig
from pipeline.ingest.clean import CleanDrive
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.windows import SPLITS, Future, Observed, Windows


def in_all_steps(observed: Observed, future: Future) -> Bool[np.ndarray, " n"]:
    """Who is there in all observed and all future steps."""
    there = np.concatenate([observed.valid, future.valid], axis=1)
    return there.sum(axis=1) == there.shape[1]


def windows_of(cleans: Sequence[CleanDrive], *, config: WindowsConfig) -> Windows:
    """A scene at every forecast time, without frames."""
    features = {clean.name: SceneFeatures.empty(clean, 0) for clean in cleans}
    return build_windows(cleans, features, config=config, split=None)


def join_parts(parts: Mapping[str, Sequence[CleanDrive]], *, config: WindowsConfig) -> Windows:
    """Scenes of several parts of the split in one.

    Args:
        parts: The drives of each part, by its name in ``SPLITS``.
        config: The window.
    """
    windows = windows_of([clean for cleans in parts.values() for clean in cleans], config=config)
    return split_by_drive(windows, [part for part, cleans in parts.items() for _ in cleans])


def split_by_drive(windows: Windows, parts: Sequence[str]) -> Windows:
    """The same with each drive in a part of the split; ``parts`` are names in ``SPLITS``, one per drive."""
    split = np.array([SPLITS.index(part) for part in parts], np.int8)[windows.index.drive]
    return replace(windows, index=replace(windows.index, split=split))
