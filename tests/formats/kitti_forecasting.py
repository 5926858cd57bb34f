"""The made-up scene as MANTRA's release of KITTI has it: y to the right, a semantic map of half-metre pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import shapely

from pipeline.drives.categories import Category
from tests.formats.kitti_sensors import WORDS
from tests.formats.scene import MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "drivable_area"})
KEY: Final = "video_2011_09_26__2011_09_26_drive_0001_sync"
MAP: Final = "maps/2011_09_26__2011_09_26_drive_0001_sync_map.png"


def write_kitti_forecasting(folder: Path, scene: MadeUpScene) -> None:
    """One drive; the map begins some metres beside the road."""
    left, _, right, top = scene.map.bounds_m
    origin = np.array([np.floor(left) - 20.0, np.ceil(top) + 20.0])
    tracks: dict[str, Any] = {}
    ego_first = scene.tracks.sort_values("is_ego", ascending=False, kind="stable")
    for _, rows in ego_first.groupby("track_id", sort=False):
        xy = (rows[["x_m", "y_m"]].to_numpy() - origin) * (1.0, -1.0)
        steps = np.searchsorted(scene.times_ns, rows["timestamp_ns"])
        tracks[f"track_{len(tracks)}"] = {
            "trajectory": xy.T.tolist(),
            "cls": WORDS[Category(rows["category"].iloc[0])],
            "start": int(steps[0]),
            "end": int(steps[-1]),
        }
    write_release(folder, {KEY: tracks})
    size = np.ceil(2 * (np.array([right, origin[1]]) - (origin[0], scene.map.bounds_m[1]) + 20.0)).astype(int)
    u, v = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    on = shapely.contains_xy(scene.map.drivable_area, origin[0] + (u + 0.5) / 2, origin[1] - (v + 0.5) / 2)
    (folder / "maps").mkdir()
    cv2.imwrite(str(folder / MAP), on.astype(np.uint8))


def write_release(folder: Path, drives: dict[str, Any]) -> None:
    """``kitti_dataset.json``, on one line as the release has it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kitti_dataset.json").write_text(json.dumps(drives))
