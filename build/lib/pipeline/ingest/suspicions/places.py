"""A map that lies elsewhere than the road users."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely

from pipeline.drives.categories import Group
from pipeline.drives.map import DriveMap
from pipeline.errors import Suspicion
from pipeline.ingest.suspicions.paths import Paths

MAP: Final = "map frame"
# Car parks, driveways and kerbs are off a drivable area by less than 10 m; people walk further from it.
FAR_M: Final = {True: 10.0, False: 50.0}
_NUM_POINTS: Final = 1000


def suspect_map(paths: Paths, drive_map: DriveMap | None) -> list[Suspicion]:
    """Look at how many of those who drive are far off where one can drive.

    Where nobody drives, it is all road users; where no drivable area is known, all else that the map has.
    """
    if drive_map is None:
        return []
    area = drive_map.drivable_area
    if area.is_empty:
        ways = drive_map.lanes + drive_map.crossings + drive_map.centerlines
        area = shapely.union_all(np.array(ways, dtype=object))
    driving = np.isin(paths.group, (Group.VEHICLE, Group.TWO_WHEELER))
    anybody_drives = bool(driving.any())
    points = paths.xy_m[driving] if anybody_drives else paths.xy_m
    if area.is_empty or not len(points):
        return []
    points = points[np.linspace(0, len(points) - 1, min(len(points), _NUM_POINTS)).astype(np.int64)]
    distance_m = shapely.distance(area, shapely.points(points))
    share = float(np.mean(distance_m > FAR_M[anybody_drives]))
    if share <= 0.5:
        return []
    who = "those who drive" if anybody_drives else "the road users"
    off = f"{FAR_M[anybody_drives]:g} m off where one can drive, {np.median(distance_m):.0f} m in the median"
    what = f"{share:.0%} of {who} are over {off}"
    cause = "a map in another frame than the tracks, or of another place"
    todo = "give it in the world frame of the tracks"
    return [Suspicion(kind=MAP, where=f"{paths.name}: map", what=what, cause=cause, todo=todo)]
