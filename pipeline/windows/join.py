"""Windows one after the other, with numbers of scenes, agents, drives and tracks that go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import chain

import numpy as np

from pipeline.windows.windows import GROUPS, NAMES, Future, Observed, SceneIndex, Windows

Arrays = dict[tuple[str, str], np.ndarray]


def continued(windows: Iterable[Windows]) -> Iterator[tuple[Windows, Arrays]]:
    """Each, as it comes, with what it adds to the arrays of all together, by group and field.

    Args:
        windows: Of different drives.
    """
    scenes = agents = drives = tracks = 0
    for number, one in enumerate(windows):
        shifts = {
            ("index", "drive"): drives,
            ("index", "track"): tracks,
            ("index", "agent_offset"): agents,
            ("observed", "scene"): scenes,
        }
        arrays: Arrays = {
            (group, f.name): getattr(getattr(one, group), f.name)
            for group, kind in GROUPS.items()
            for f in fields(kind)
            if f.name not in NAMES
        }
        for key, shift in shifts.items():
            arrays[key] = arrays[key] + arrays[key].dtype.type(shift)
        if number:  # where its agents begin is where those before end
            arrays["index", "agent_offset"] = arrays["index", "agent_offset"][1:]
        scenes += len(one.index.t0_ns)
        agents += len(one.index.track)
        drives += len(one.index.drive_names)
        tracks += len(one.index.track_names)
        yield one, arrays


def concatenate(windows: Sequence[Windows]) -> Windows:
    """All of them as one, in memory."""
    pieces = [arrays for _, arrays in continued(windows)]
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    for group, name in pieces[0]:
        groups[group][name] = np.concatenate([piece[group, name] for piece in pieces])
    return Windows(
        rate_hz=windows[0].rate_hz,
        index=SceneIndex(
            **groups["index"],
            drive_names=tuple(chain.from_iterable(one.index.drive_names for one in windows)),
            track_names=tuple(chain.from_iterable(one.index.track_names for one in windows)),
        ),
        observed=Observed(**groups["observed"]),
        future=Future(**groups["future"]),
    )
