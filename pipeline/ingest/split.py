"""Which drives, or which times of them, train, choose and judge. Whatever is ever fitted reads this."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.config import SplitConfig
from pipeline.errors import InputError
from pipeline.files import digest

# These are the names and the order of ``pipeline.windows.windows.SPLITS``, which lies above this package; a test
# holds the two together.
SPLIT_NAMES: Final = ("train", "validation", "test")
UNSPLIT: Final = -1
TRAIN, VALIDATION, TEST = range(3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A stretch of one drive, both ends included."""

    split: Literal["train", "validation", "test"]
    start_ns: int
    end_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The blocks of every drive.

    Attributes:
        method: ``drives`` (each whole) or ``time_blocks`` (some cut, with gaps).
        why: Why this method, and what became of drives too short to be cut.
        blocks: Drive name to its blocks in time order; what lies between them belongs to none.
    """

    method: Literal["drives", "time_blocks"]
    why: str
    blocks: Mapping[str, tuple[Block, ...]]

    def of(self, drive: str, start_ns: int, end_ns: int) -> int:
        """Index into ``SPLITS`` of the split that holds an interval whole, or ``UNSPLIT``.

        Only what the recording covers of the interval counts: a window may reach beyond the drive's end.

        Raises:
            InputError: The split was made without this drive.
        """
        assert start_ns <= end_ns, (start_ns, end_ns)
        if drive not in self.blocks:
            raise InputError(f"drive {drive!r}", "is not in the split", "run the split stage again")
        blocks = self.blocks[drive]
        start, end = max(start_ns, blocks[0].start_ns), min(end_ns, blocks[-1].end_ns)
        for block in blocks:
            if block.start_ns <= start <= end <= block.end_ns:
                return SPLIT_NAMES.index(block.split)
        return UNSPLIT

    def only(self, drive: str) -> Split:
        """The blocks of one drive alone; of none where the split was made without it."""
        return replace(self, blocks={drive: self.blocks[drive]} if drive in self.blocks else {})

    def drives(self, part: Literal["train", "validation", "test"]) -> list[str]:
        """The drives with a block in this part, by name."""
        return sorted(name for name, blocks in self.blocks.items() if any(block.split == part for block in blocks))

    def to_json(self) -> dict[str, Any]:
        """The split as plain JSON, with the number of drives and seconds of each part."""
        value: dict[str, Any] = _SPLIT.dump_python(self, mode="json")
        blocks = [block for drive in self.blocks.values() for block in drive]
        seconds = {name: sum(b.end_ns - b.start_ns for b in blocks if b.split == name) / 1e9 for name in SPLIT_NAMES}
        drives = {name: sum(any(b.split == name for b in d) for d in self.blocks.values()) for name in SPLIT_NAMES}
        return {"summary": {"num_drives": drives, "seconds": seconds}, **value}

    @classmethod
    def from_json(cls, value: object, *, where: str = "split") -> Split:
        """Read what ``to_json`` wrote.

        Raises:
            InputError: It is something else.
        """
        try:
            split = _SPLIT.validate_python(value)
        except ValidationError as error:
            raise InputError(where, "is not a split", "run the split stage again") from error
        for drive, blocks in split.blocks.items():
            edges = [edge for block in blocks for edge in (block.start_ns, block.end_ns)]
            if not edges or edges != sorted(edges):
                raise InputError(where, f"has no ascending blocks for {drive!r}", "run the split stage again")
        return split


_SPLIT: Final = TypeAdapter(Split)


def read_split(path: Path) -> Split:
    """Read what the stage ``split`` wrote.

    Raises:
        InputError: There is no such file, or it holds no split.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", "run the split stage again") from error
    return Split.from_json(content, where=str(path))


def make_split(cleans: Mapping[str, tuple[int, int]], *, config: SplitConfig) -> Split:
    """Split drives into train, validation and test.

    With at least ``min_drives`` drives each goes whole to one part: the drives are put in the order of a hash of
    seed and name, and shares are taken from it, at least one drive each for validation and test. So neither the
    order of the input nor more than a drive or two at the borders matters when one is added.

    With fewer, every drive is cut into ``train | gap | validation | gap | test``; one too short for that (a block
    would be shorter than a gap, which is at least a window) goes whole to train. Where all are too short, whole
    drives are dealt out after all if there are three or more.

    Args:
        cleans: Drive name to the times of its first and last step, in nanoseconds.
        config: The ``split`` section.
    """
    cut = {name: _time_blocks(first, last, config) for name, (first, last) in sorted(cleans.items())}
    short = [name for name, blocks in cut.items() if len(blocks) == 1]
    enough = f"{len(cleans)} drives" if len(cleans) != 1 else "1 drive"
    if len(cleans) >= max(config.min_drives, 3):
        return _by_drive(cleans, config, why=f"{enough}, at least {config.min_drives}: each goes whole to one part")
    few = f"{enough}, fewer than {max(config.min_drives, 3)}"
    if len(short) < len(cleans):
        left = f"; too short to be cut, so whole in train: {', '.join(short)}" if short else ""
        why = f"{few}: each is cut into blocks of time with gaps of {config.gap_s:g} s{left}"
        return Split(method="time_blocks", why=why, blocks=cut)
    if len(cleans) >= 3:
        why = f"{few}, but none is long enough for blocks of time with gaps of {config.gap_s:g} s"
        return _by_drive(cleans, config, why=f"{why}: each goes whole to one part")
    why = f"{few}, and none is long enough for blocks of time with gaps of {config.gap_s:g} s: all of it is train"
    return Split(method="time_blocks", why=why, blocks=cut)


def _by_drive(cleans: Mapping[str, tuple[int, int]], config: SplitConfig, *, why: str) -> Split:
    """Whole drives, at least three."""
    order = sorted(cleans, key=lambda name: (digest(str(config.seed), name), name))
    # Shares of the order, rounded half up. Both borders are rounded by themselves, so that one more drive moves each
    # by at most one place.
    least_test, least_validation = int(config.test > 0), int(config.validation > 0)
    held_out = _rounded(len(order) * (config.test + config.validation))
    num_test = min(max(_rounded(len(order) * config.test), least_test), len(order) - 1 - least_validation)
    held_out = min(max(held_out, num_test + least_validation), len(order) - 1)
    part = {name: TEST if i < num_test else VALIDATION if i < held_out else TRAIN for i, name in enumerate(order)}
    blocks = {
        name: (Block(split=SPLIT_NAMES[part[name]], start_ns=first, end_ns=last),)
        for name, (first, last) in sorted(cleans.items())
    }
    return Split(method="drives", why=why, blocks=blocks)


def _time_blocks(first_ns: int, last_ns: int, config: SplitConfig) -> tuple[Block, ...]:
    """Train, validation and test in time order with gaps between; train alone where that does not fit."""
    shares = (1.0 - config.validation - config.test, config.validation, config.test)
    parts = [part for part in (TRAIN, VALIDATION, TEST) if shares[part] > 0.0]
    gap_ns = math.ceil(config.gap_s * 1e9)
    usable_ns = last_ns - first_ns - gap_ns * (len(parts) - 1)
    if usable_ns * min(shares[part] for part in parts) < gap_ns:
        return (Block(split="train", start_ns=first_ns, end_ns=last_ns),)
    blocks: list[Block] = []
    start = first_ns
    for part in parts:
        end = last_ns if part == parts[-1] else start + round(usable_ns * shares[part])
        blocks.append(Block(split=SPLIT_NAMES[part], start_ns=start, end_ns=end))
        start = end + gap_ns
    return tuple(blocks)


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
