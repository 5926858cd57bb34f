"""The kinds of damage, by name; each module beside this one adds its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from tests.stress.plan import Value

PICTURES: Final = (".jpg", ".jpeg", ".png")
_MOST_BYTES: Final = 2**28  # a larger file was made endless


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a kind of damage works with.

    Attributes:
        rng: Chooses the place.
        value: What to write, where something is written.
        outside: A folder beside the drives, which nobody has any business in.
        records: By the pattern of a file's path in the drive, how deep the records of single agents lie in it: lines
            of a header in a table of text, keys and indices in JSON; 0 in a table of columns.
    """

    rng: np.random.Generator
    value: Value
    outside: Path
    records: Mapping[str, int] = field(default_factory=dict)

    def pick(self, among: int) -> int:
        """A number from 0 to below ``among``."""
        return int(self.rng.integers(among))

    def record_depth(self, path: Path) -> int | None:
        """How deep records of single agents lie in a file; None where it holds none."""
        return next((depth for pattern, depth in self.records.items() if path.match(pattern)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """What was broken.

    Attributes:
        told: For people.
        num_records: How many records of agents it touched at most, a whole track being one where the format keeps
            tracks together; None where it may be all of them.
        num_rows: How many measurements; None where that is not known.
        removed: Rows may be missing without a word, for nothing in the files tells of them any more.
    """

    told: str
    num_records: int | None = None
    num_rows: int | None = None
    removed: bool = False


Inflict: TypeAlias = Callable[[Path, Means], Hit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of damage.

    Attributes:
        inflict: Breaks one file (or folder).
        endings: Of the files that it can befall; empty: any file.
        folders: It befalls folders, not files.
        below: It befalls only what is below the drive's own folder: a drive that is gone cannot be told of.
    """

    inflict: Inflict
    endings: Collection[str] = ()
    folders: bool = False
    below: bool = False

    def victims(self, drive: Path) -> list[list[Path]]:
        """What it can befall in a drive's folder: files of one folder and ending together, whole folders alone."""
        if self.folders:
            below = sorted(path for path in drive.rglob("*") if path.is_dir() and not path.is_symlink())
            return [[path] for path in (below if self.below else (drive, *below))]
        groups: dict[tuple[Path, str], list[Path]] = {}
        for path in sorted(drive.rglob("*")):
            if is_small(path) and (not self.endings or path.suffix in self.endings):
                alike = path.suffix if path.suffix in PICTURES else path.name
                groups.setdefault((path.parent, alike), []).append(path)
        return list(groups.values())


KINDS: Final[dict[str, Kind]] = {}


def kind(*endings: str, folders: bool = False, below: bool = False) -> Callable[[Inflict], Inflict]:
    """Add a kind of damage, under the function's name."""

    def add(inflict: Inflict) -> Inflict:
        assert inflict.__name__ not in KINDS, inflict.__name__
        KINDS[inflict.__name__] = Kind(inflict=inflict, endings=endings, folders=folders, below=below)
        return inflict

    return add


def is_small(path: Path) -> bool:
    """Whether it is a file that an earlier damage left to be read and changed."""
    return not path.is_symlink() and path.is_file() and path.stat().st_size <= _MOST_BYTES


NOTHING: Final[Mapping[str, int]] = {"num_records": 0, "num_rows": 0}  # of what a ``Hit`` counts


def nothing_but(path: Path) -> Mapping[str, int]:
    """What damage to a whole file touches: no agent's measurement if it is a picture, else nobody knows."""
    return NOTHING if path.suffix in PICTURES else {}
