"""Valid drives of every format, whose copies are broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from tests.formats.kit import formats
from tests.formats.scene import made_up_scene
from tests.stress.damage import KINDS

# By format, the files that hold agents' measurements one by one, and how deep (see ``Means.records``).
RECORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "neutral": {"tracks.csv": 1},
    "neutral_parquet": {"tracks.parquet": 0},
    "kitti_tracking": {"label_02/*.txt": 0},
    "eth_ucy": {"*.txt": 0},
    "nuscenes": {"sample_annotation.json": 1},
    "argoverse2_sensor": {"annotations.feather": 0},
    "argoverse2_forecasting": {"scenario_*.parquet": 0},
    "kitti_forecasting": {"kitti_dataset.json": 2},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pristine:
    """A format's valid drive on disk.

    Attributes:
        folder: Where it is.
        records: An item of ``RECORDS``.
        kinds: Of the damage that can befall its files.
    """

    folder: Path
    records: Mapping[str, int]
    kinds: tuple[str, ...]


def write_pristine(folder: Path) -> dict[str, Pristine]:
    """Write the made-up scene in every format; the neutral one as CSV and as Parquet."""
    scene = made_up_scene()
    writers: dict[str, Callable[[Path], None]] = {}
    for name, one in formats().items():
        writers[name] = lambda path, one=one: one.write(path, scene)
    writers["neutral_parquet"] = lambda path: _to_parquet(folder / "neutral", path)
    made: dict[str, Pristine] = {}
    for name, write in writers.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        write(folder / name)
        possible = tuple(kind for kind in KINDS if KINDS[kind].victims(folder / name))
        made[name] = Pristine(folder=folder / name, records=RECORDS.get(name, {}), kinds=possible)
    return made


def _to_parquet(neutral: Path, folder: Path) -> None:
    shutil.copytree(neutral, folder, dirs_exist_ok=True)
    for path in sorted(folder.glob("*.csv")):
        pd.read_csv(path).to_parquet(path.with_suffix(".parquet"), index=False)
        path.unlink()
