"""Tables in disorder: measurements that are mostly unusable, tracks that jump, times out of order."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.drives.drive import Drive
from pipeline.errors import Suspicion
from pipeline.ingest.suspicions.paths import Paths

DROPPED: Final = "mostly dropped"
JUMPS: Final = "jumps"
MOST_BROKEN: Final = 0.2  # of the tracks; trackers that swap two agents now and then break a few in a hundred
_LEAST_TRACKS: Final = 3
MOST_DROPPED: Final = 0.5
MOST_DISORDER: Final = 0.1


def suspect_dropped(drive: Drive, *, num_usable: int) -> list[Suspicion]:
    """More measurements rejected than kept."""
    num_rows = len(drive.tracks)
    if num_usable >= (1.0 - MOST_DROPPED) * num_rows:
        return []
    what = f"{num_rows - num_usable} of {num_rows} measurements cannot be used"
    cause, todo = "a damaged table, or columns that mean something else", "look at the reasons given for them"
    return [Suspicion(kind=DROPPED, where=f"{drive.name}: tracks", what=what, cause=cause, todo=todo)]


def suspect_jumps(paths: Paths, *, max_speed_mps: float) -> list[Suspicion]:
    """Many tracks with a displacement that nobody can make."""
    speed = np.linalg.norm(np.diff(paths.xy_m, axis=0), axis=1) / np.maximum(np.diff(paths.times_s), 1e-9)
    jump = (paths.track[1:] == paths.track[:-1]) & (speed > max_speed_mps)
    broken, num_tracks = len(np.unique(paths.track[1:][jump])), len(np.unique(paths.track))
    if num_tracks < _LEAST_TRACKS or broken <= MOST_BROKEN * num_tracks:
        return []
    what = f"{broken} of {num_tracks} tracks jump faster than {max_speed_mps:g} m/s"
    cause, todo = "ids used for several agents, or outliers", "give each agent its own track_id, and take outliers out"
    return [Suspicion(kind=JUMPS, where=f"{paths.name}: tracks", what=what, cause=cause, todo=todo)]


def disorder_note(drive: Drive) -> list[str]:
    """A note where a few measurements stand before earlier ones of their track in the source.

    A source that keeps no order of time at all (rows by chance, newest first) is not worth a word.
    """
    rows = drive.tracks
    latest = rows["timestamp_ns"].groupby(rows["track_id"]).cummax()
    count = int((rows["timestamp_ns"] < latest).sum())
    if not 0 < count <= MOST_DISORDER * len(rows):
        return []
    return [f"{drive.name}: {count} measurements stand after later ones of their track; they were sorted"]
