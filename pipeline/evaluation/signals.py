"""What simulated signals really showed to each agent: the truth beside simulated drives, for ablations alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.errors import InputError
from pipeline.windows.windows import Windows

RED, YELLOW, GREEN = range(3)
UNKNOWN: Final = -1
_STATES: Final = {"r": RED, "u": RED, "y": YELLOW, "g": GREEN, "G": GREEN}  # SUMO's letters
_TABLES: Final = ("agents", "signals", "stop_lines", "tracks")
_TODO: Final = "give the folder that headway simulate --truth wrote beside these drives"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSignals:
    """Of n agents and f frame slots.

    Attributes:
        state: Of the signal of the agent's lane at the slot's time: ``RED``, ``YELLOW`` or ``GREEN``; ``UNKNOWN``
            where the lane has none or the agent was not there.
        distance_m: To that lane's stop line at the forecast time; infinite where there is none.
    """

    state: Int[np.ndarray, "n f"]
    distance_m: Float[np.ndarray, " n"]


def shown_signals(windows: Windows, *, truth: Path, slots_s: Sequence[float]) -> ShownSignals:
    """Look up what each agent's signal showed.

    Args:
        windows: Of simulated drives.
        truth: Folder with a folder for each of them.
        slots_s: Seconds before the forecast time, of each slot.

    Raises:
        InputError: A drive's truth is missing or cannot be read.
    """
    index, scene = windows.index, windows.observed.scene
    state = np.full((len(scene), len(slots_s)), UNKNOWN, np.int64)
    distance_m = np.full(len(scene), np.inf)
    for number, name in enumerate(index.drive_names):
        own = np.flatnonzero(index.drive[scene] == number)
        if not len(own):
            continue
        tables = {table: _read(truth / name / f"{table}.parquet") for table in _TABLES}
        agent_of = dict(zip(tables["tracks"]["track_id"], tables["tracks"]["agent_id"], strict=True))
        # What ingest cut in two after a jump is the same track.
        tracks = [index.track_names[track][1].split("~")[0] for track in index.track[own]]
        agents = [agent_of.get(track, "") for track in tracks]
        course = tables["agents"].set_index(["timestamp_ns", "agent_id"])[["lane_id", "x_m", "y_m"]]
        times = np.unique(tables["agents"]["timestamp_ns"])
        lines = tables["stop_lines"].set_index("lane_id")
        shown = tables["signals"].set_index(["timestamp_ns", "signal_id"])["state"].map(_STATES)
        t0_ns = index.t0_ns[scene[own]]
        for slot, back_s in enumerate(slots_s):
            at = times[np.maximum(np.searchsorted(times, t0_ns - round(back_s * 1e9), side="right") - 1, 0)]
            where = course.reindex(pd.MultiIndex.from_arrays([at, agents]))
            line = lines.reindex(where["lane_id"])
            found = shown.reindex(pd.MultiIndex.from_arrays([at, line["signal_id"]])).to_numpy(np.float64)
            state[own, slot] = np.where(np.isfinite(found), found, UNKNOWN).astype(np.int64)
            if back_s == 0.0:
                offset = where[["x_m", "y_m"]].to_numpy() - line[["x_m", "y_m"]].to_numpy()
                distance_m[own] = np.nan_to_num(np.hypot(offset[:, 0], offset[:, 1]), nan=np.inf)
    return ShownSignals(state=state, distance_m=distance_m)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(path, "is missing or cannot be read", _TODO) from error
