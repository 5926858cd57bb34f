"""The labels of a raw KITTI drive: boxes in the laser scanner's coordinates, as XML of boost's serialisation."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from pipeline.drives.kitti_boxes import Boxes
from pipeline.drives.kitti_text import TODO, floats
from pipeline.drives.plain_file import read_plain
from pipeline.drives.tables import dropped_rows
from pipeline.errors import Dropped, InputError

_MOST_MB: Final = 100  # the longest drive's has some 20
_MOST_DEEP: Final = 20
_MOST_TRACKLETS: Final = 100_000
_MOST_LETTERS: Final = 100  # of a value
_TRACKLET: Final = ["boost_serialization", "tracklets", "item"]
_POSE: Final = [*_TRACKLET, "poses", "item"]
_SIZE: Final = ("l", "w", "h")
_PLACE: Final = ("tx", "ty", "tz", "rz")
_KEPT: Final = frozenset({"objectType", "first_frame", *_SIZE, *_PLACE})


def read_tracklets(path: Path) -> tuple[Boxes, tuple[Dropped, ...]]:
    """Read ``tracklet_labels.xml``.

    A tracklet has a class, a size, a first frame and one pose for each frame from there on: the middle of the box's
    bottom (``tx``, ``ty``, ``tz``) and its turn about the axis that points up (``rz``). Agents are numbered from 0 in
    the order of the file.

    Raises:
        InputError: It is missing, too large, no XML, declares entities, or has no tracklets.
    """
    tracklets = _parse(path)
    unusable: list[int] = []
    usable: list[tuple[int, _Tracklet, list[float]]] = []
    for number, tracklet in enumerate(tracklets):
        start, word = tracklet.told.get("first_frame", ""), tracklet.told.get("objectType", "")
        size = floats([tracklet.told.get(name, "") for name in _SIZE])
        if size is None or not word.strip() or not start.isdecimal() or len(start) > 9:
            unusable += tracklet.lines
        else:
            usable.append((number, tracklet, [float(start), *size]))
    if not usable:
        raise InputError(path, "has no tracklets", TODO)
    counts = [len(tracklet.lines) for _, tracklet, _ in usable]
    line = np.concatenate([tracklet.lines for _, tracklet, _ in usable]).astype(np.int64)
    x, y, bottom, turn = np.concatenate([tracklet.poses for _, tracklet, _ in usable]).reshape(-1, len(_PLACE)).T
    start, *size = np.repeat([values for _, _, values in usable], counts, axis=0).T
    since = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    good = np.isfinite(turn)
    dropped = dropped_rows(path, unusable, reason="pose of a tracklet without a class, a size or a first frame")
    dropped += dropped_rows(path, line[~good].tolist(), reason="malformed pose")
    whose = np.repeat(np.arange(len(usable)), counts)[good].tolist()
    boxes = Boxes(
        path=path,
        row=line[good],
        frame=(start.astype(np.int64) + since)[good],
        track_id=[str(usable[index][0]) for index in whose],
        word=[usable[index][1].told["objectType"].strip() for index in whose],
        centre_m=np.stack([x, y, bottom + size[2] / 2], axis=-1)[good],
        forward=np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=-1)[good],
        size_m=np.stack(size, axis=-1)[good],
    )
    return boxes, dropped


@dataclass(frozen=True, slots=True)
class _Tracklet:
    """What the file tells of one agent."""

    told: dict[str, str] = field(default_factory=dict)
    lines: array[int] = field(default_factory=lambda: array("q"))  # of its poses
    poses: array[float] = field(default_factory=lambda: array("d"))  # four values each; NaN where malformed


def _parse(path: Path) -> list[_Tracklet]:
    """The file's tracklets; memory is bounded by its size, for no tree is built of it."""
    target = _Target()
    missing = "download the drive's tracklets from KITTI, or leave it out: without them it has no agents"
    content = read_plain(path, most_mb=_MOST_MB, missing=missing, smaller=TODO)
    try:
        target.parser.feed(content)
        target.parser.close()
    except DefusedXmlException as error:
        raise InputError(path, f"is refused: it is hostile ({error.__class__.__name__})", TODO) from error
    except ParseError as error:
        where, what = f"{path}: line {error.position[0]}", str(error).split(":")[0]
        raise InputError(where, f"is not XML ({what})", TODO) from error
    except (LookupError, ValueError) as error:  # an encoding that Python does not know, or expat cannot read
        raise InputError(path, f"is not XML ({' '.join(str(error).split())[:80]})", TODO) from error
    return target.tracklets


class _Target:
    """What the parser calls, some hundred thousand times. No tree is built; tracklets are kept as they come."""

    def __init__(self) -> None:
        self.parser = XMLParser(target=self)
        self.tracklets: list[_Tracklet] = []
        self._open: list[str] = []
        self._pose: dict[str, str] = {}
        self._value: str | None = None  # of the element that is open, where it is one that is kept

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """An element opens."""
        self._open.append(tag)
        self._value = "" if tag in _KEPT else None
        if len(self._open) > _MOST_DEEP or len(self.tracklets) > _MOST_TRACKLETS:
            raise ValueError("nested or repeated without end")
        if tag != "item":
            return
        if self._open == _TRACKLET:
            self.tracklets.append(_Tracklet())
        elif self._open == _POSE:
            self._pose.clear()
            self.tracklets[-1].lines.append(self.parser.parser.CurrentLineNumber)

    def data(self, text: str) -> None:
        """Some of an element's text."""
        if self._value is not None and len(self._value) < _MOST_LETTERS:
            self._value += text[:_MOST_LETTERS]

    def end(self, tag: str) -> None:
        """An element closes."""
        if tag == "item" and self._open == _POSE:
            place = floats([self._pose.get(name, "") for name in _PLACE])
            self.tracklets[-1].poses.extend(place or [math.nan] * len(_PLACE))
        self._open.pop()
        if self._value is not None:
            if self._open == _POSE:
                self._pose[tag] = self._value
            elif self._open == _TRACKLET:
                self.tracklets[-1].told[tag] = self._value
            self._value = None

    def close(self) -> None:
        """The file is at its end."""
