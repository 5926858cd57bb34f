"""What a set of windows holds and what was left out, in a few numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from pipeline.windows.build import Built
from pipeline.windows.select import scenes_of
from pipeline.windows.windows import SPLITS

_LEFT_OUT: Final = "left out"
_COUNTED: Final = ("drives", "scenes", "scenes_with_frames", "agents", "agents_with_future")

Tally = Counter[tuple[str, str]]  # (split, what is counted), and (left out, reason)


def tally(built: Built) -> Tally:
    """Count; the tallies of different drives add up."""
    index, observed = built.windows.index, built.windows.observed
    counts: Tally = Counter()
    for split in SPLITS:
        scenes = scenes_of(built.windows, split)
        agents = np.isin(observed.scene, scenes)
        numbers = (
            len(np.unique(index.drive[scenes])),
            len(scenes),
            int(observed.frame_feature_valid[scenes].any(axis=1).sum()),
            int(agents.sum()),
            int(built.windows.future.valid[agents].any(axis=1).sum()),
        )
        counts.update({(split, what): number for what, number in zip(_COUNTED, numbers, strict=True)})
    for dropped in built.left_out:
        counts[_LEFT_OUT, dropped.reason] += dropped.count
    return counts


def summarise(counts: Tally, *, backbone: str, channels: int) -> dict[str, Any]:
    """A tally as JSON for the windows' ``extra``.

    Args:
        counts: Of all drives.
        backbone: Digest of the CNN that all scene features come from; empty where no drive has frames.
        channels: Of all scene features.

    Returns:
        ``backbone`` and ``scene_channels``; per split the numbers of drives, scenes, scenes with a frame, agents and
        agents with a recorded future (an agent counts in each of its scenes); ``left_out``: forecast times by reason.
    """
    return {
        "backbone": backbone,
        "scene_channels": channels,
        "counts": {split: {what: counts[split, what] for what in _COUNTED} for split in SPLITS},
        "left_out": {reason: count for (kind, reason), count in sorted(counts.items()) if kind == _LEFT_OUT},
    }


def summary_line(summary: dict[str, Any]) -> str:
    """The summary for people, on one line."""
    parts = [
        f"{split} {some['scenes']:,} scenes, {some['agents']:,} agents" for split, some in summary["counts"].items()
    ]
    left_out = [f"{count:,} {reason}" for reason, count in summary["left_out"].items()]
    return "; ".join([*parts, f"left out {', '.join(left_out) or 'nothing'}"])
