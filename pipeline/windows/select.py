"""Scenes by number: how batches, splits and shares of a data set are taken."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from jaxtyping import Bool, Int

from pipeline.windows.windows import PER_SCENE, SPLITS, Future, Observed, SceneIndex, Windows


def select_scenes(windows: Windows, scenes: Int[np.ndarray, " s"]) -> Windows:
    """Gather scenes with their agents, in the given order; a scene may be asked for more than once.

    Args:
        windows: May be memory-mapped: only what is selected is read.
        scenes: Indices of scenes.

    Returns:
        The selection in memory, its scenes renumbered from 0; drives and tracks keep their numbers.
    """
    index, observed, future = windows.index, windows.observed, windows.future
    scenes = np.asarray(scenes, np.int64)
    counts = index.agent_offset[scenes + 1] - index.agent_offset[scenes]
    offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    agents = np.repeat(index.agent_offset[scenes] - offset[:-1], counts) + np.arange(offset[-1])
    gathered = {
        f.name: getattr(observed, f.name)[scenes if f.name in PER_SCENE else agents]
        for f in fields(Observed)
        if f.name != "scene"
    }
    return replace(
        windows,
        index=SceneIndex(
            drive=index.drive[scenes],
            t0_ns=index.t0_ns[scenes],
            origin_m=index.origin_m[scenes],
            split=index.split[scenes],
            agent_offset=offset,
            track=index.track[agents],
            drive_names=index.drive_names,
            track_names=index.track_names,
        ),
        observed=Observed(scene=np.repeat(np.arange(len(scenes)), counts), **gathered),
        future=Future(**{f.name: getattr(future, f.name)[agents] for f in fields(Future)}),
    )


def select_agents(observed: Observed, agents: Int[np.ndarray, " a"]) -> Observed:
    """Gather what was observed of some agents; scenes keep their numbers and features."""
    return Observed(
        **{
            f.name: getattr(observed, f.name) if f.name in PER_SCENE else getattr(observed, f.name)[agents]
            for f in fields(Observed)
        }
    )


def keep_agents(windows: Windows, kept: Bool[np.ndarray, " n"]) -> Windows:
    """Some of the agents alone; the scenes stay, also those that hold no one any more."""
    index, agents = windows.index, np.flatnonzero(kept)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return replace(
        windows,
        index=replace(index, agent_offset=before[index.agent_offset], track=index.track[agents]),
        observed=select_agents(windows.observed, agents),
        future=Future(**{f.name: getattr(windows.future, f.name)[agents] for f in fields(Future)}),
    )


def scenes_of(windows: Windows, split: str) -> Int[np.ndarray, " s"]:
    """Indices of the scenes of one of ``SPLITS``."""
    return np.flatnonzero(windows.index.split == SPLITS.index(split))
