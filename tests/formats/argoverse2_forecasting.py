"""The made-up scene as a scenario of Argoverse 2's Motion Forecasting Dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipeline.drives.categories import Category
from pipeline.files import write_json
from tests.formats.argoverse2_sensor import vector_map
from tests.formats.scene import MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "headings", "map"})
SCENARIO: Final = "0000b0f9-99f9-4a1f-a231-5be9e4c523f7"
_WORDS: Final = {
    Category.CAR: "vehicle",
    Category.TRUCK: "vehicle",
    Category.BICYCLE: "cyclist",
    Category.PEDESTRIAN: "pedestrian",
}


def write_argoverse2_forecasting(folder: Path, scene: MadeUpScene) -> None:
    folder = folder / SCENARIO
    folder.mkdir()
    tracks = scene.tracks.sort_values(["track_id", "timestamp_ns"], kind="stable")
    numbers = pd.factorize(tracks["track_id"])[0] + 138900
    step = np.searchsorted(scene.times_ns, tracks["timestamp_ns"])
    table = pd.DataFrame(
        {
            "observed": step < len(scene.times_ns) // 2,
            "track_id": pd.Series(numbers, index=tracks.index).astype(str).mask(tracks["is_ego"], "AV"),
            "object_type": tracks["category"].map({int(category): word for category, word in _WORDS.items()}),
            "object_category": 1,
            "timestep": step,
            "position_x": tracks["x_m"],
            "position_y": tracks["y_m"],
            "heading": tracks["heading_rad"],
            "velocity_x": 0.0,
            "velocity_y": 0.0,
            "scenario_id": SCENARIO,
            "start_timestamp": float(scene.times_ns[0]),
            "end_timestamp": float(scene.times_ns[-1]),
            "num_timestamps": len(scene.times_ns),
            "focal_track_id": "138900",
            "city": "austin",
            "map_id": np.uint64(74806),
            "slice_id": "7bef7e1f-8c90-4ba5-b39e-b3f134aa5bbe",
        }
    )
    table.to_parquet(folder / f"scenario_{SCENARIO}.parquet", index=False)
    archive = vector_map(scene)
    # These maps give the middles of lanes.
    (middle,) = scene.map.centerlines
    points = [{"x": round(x, 2), "y": round(y, 2), "z": 0.0} for x, y in middle.coords]
    archive["lane_segments"]["7"] |= {"centerline": points}
    write_json(folder / f"log_map_archive_{SCENARIO}.json", archive)
