"""Everything about a drive that can be used but is hardly as its source meant it."""

from __future__ import annotations

from typing import Final

from pipeline.config import IngestConfig
from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import Drive
from pipeline.errors import Suspicion
from pipeline.ingest.suspicions.boxes import SWAPPED, suspect_boxes, suspect_overlap
from pipeline.ingest.suspicions.cameras import suspect_cameras
from pipeline.ingest.suspicions.damage import disorder_note, suspect_dropped, suspect_jumps
from pipeline.ingest.suspicions.headings import HEADING, suspect_headings
from pipeline.ingest.suspicions.paths import paths_of
from pipeline.ingest.suspicions.places import suspect_map
from pipeline.ingest.suspicions.units import LENGTH, SPEED, TIME, suspect_units

_DRIVING: Final = [category for category in Category if category.group is Group.VEHICLE]


def suspect(drive: Drive, *, num_usable: int, config: IngestConfig) -> tuple[Suspicion, ...]:
    """Look for what cannot be meant. What a wrong unit explains is not said again.

    Args:
        drive: As its reader delivered it.
        num_usable: Its measurements that were not rejected.
        config: The ``ingest`` section.
    """
    paths = paths_of(drive)
    found = suspect_units(paths) + suspect_boxes(paths)
    kinds = {entry.kind for entry in found}
    if not kinds & {LENGTH, SPEED}:
        found += suspect_headings(paths) + suspect_map(paths, drive.map)
    if not kinds & {LENGTH, SPEED, TIME}:
        found += suspect_cameras(paths, drive) + suspect_jumps(paths, max_speed_mps=config.max_speed_mps)
    if not {entry.kind for entry in found} & {LENGTH, SPEED, HEADING, SWAPPED}:
        found += suspect_overlap(paths)
    return tuple(found + suspect_dropped(drive, num_usable=num_usable))


def notes_on(drive: Drive) -> tuple[str, ...]:
    """What cleaning takes as it is though users may want to know."""
    notes = disorder_note(drive)
    drives = drive.tracks["category"].isin(_DRIVING)  # people alone are filmed by a camera that stands
    if drives.any() and not drive.tracks["is_ego"].any():
        notes.append(f"{drive.name}: no track is the recording vehicle; scenes are placed by the midst of all agents")
    return tuple(notes)
