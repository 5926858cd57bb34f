"""KITTI forecasting: tracks of raw KITTI drives with bird's-eye maps, as MANTRA's authors release them.

Marchetz et al., "MANTRA: Memory Augmented Networks for Multiple Trajectory Prediction", CVPR 2020; the drives are those
of DESIRE (Lee et al., CVPR 2017). One file holds all drives::

    {"video_2011_09_26__2011_09_26_drive_0001_sync": {"track_0": {"trajectory": [[x, ...], [y, ...]],
                                                                  "cls": "Car", "start": 0, "end": 107}, ...}, ...}

``start`` and ``end`` are the first and the last frame, both included; a track of one frame has the trajectory [x, y].
What the release does not tell, its numbers do:

* Its y points to the *right* of x, as a picture's rows do: oncoming traffic would pass on the right, and the IMU, which
  sits 0.32 m left of the scanner, starts at -0.32 m. So y is turned round here, for a world with z up.
* ``track_0`` is the recording car, in every frame of every drive: it starts where the IMU sits in the scanner's
  coordinates, moved by whole pixels. Its places are the IMU's, 1.35 m behind the middle of the car.
* Nothing is said of heights, sizes and headings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.drives.drive import TRACK_COLUMNS, Drive, no_frames
from pipeline.drives.json_drives import scan_drives
from pipeline.drives.kitti_oxts import RATE_HZ, STEP_NS
from pipeline.drives.reader import DriveRef, plain_name
from pipeline.drives.road_pixels import read_road
from pipeline.drives.words import EGO, categories_of
from pipeline.errors import Dropped, InputError, one_line

FORMAT: Final = "kitti_forecasting"
FILE: Final = "kitti_dataset.json"
_EGO_TRACK: Final = "track_0"
_MOST_FRAMES: Final = 10**9
_TODO: Final = "take the file from the release again"


class KittiForecastingReader:
    """Reads the drives of MANTRA's release of KITTI."""

    name = FORMAT
    looks_for = f"{FILE} with maps/*_map.png"

    def find(self, path: Path) -> list[DriveRef]:
        """Every drive of the file; where it is broken, one without a key, whose reading says so."""
        file = path / FILE
        if not file.is_file():
            return []
        try:
            keys, _ = scan_drives(file)
        except InputError:
            return [DriveRef(name="kitti-forecasting", format=self.name, path=path)]
        return [DriveRef(name=_name(key), format=self.name, path=path, key=key) for key in keys]

    def read(self, ref: DriveRef) -> Drive:
        """Read one drive. Frames are 0.1 s apart, the first at 0; ``source_row`` is a point's place in its trajectory.

        Raises:
            InputError: The file is broken, or the drive has no usable track.
        """
        file = ref.path / FILE
        _, content = scan_drives(file, wanted=ref.key)
        where = f"{file}: {one_line(ref.key)[:100]}"
        tracks, dropped, notes = _tracks(content, where=where)
        picture = ref.path / "maps" / f"{plain_name(ref.key.removeprefix('video_'))}_map.png"
        drive_map, map_notes, map_dropped = read_road(picture)
        return Drive(
            name=ref.name,
            format=self.name,
            path=ref.path,
            rate_hz=RATE_HZ,
            tracks=tracks,
            frames=no_frames(),
            map=drive_map,
            dropped=dropped + map_dropped,
            notes=notes + map_notes,
        )


def _name(key: str) -> str:
    """``kitti-forecasting-2011_09_26_drive_0001``."""
    found = re.search(r"\d{4}_\d\d_\d\d_drive_\d+", key, re.ASCII)
    return plain_name(f"kitti-forecasting-{found[0] if found else key}")


def _tracks(content: Any, *, where: str) -> tuple[pd.DataFrame, tuple[Dropped, ...], tuple[str, ...]]:
    """The tracks of a drive; what was left out; notes on unknown words and a missing recording car."""
    if not isinstance(content, dict) or EGO in content:
        what = f"has a track of the name '{EGO}'" if isinstance(content, dict) else "is no object of tracks"
        raise InputError(where, what, _TODO)
    parts: list[pd.DataFrame] = []
    dropped: tuple[Dropped, ...] = ()
    for name, track in content.items():
        points = _points(track)
        if points is None or not name.strip():
            reason = "no name, or no trajectory of two lists as long as its frames from start to end"
            dropped += (Dropped(where=f"{where}: {one_line(name)[:100]}", reason=reason, count=_count(track)),)
            continue
        word = track.get("cls")
        told = {"source_row": np.arange(len(points)) + 1, "frame": track["start"] + np.arange(len(points))}
        told |= {"track_id": name, "raw_category": word if isinstance(word, str) else ""}
        parts.append(pd.DataFrame(told | {"x_m": points[:, 0], "y_m": -points[:, 1]}))
    if not parts:
        raise InputError(where, "has no usable track", _TODO)
    table = pd.concat(parts, ignore_index=True)
    category, notes = categories_of(table["raw_category"])
    is_ego = table["track_id"] == _EGO_TRACK
    if set(table["frame"][is_ego]) < set(table["frame"]):
        is_ego[:] = False
        notes += (f"'{_EGO_TRACK}' is not there all the time, so it is not the recording car: the drive has none",)
    table = table.assign(
        timestamp_ns=table["frame"] * STEP_NS,
        track_id=table["track_id"].mask(is_ego, EGO),
        category=category,
        is_ego=is_ego,
        z_m=0.0,
        **dict.fromkeys(("heading_rad", "length_m", "width_m", "height_m"), np.nan),
    )
    return table[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS), dropped, tuple(f"{where}: {note}" for note in notes)


def _points(track: Any) -> Float[np.ndarray, "f 2"] | None:
    """A track's places as the file has them; None where it is malformed."""
    if not isinstance(track, dict):
        return None
    lists, start, end = (track.get(key) for key in ("trajectory", "start", "end"))
    if not isinstance(lists, list) or len(lists) != 2 or type(start) is not int or type(end) is not int:
        return None
    if start == end and not isinstance(lists[0], list):
        lists = [[value] for value in lists]
    if not 0 <= start <= end < _MOST_FRAMES or any(
        not isinstance(values, list)
        or len(values) != end - start + 1
        or not all(type(value) in (int, float) for value in values)
        for values in lists
    ):
        return None
    return np.array(lists, dtype=np.float64).T


def _count(track: Any) -> int:
    """How many points a malformed track may have had."""
    lists = track.get("trajectory") if isinstance(track, dict) else None
    longest = max((len(part) for part in lists if isinstance(part, list)), default=1) if isinstance(lists, list) else 1
    return max(longest, 1)
