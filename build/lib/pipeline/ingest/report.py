"""What ingest made of a drive, for people: what came in, what was dropped and why, what came out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.drives.categories import Category
from pipeline.drives.map import DriveMap
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.jumps import is_later_part


def ingest_report(clean: CleanDrive) -> dict[str, Any]:
    """Count what ingest did.

    Returns:
        JSON: the drive's ``name``, ``duration_s``, ``rate_hz`` and ``num_steps``; ``num_raw_rows`` in and ``num_rows``
        out, of which ``num_measured_rows`` lie exactly on a measurement; ``agents_by_category`` (an agent by the
        category of its first row); ``num_agents_split`` (parts begun by an impossible jump); ``num_gaps`` (places
        where an agent is missing between two of its rows); ``num_frames`` and ``cameras``; ``map`` (how many ``lanes``,
        ``crossings`` and ``centerlines``, and the ``drivable_area_m2``; null without a map); ``dropped_by_reason``, the
        ``dropped`` entries themselves, the ``notes`` and the ``suspicions``.
    """
    tracks = clean.tracks
    first = tracks.drop_duplicates("agent_id")
    step = tracks["step"].to_numpy(np.int64)
    same_agent = (tracks["agent_id"] == tracks["agent_id"].shift()).to_numpy(np.bool_)[1:]
    reasons: Counter[str] = Counter()
    for entry in clean.dropped:
        reasons[entry.reason] += entry.count
    return {
        "name": clean.name,
        "source_path": clean.source_path,
        "duration_s": (int(clean.step_times_ns[-1]) - int(clean.step_times_ns[0])) / 1e9,
        "rate_hz": clean.rate_hz,
        "num_steps": len(clean.step_times_ns),
        "num_raw_rows": clean.num_raw_rows,
        "num_rows": len(tracks),
        "num_measured_rows": int((tracks["known_at_ns"] == tracks["t_ns"]).sum()),
        "num_agents": len(first),
        "agents_by_category": _by_name(first["category"].tolist()),
        "num_agents_split": sum(map(is_later_part, first["agent_id"].tolist())),
        "num_gaps": int((same_agent & (np.diff(step) > 1)).sum()),
        "num_frames": len(clean.frames),
        "cameras": sorted(clean.cameras),
        "map": map_counts(clean.map),
        "dropped_by_reason": dict(sorted(reasons.items())),
        "dropped": [{"where": entry.where, "reason": entry.reason, "count": entry.count} for entry in clean.dropped],
        "notes": list(clean.notes),
        "suspicions": [asdict(entry) for entry in clean.suspicions],
    }


def map_counts(drive_map: DriveMap | None) -> dict[str, float] | None:
    """How many surfaces and lines a map has, and its drivable area in square metres; None without a map."""
    if drive_map is None:
        return None
    area_m2 = round(drive_map.drivable_area.area, 1)
    return {
        "lanes": len(drive_map.lanes),
        "crossings": len(drive_map.crossings),
        "centerlines": len(drive_map.centerlines),
        "drivable_area_m2": area_m2,
    }


def _by_name(categories: list[int]) -> dict[str, int]:
    return {Category(number).name.lower(): count for number, count in sorted(Counter(categories).items())}
