"""What a set of windows holds and what was left out, in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import Built
from pipeline.windows.select import scenes_of
from pipeline.windows.windows import SPLITS


def summarise(built: Built, *, features: Sequence[SceneFeatures]) -> dict[str, Any]:
    """Count, and name the CNN that all scene features come from.

    Returns:
        JSON for the windows' ``extra``: ``backbone`` (its digest, empty where no drive has frames) and
        ``scene_channels``; per split the numbers of drives, scenes, scenes with a frame, agents and agents with a
        recorded future (an agent counts in each of its scenes); ``left_out``: forecast times by reason.

    Raises:
        InputError: The features come from different CNNs.
    """
    index, observed = built.windows.index, built.windows.observed
    counts: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        scenes = scenes_of(built.windows, split)
        agents = np.isin(observed.scene, scenes)
        counts[split] = {
            "drives": len(np.unique(index.drive[scenes])),
            "scenes": len(scenes),
            "scenes_with_frames": int(observed.frame_feature_valid[scenes].any(axis=1).sum()),
            "agents": int(agents.sum()),
            "agents_with_future": int(built.windows.future.valid[agents].any(axis=1).sum()),
        }
    left_out: Counter[str] = Counter()
    for dropped in built.left_out:
        left_out[dropped.reason] += dropped.count
    return {
        "backbone": _common_digest(features),
        "scene_channels": observed.frame_feature.shape[-1],
        "counts": counts,
        "left_out": dict(sorted(left_out.items())),
    }


def summary_line(summary: dict[str, Any]) -> str:
    """The summary for people, on one line."""
    parts = [
        f"{split} {some['scenes']:,} scenes, {some['agents']:,} agents" for split, some in summary["counts"].items()
    ]
    left_out = [f"{count:,} {reason}" for reason, count in summary["left_out"].items()]
    return "; ".join([*parts, f"left out {', '.join(left_out) or 'nothing'}"])


def _common_digest(features: Sequence[SceneFeatures]) -> str:
    digests = {one.digest: one.name for one in features if one.digest}
    if len(digests) > 1:
        what = f"come from different CNNs ({', '.join(sorted(digests.values()))})"
        raise InputError("scene features", what, "run the scene_features stage again for all sources")
    return next(iter(digests), "")
