"""Agents and forecasts written down by hand."""

from typing import Any

import numpy as np

from pipeline.drives.categories import Category
from pipeline.forecasts import Forecasts, gaussian_radius
from pipeline.windows.windows import Future, Observed, SceneIndex, Windows


def observed(xy_m: Any, *, valid: Any = None, **given: Any) -> Observed:
    """Cars of one scene, 4 x 2 m and heading along x, unless given otherwise."""
    xy = np.asarray(xy_m, np.float64)
    n, t = xy.shape[:2]
    values: dict[str, Any] = {
        "scene": np.zeros(n, np.int64),
        "category": np.full(n, Category.CAR, np.int8),
        "is_ego": np.zeros(n, bool),
        "size_m": np.tile([4.0, 2.0], (n, 1)),
        "heading_rad": np.zeros((n, t)),
        "heading_valid": np.ones((n, t), bool),
    }
    values |= {name: np.asarray(value) for name, value in given.items()}
    b = int(values["scene"].max(initial=-1)) + 1
    return Observed(
        **values,
        xy_m=xy,
        valid=np.ones((n, t), bool) if valid is None else np.asarray(valid, bool),
        agent_feature=np.zeros((n, 1, 2), np.float16),
        agent_feature_valid=np.zeros((n, 1), bool),
        ahead_feature=np.zeros((n, 1, 2), np.float16),
        ahead_feature_valid=np.zeros((n, 1), bool),
        frame_feature=np.zeros((b, 1, 2), np.float16),
        frame_feature_valid=np.zeros((b, 1), bool),
    )


def future(xy_m: Any, *, valid: Any = None) -> Future:
    """A recorded future, all of it valid unless given."""
    xy = np.asarray(xy_m, np.float64)
    there = np.ones(xy.shape[:2], bool) if valid is None else np.asarray(valid, bool)
    return Future(xy_m=xy, heading_rad=np.zeros(xy.shape[:2]), valid=there)


def forecasts(
    single: Any, *, modes: Any = None, probability: Any = None, sigma_m: Any = 1.0, rho: float = 0.0
) -> Forecasts:
    """A forecast with the same spread everywhere; the single one is its only mode unless modes are given."""
    xy = np.asarray(single, np.float64)
    each = xy[:, None] if modes is None else np.asarray(modes, np.float64)
    return Forecasts(
        radius=gaussian_radius(*xy.shape[:2]),
        single_xy_m=xy,
        single_sigma_m=np.broadcast_to(np.asarray(sigma_m, float), xy.shape).copy(),
        single_rho=np.full(xy.shape[:-1], rho),
        mode_xy_m=each,
        mode_sigma_m=np.broadcast_to(np.asarray(sigma_m, float), each.shape).copy(),
        mode_rho=np.full(each.shape[:-1], rho),
        probability=np.ones(each.shape[:2]) / each.shape[1] if probability is None else np.asarray(probability, float),
    )


def windows(seen: Observed, later: Future, *, track: Any = None, rate_hz: float = 1.0) -> Windows:
    """Scenes of one drive."""
    b = len(seen.frame_feature)
    n = len(seen.scene)
    index = SceneIndex(
        drive=np.zeros(b, np.int32),
        t0_ns=np.arange(b, dtype=np.int64) * 10**9,
        origin_m=np.zeros((b, 2)),
        split=np.full(b, 2, np.int8),
        agent_offset=np.searchsorted(seen.scene, np.arange(b + 1)).astype(np.int64),
        track=np.arange(n, dtype=np.int32) if track is None else np.asarray(track, np.int32),
        drive_names=("a",),
        track_names=tuple(("a", str(i)) for i in range(n)),
    )
    return Windows(rate_hz=rate_hz, index=index, observed=seen, future=later)
