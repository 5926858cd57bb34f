"""The forecasts of one drive as a Parquet table: one row per (agent, forecast time, mode)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from einops import repeat
from jaxtyping import Float, Int

from models.batch import REGIONS
from pipeline.behaviour.controls import controls, start_of
from pipeline.drives.categories import Category
from pipeline.files import whole_file
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import Health
from pipeline.windows.select import select_agents

_PATH: Final = pa.list_(pa.field("item", pa.float32()))
SCHEMA: Final = pa.schema(
    [
        pa.field("drive", pa.string(), nullable=False),
        pa.field("agent_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),  # lower-case name of Category
        pa.field("t0_ns", pa.int64(), nullable=False),  # the forecast time
        pa.field("mode", pa.int16(), nullable=False),  # -1 is the best single forecast; 0, 1 ... by falling probability
        pa.field("probability", pa.float32(), nullable=False),  # sums to 1 over modes 0, 1 ...; 1 for mode -1
        pa.field("health", pa.string(), nullable=False),  # Health.label
        pa.field("scene_score", pa.float32()),  # how unusual the scene is: about 1 is usual; null: not measured
        pa.field("origin_x_m", pa.float64(), nullable=False),  # to be added to every x_m: see origin_of
        pa.field("origin_y_m", pa.float64(), nullable=False),
        pa.field("t_s", _PATH, nullable=False),  # after t0
        pa.field("x_m", _PATH, nullable=False),  # world frame, from the origin
        pa.field("y_m", _PATH, nullable=False),
        pa.field("sigma_x_m", _PATH, nullable=False),
        pa.field("sigma_y_m", _PATH, nullable=False),
        pa.field("rho", _PATH, nullable=False),
        pa.field("radius_50", _PATH, nullable=False),  # 50 % of the outcomes lie within so many standard deviations of
        pa.field("radius_90", _PATH, nullable=False),  # the single forecast, and 90 %; null of the modes
        pa.field("heading_rad", _PATH, nullable=False),  # null until the agent has a direction
        pa.field("speed_mps", _PATH, nullable=False),
        pa.field("accel_mps2", _PATH, nullable=False),  # along the direction of motion: behaviour.controls
        pa.field("curvature_1pm", _PATH, nullable=False),  # left positive; null where the agent hardly moves
    ]
)
EXACT_M: Final = 2.0**17  # below this float32 is exact to better than half a centimetre
_AGENTS_PER_GROUP: Final = 4096
# Values along paths hardly repeat: looking for repeats took most of the time, and their bytes compress better split.
# Where they do (times, radii), zstd finds it sooner. Nor does the least and the greatest of them serve anybody.
_SPLIT: Final = [f"{each.name}.list.element" for each in SCHEMA if each.type == _PATH]
_REPEATED: Final = [each.name for each in SCHEMA if each.type != _PATH]
_ENCODING: Final[dict[str, Any]] = {
    "compression": "zstd",
    "use_dictionary": _REPEATED,
    "write_statistics": _REPEATED,
    "use_byte_stream_split": _SPLIT,
}


def origin_of(origins_m: Float[np.ndarray, "b 2"]) -> Float[np.ndarray, " 2"]:
    """What a drive's positions are told from: the world's own origin unless the drive is far from it.

    The positions are float32. That holds centimetres within 131 km of the world's origin; in UTM or Mercator
    coordinates (up to 1e7 m) it would hold metres. There whole kilometres near the drive are taken out and stand in
    the columns ``origin_x_m`` and ``origin_y_m``, which are zero in all other drives.

    Args:
        origins_m: World positions of the drive's scenes.
    """
    if not len(origins_m) or np.abs(origins_m).max() < EXACT_M - 1000.0:
        return np.zeros(2)
    return np.round(np.median(origins_m, axis=0) / 1000.0) * 1000.0


def write_table(path: Path, drive: DriveForecast) -> None:
    """Write one drive's table, whole, compressed with zstd, rows by (t0, agent, mode)."""
    index = drive.windows.index
    num_agents = len(drive.health)
    origin_m = origin_of(index.origin_m)
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, **_ENCODING) as writer:
        for first in range(0, num_agents, _AGENTS_PER_GROUP):
            agents = np.arange(first, min(first + _AGENTS_PER_GROUP, num_agents))
            writer.write_table(_rows(drive, agents=agents, origin_m=origin_m))


