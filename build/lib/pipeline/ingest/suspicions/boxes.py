"""Boxes that cannot be right: broader than long, or many in one another's place."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.categories import Group
from pipeline.drives.footprints import overlapping_pairs
from pipeline.errors import Suspicion
from pipeline.ingest.reject import MAX_SIZE_M
from pipeline.ingest.suspicions.paths import Paths

SWAPPED: Final = "sizes swapped"
OVERLAP: Final = "overlap"
_LEAST_TRACKS: Final = 3
# Trailers stand in their lorries, and boxes are a little too large: of the real drives here one has 9 % of its vehicle
# boxes reach by half their breadth into another, the others at most 2 %.
MOST_OVERLAPPING: Final = 0.2
_NUM_TIMES: Final = 40  # looked at, over the whole drive
_MOST_BOXES: Final = 10_000  # likewise: beyond it, each second one, third one and so on


def suspect_boxes(paths: Paths) -> list[Suspicion]:
    """Look at the vehicles' lengths and widths."""
    length, width = (paths.rows[name].to_numpy(np.float64) for name in ("length_m", "width_m"))
    known = (paths.group == Group.VEHICLE) & (length > 0.0) & (width > 0.0) & np.isfinite(length) & np.isfinite(width)
    is_ego = paths.rows["is_ego"].to_numpy(np.bool_)
    medians = pd.DataFrame({"length": length[known], "width": width[known], "ego": is_ego[known]})
    medians = medians.groupby(paths.track[known]).median()
    broad, ego = medians["width"] > medians["length"], medians["ego"] > 0.5
    todo = "write the length along the heading, the width across it"
    if broad[~ego].mean() > 0.5 and (~ego).sum() >= _LEAST_TRACKS:
        what = f"{int(broad[~ego].sum())} of {int((~ego).sum())} vehicles are broader than long"
        where, cause = f"{paths.name}: sizes", "length and width swapped"
        return [Suspicion(kind=SWAPPED, where=where, what=what, cause=cause, todo=todo)]
    if broad[ego].any():
        size = medians[ego & broad].iloc[0]
        what = f"it is {size['length']:.3g} m long and {size['width']:.3g} m wide"
        where, cause = f"{paths.name}: ego", "its length and width swapped"
        return [Suspicion(kind=SWAPPED, where=where, what=what, cause=cause, todo=todo)]
    return []


def suspect_overlap(paths: Paths) -> list[Suspicion]:
    """Look at which vehicles stand in one another, at some of the times."""
    columns = ["x_m", "y_m", "heading_rad", "length_m", "width_m"]
    boxes = paths.rows[columns].to_numpy(np.float64)
    sized = ((boxes[:, 3:] > 0.0) & (boxes[:, 3:] <= MAX_SIZE_M)).all(axis=1)
    known = (paths.group == Group.VEHICLE) & np.isfinite(boxes).all(axis=1) & sized
    times = np.unique(paths.times_ns[known])
    if not len(times):
        return []
    some = times[np.linspace(0, len(times) - 1, min(len(times), _NUM_TIMES)).astype(np.int64)]
    chosen = np.flatnonzero(known & np.isin(paths.times_ns, some))
    chosen = chosen[:: len(chosen) // _MOST_BOXES + 1]
    boxes, when = boxes[chosen], np.searchsorted(some, paths.times_ns[chosen])
    # Far from its origin a world leaves few digits, and the pairs are looked up in a tree.
    pairs = overlapping_pairs(
        boxes[:, :2] - boxes[:, :2].mean(axis=0),
        boxes[:, 2],
        boxes[:, 3:],
        step=when,
        tolerance_m=boxes[:, 3:].min(axis=1) / 2,
    )
    share = len(np.unique(pairs)) / len(boxes)
    if share <= MOST_OVERLAPPING:
        return []
    what = f"{share:.0%} of the vehicles' boxes stand deep in another's"
    cause, todo = "each vehicle there twice, or boxes too large", "leave one of each, or mend the sizes"
    return [Suspicion(kind=OVERLAP, where=f"{paths.name}: boxes", what=what, cause=cause, todo=todo)]
