"""Impossible jumps: where a track's next measurement cannot be the same agent."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float, Int


def split_jumps(
    track: Int[np.ndarray, " m"],
    *,
    times_ns: Int[np.ndarray, " m"],
    xy_m: Float[np.ndarray, "m 2"],
    max_speed_mps: float,
    max_gap_s: float,
) -> Int[np.ndarray, " m"]:
    """Number the parts of every track, 1 up to its first impossible jump.

    A displacement that needs more than ``max_speed_mps`` ends a part. A single glitch does not shatter the track:
    the measurement right after a jump goes on with the part before the jump where that needs the lower speed (and
    that part is at most ``max_gap_s`` old), so that the glitch alone becomes a part of its own. Each decision looks
    at earlier measurements only.

    Args:
        track: Which track each measurement is of; ascending.
        times_ns: Ascending within a track, without repeats.
        xy_m: Positions in the plane.
        max_speed_mps: Speed above which a displacement is impossible.
        max_gap_s: A part older than this is not gone back to.
    """
    parts = np.ones(len(track), dtype=np.int64)
    speed = np.hypot(*np.diff(xy_m, axis=0).T) / np.maximum(np.diff(times_ns) * 1e-9, 1e-9)
    jump = (track[1:] == track[:-1]) & (speed > max_speed_mps)
    for broken in np.unique(track[1:][jump]):
        start, stop = np.searchsorted(track, [broken, broken + 1])
        parts[start:stop] = _parts_of(
            (times_ns[start:stop] - times_ns[start]) * 1e-9,
            xy_m[start:stop],
            max_speed_mps=max_speed_mps,
            max_gap_s=max_gap_s,
        )
    return parts


def _parts_of(
    times_s: Float[np.ndarray, " m"], xy_m: Float[np.ndarray, "m 2"], *, max_speed_mps: float, max_gap_s: float
) -> list[int]:
    """The parts of one track."""
    parts = [1]
    last = {1: 0}  # part -> its latest measurement
    home = 0  # the part that the latest jump left; 0 once that jump is confirmed by a second measurement

    def needed_mps(part: int, i: int) -> float:
        j = last[part]
        return float(np.hypot(*(xy_m[i] - xy_m[j])) / max(times_s[i] - times_s[j], 1e-9))

    for i in range(1, len(times_s)):
        part = parts[-1]
        if home and times_s[i] - times_s[last[home]] > max_gap_s:
            home = 0
        onward = needed_mps(part, i)
        if home and needed_mps(home, i) < min(onward, max_speed_mps):
            part, home = home, 0
        elif onward <= max_speed_mps:
            home = 0
        else:
            home = home or part
            part = len(last) + 1
        parts.append(part)
        last[part] = i
    return parts


def agent_name(track_id: str, *, part: int) -> str:
    """The clean table's agent id: the track's, with ``~2``, ``~3`` ... for later parts.

    A ``~`` of the source's own is doubled, so that no two agents share an id.
    """
    escaped = track_id.replace("~", "~~")
    return escaped if part == 1 else f"{escaped}~{part}"


def is_later_part(agent_id: str) -> bool:
    """Whether an id of ``agent_name`` is that of a part after a jump."""
    found = re.search(r"(~+)\d+$", agent_id)
    return found is not None and len(found[1]) % 2 == 1