def _rows(drive: DriveForecast, *, agents: Int[np.ndarray, " n"], origin_m: Float[np.ndarray, " 2"]) -> pa.Table:
    """The rows of some agents: the single forecast, then the modes, of each."""
    forecasts, observed, index = drive.forecasts, drive.windows.observed, drive.windows.index
    order = np.argsort(-forecasts.probability[agents], axis=1, kind="stable")
    picked = agents[:, None]

    def paths(single: np.ndarray, modes: np.ndarray) -> np.ndarray:
        return np.concatenate([single[agents][:, None], modes[picked, order]], axis=1)

    xy_m = paths(forecasts.single_xy_m, forecasts.mode_xy_m)
    sigma_m = paths(forecasts.single_sigma_m, forecasts.mode_sigma_m)
    rho = paths(forecasts.single_rho, forecasts.mode_rho)
    radius = np.full((*rho.shape[:2], len(REGIONS), rho.shape[2]), np.nan, np.float32)
    radius[:, 0] = forecasts.radius[agents]
    probability = np.concatenate([np.ones((len(agents), 1)), forecasts.probability[picked, order]], axis=1)
    num_rows_each, num_future = xy_m.shape[1:3]
    start = start_of(select_agents(observed, agents), rate_hz=drive.windows.rate_hz)
    along = controls(xy_m, start=start, rate_hz=drive.windows.rate_hz)
    scene = observed.scene[agents]
    world_m = xy_m + (index.origin_m[scene] - origin_m)[:, None, None]
    t_s = np.broadcast_to(np.arange(1, num_future + 1) / drive.windows.rate_hz, xy_m.shape[:3])

    def each(values: np.ndarray) -> np.ndarray:
        return repeat(values, "n -> (n k)", k=num_rows_each)

    num_rows = len(agents) * num_rows_each
    unusual = np.full(len(scene), np.nan) if drive.scene_scores is None else drive.scene_scores[scene]
    columns = {
        "drive": words([drive.name], np.zeros(num_rows, np.int32)),
        "agent_id": words([agent for _, agent in index.track_names], each(index.track[agents])),
        "category": words([c.name.lower() for c in Category], each(observed.category[agents])),
        "t0_ns": pa.array(each(index.t0_ns[scene]), pa.int64()),
        "mode": pa.array(np.tile(np.arange(-1, num_rows_each - 1), len(agents)), pa.int16()),
        "probability": pa.array(probability.ravel(), pa.float32()),
        "health": words([h.label for h in Health], each(drive.health[agents])),
        "scene_score": pa.array(each(unusual), pa.float32(), from_pandas=True),
        "origin_x_m": pa.array(np.full(num_rows, origin_m[0])),
        "origin_y_m": pa.array(np.full(num_rows, origin_m[1])),
        "t_s": _lists(t_s),
        "x_m": _lists(world_m[..., 0]),
        "y_m": _lists(world_m[..., 1]),
        "sigma_x_m": _lists(sigma_m[..., 0]),
        "sigma_y_m": _lists(sigma_m[..., 1]),
        "rho": _lists(rho),
        "radius_50": _lists(radius[:, :, 0]),
        "radius_90": _lists(radius[:, :, 1]),
        "heading_rad": _lists(along.step_heading_rad),
        "speed_mps": _lists(along.step_speed_mps),
        "accel_mps2": _lists(along.accel_mps2),
        "curvature_1pm": _lists(along.curvature_1pm),
    }
    return pa.Table.from_pydict(columns, schema=SCHEMA)


def words(texts: Sequence[str], codes: Int[np.ndarray, " r"]) -> pa.Array:
    """Texts by number."""
    return pa.array(texts, pa.string()).take(pa.array(codes))


def _lists(values: Float[np.ndarray, "n k h"]) -> pa.Array:
    """Lists of h float32 values, row after row; NaN becomes null."""
    offsets = np.arange(values.shape[0] * values.shape[1] + 1, dtype=np.int32) * values.shape[2]
    flat = np.array(values, np.float32, order="C").reshape(-1)
    missing = np.isnan(flat)
    told = pa.array(flat, mask=missing if missing.any() else None)  # without a mask nothing is copied
    return pa.ListArray.from_arrays(pa.array(offsets), told, type=_PATH)
