"""Hand-made windows and forecasts, small enough to check by eye."""

from __future__ import annotations

import numpy as np

from pipeline.drives.categories import Category
from pipeline.forecasts import Forecasts, gaussian_radius
from pipeline.windows.windows import UNSPLIT, Future, Observed, SceneIndex, Windows

NUM_OBSERVED, NUM_FUTURE, NUM_MODES = 3, 4, 2
T0_NS = 1_600_000_000_000_000_000


def make_windows(*, origin_m=(10.0, 20.0)) -> Windows:
    """One drive, two scenes: a car and a cone in the first, the car and a walker measured once in the second."""
    valid = np.ones((4, NUM_OBSERVED), bool)
    valid[3, :2] = False
    xy_m = np.zeros((4, NUM_OBSERVED, 2), np.float32)
    xy_m[[0, 2], :, 0] = [-2.0, -1.0, 0.0]  # the cars drive at 2 m/s along x
    xy_m[1] = (5.0, 5.0)
    xy_m[3, 2] = (1.0, -1.0)
    num = len(valid)
    return Windows(
        rate_hz=2.0,
        index=SceneIndex(
            drive=np.zeros(2, np.int32),
            t0_ns=T0_NS + np.array([0, 500_000_000]),
            origin_m=np.tile(np.array(origin_m), (2, 1)),
            split=np.full(2, UNSPLIT, np.int8),
            agent_offset=np.array([0, 2, 4]),
            track=np.array([0, 1, 0, 2], np.int32),
            drive_names=("a",),
            track_names=(("a", "car"), ("a", "cone"), ("a", "walker")),
        ),
        observed=Observed(
            scene=np.array([0, 0, 1, 1], np.int32),
            category=np.array([Category.CAR, Category.STATIC, Category.CAR, Category.PEDESTRIAN], np.int8),
            is_ego=np.zeros(num, bool),
            size_m=np.zeros((num, 2), np.float32),
            xy_m=xy_m,
            heading_rad=np.zeros((num, NUM_OBSERVED), np.float32),
            heading_valid=valid & (np.arange(num) < 3)[:, None],
            valid=valid,
            agent_feature=np.zeros((num, 1, 1), np.float32),
            agent_feature_valid=np.zeros((num, 1), bool),
            ahead_feature=np.zeros((num, 1, 1), np.float32),
            ahead_feature_valid=np.zeros((num, 1), bool),
            frame_feature=np.zeros((2, 1, 1), np.float32),
            frame_feature_valid=np.zeros((2, 1), bool),
        ),
        future=Future(
            xy_m=np.zeros((num, NUM_FUTURE, 2), np.float32),
            heading_rad=np.zeros((num, NUM_FUTURE), np.float32),
            valid=np.zeros((num, NUM_FUTURE), bool),
        ),
    )


def make_forecasts(windows: Windows) -> Forecasts:
    """Everyone keeps on at 2 m/s along x; mode 1, at half that, is the likelier."""
    last = windows.observed.xy_m[:, -1]
    ahead = np.stack([np.arange(1.0, NUM_FUTURE + 1), np.zeros(NUM_FUTURE)], axis=-1)
    single = last[:, None] + ahead
    modes = last[:, None, None] + ahead * np.array([1.0, 0.5])[:, None, None]
    num = len(last)
    return Forecasts(
        radius=gaussian_radius(num, NUM_FUTURE),
        single_xy_m=single.astype(np.float32),
        single_sigma_m=np.full((num, NUM_FUTURE, 2), 0.5, np.float32),
        single_rho=np.zeros((num, NUM_FUTURE), np.float32),
        mode_xy_m=modes.astype(np.float32),
        mode_sigma_m=np.full((num, NUM_MODES, NUM_FUTURE, 2), 0.25, np.float32),
        mode_rho=np.zeros((num, NUM_MODES, NUM_FUTURE), np.float32),
        probability=np.tile(np.array([0.25, 0.75], np.float32), (num, 1)),
    )
