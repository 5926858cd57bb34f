"""ETH and UCY: pedestrians filmed from above, a text file per recording, rows of ``frame id x y``.

The files are those that the literature's tables are made with (Social GAN's, Gupta et al., CVPR 2018), from the
recordings of Pellegrini et al. (ICCV 2009) and Lerner et al. (Eurographics 2007). Positions are metres on the ground;
nobody records, so there is no ego, and neither sizes, headings nor heights are told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pipeline.drives.categories import Category
from pipeline.drives.drive import TRACK_COLUMNS, Drive, no_frames
from pipeline.drives.plain_file import read_plain
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

FORMAT: Final = "eth_ucy"
FRAME_NS: Final = 40_000_000  # 25 frames per second
STEP_FRAMES: Final = 10  # that people are annotated at, as a rule
_COLUMNS: Final = ("frame", "id", "x", "y")
_MOST_MB: Final = 32  # a million rows; the longest recording has 1 MB
_MOST_FRAMES: Final = 2**31  # close to three years
_MOST_ID: Final = 2**53  # whole numbers are exact up to it
_GLANCE: Final = 4096  # bytes from which a file is recognised
_TRIED: Final = 50  # files of a folder; where none of the first is a recording, none is
# Its frames are numbered at 15 per second by its publisher (annotated every 6 = 0.4 s), which the literature's file,
# at every 10th, overlooks: https://github.com/StanfordASL/Trajectron-plus-plus/issues/67
_FAST: Final = "biwi_eth"


class EthUcyReader:
    """Reads folders of such text files."""

    name = FORMAT
    looks_for = "*.txt with rows of frame, id, x and y"

    def find(self, path: Path) -> list[DriveRef]:
        """Every ``.txt`` whose first lines are rows of four numbers, frame and id whole; beside one, broken ones too.

        Broken is what is empty, no text, or rows of numbers that are not these four. Prose (a readme) is neither.
        """
        files = sorted(file for file in path.glob("*.txt") if file.is_file() and not file.name.startswith("."))
        looks = {file.stem: _look_of(file) for file in files[:_TRIED]}
        if "rows" not in looks.values():  # a data set's labels can be a million text files
            return []
        looks |= {file.stem: _look_of(file) for file in files[_TRIED:]}
        return [
            DriveRef(name=f"{FORMAT}-{plain_name(stem)}", format=FORMAT, path=path, key=stem)
            for stem, look in looks.items()
            if look != "prose"
        ]

    def read(self, ref: DriveRef) -> Drive:
        """Read one recording; every row is a pedestrian, at 25 frames per second.

        Raises:
            InputError: The file cannot be read, or has no row of four numbers.
        """
        path = ref.path / f"{ref.key}.txt"
        row, values, dropped = _read_rows(path)
        frame, person = values[:, 0].astype(np.int64), values[:, 1].astype(np.int64)
        step = _step_frames(frame, person)
        notes: tuple[str, ...] = ()
        if step != STEP_FRAMES:
            notes += (f"{path}: people are annotated every {step} frames, not every {STEP_FRAMES}; 25 are a second",)
        if ref.key.startswith(_FAST):
            notes += (f"{path}: 25 frames are a second, as in the literature; 15 are, so people seem to walk too fast",)
        told = {"source_row": row, "timestamp_ns": frame * FRAME_NS, "track_id": person.astype(str)}
        told |= {"category": int(Category.PEDESTRIAN), "raw_category": "pedestrian", "is_ego": False}
        told |= {"x_m": values[:, 2], "y_m": values[:, 3], "z_m": 0.0}
        tracks = pd.DataFrame(told | dict.fromkeys(("heading_rad", "length_m", "width_m", "height_m"), np.nan))
        return Drive(
            name=ref.name,
            format=FORMAT,
            path=ref.path,
            rate_hz=1e9 / (FRAME_NS * step),
            tracks=tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS),
            frames=no_frames(),
            dropped=dropped,
            notes=notes,
        )


def _look_of(file: Path) -> Literal["rows", "broken", "prose"]:
    """What most of a file's first lines are; what cannot be read is broken."""
    try:
        with file.open("rb") as opened:
            glance = opened.read(_GLANCE)
    except OSError:
        return "broken"
    lines = glance.decode("utf-8-sig", errors="replace").split("\n")
    lines = [line.split() for line in (lines[:-1] if len(glance) == _GLANCE else lines)]  # the last may be cut
    counts = np.array([len(words) for words in lines if words], dtype=np.int64)
    if not len(counts) or b"\0" in glance:
        return "broken"
    numbers = _numbers([word for words in lines for word in words])
    finite = np.logical_and.reduceat(np.isfinite(numbers), np.cumsum(counts) - counts)
    four = counts == len(_COLUMNS)
    keyed = _usable(numbers[np.repeat(four, counts)].reshape(-1, len(_COLUMNS))).all(axis=1)
    rows = int((finite[four] & keyed).sum())
    return "rows" if 2 * rows > len(counts) else "broken" if 2 * int(finite.sum()) > len(counts) else "prose"


def _read_rows(path: Path) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 4"], tuple[Dropped, ...]]:
    """The lines' numbers, their values, and the lines that are no such rows. A place may be NaN."""
    lines = [line.split() for line in _read_text(path).split("\n")]
    number = np.array([row for row, words in enumerate(lines, start=1) if words], dtype=np.int64)
    lines = [words for words in lines if words]
    whole = np.array([len(words) == len(_COLUMNS) for words in lines], dtype=bool)
    four = [words for words in lines if len(words) == len(_COLUMNS)]
    values = _numbers([word for words in four for word in words]).reshape(-1, len(_COLUMNS))
    frame_good, id_good = _usable(values).T
    checks = (
        (number[~whole], "not the four values frame, id, x and y"),
        (number[whole][~frame_good], "frame is no whole number"),
        (number[whole][frame_good & ~id_good], "id is no whole number"),
    )
    dropped = tuple(entry for rows, reason in checks for entry in dropped_rows(path, rows.tolist(), reason=reason))
    good = frame_good & id_good
    if not good.any():
        raise InputError(path, "has no row of frame, id, x and y", "take it from the download again")
    return number[whole][good], values[good], dropped


def _read_text(path: Path) -> str:
    todo = "take it from the download again"
    content = read_plain(path, most_mb=_MOST_MB, missing=todo, smaller="cut it into several recordings")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "is no text", todo) from error


def _numbers(words: list[str]) -> Float[np.ndarray, " n"]:
    """Words as numbers; NaN for what is none."""
    return pd.to_numeric(pd.Series(words, dtype="str"), errors="coerce").to_numpy(np.float64)


def _usable(values: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, "n 2"]:
    """Whether frame and id are whole numbers within bounds."""
    low, high = np.array([0, -_MOST_ID]), np.array([_MOST_FRAMES, _MOST_ID])
    with np.errstate(invalid="ignore"):  # NaN and infinity are neither
        key = values[:, :2]
        return (key == np.rint(key)) & (key >= low) & (key <= high)


def _step_frames(frame: Int[np.ndarray, " n"], person: Int[np.ndarray, " n"]) -> int:
    """The most common number of frames from one row of a person to the next."""
    order = np.lexsort((frame, person))
    apart = np.diff(frame[order])[np.diff(person[order]) == 0]
    steps, counts = np.unique(apart[apart > 0], return_counts=True)
    return int(steps[counts.argmax()]) if len(steps) else STEP_FRAMES
