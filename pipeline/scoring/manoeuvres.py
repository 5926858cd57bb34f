"""The manoeuvres of one drive as a Parquet table: one row per (agent, forecast time)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Int

from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.behaviour.probabilities import manoeuvres_of
from pipeline.drives.categories import Category
from pipeline.files import whole_file
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import Health
from pipeline.scoring.table import words

FOLDER: Final = "manoeuvres"  # beside the tables of forecasts
_DIRECTIONS: Final = [f"direction_{each.label}" for each in Direction]
_PACES: Final = [f"pace_{each.label}" for each in Pace]
MANOEUVRE_SCHEMA: Final = pa.schema(
    [
        pa.field("drive", pa.string(), nullable=False),
        pa.field("agent_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),  # lower-case name of Category
        pa.field("t0_ns", pa.int64(), nullable=False),  # the forecast time
        pa.field("health", pa.string(), nullable=False),  # Health.label
        pa.field("direction", pa.string()),  # the one to name; null: none can be told
        pa.field("pace", pa.string()),  # likewise
        *(pa.field(name, pa.float32()) for name in _DIRECTIONS),  # together they sum to 1; null: none can be told
        *(pa.field(name, pa.float32()) for name in _PACES),  # likewise
    ]
)


def manoeuvres_file(table: Path) -> Path:
    """Where the manoeuvres of a drive lie, by the file of its forecasts: ``manoeuvres/<drive>.parquet`` beside it.

    In a folder of their own, so that ``*.parquet`` finds tables of forecasts alone, and no drive's name can make two
    files one.
    """
    return table.parent / FOLDER / table.name


def write_manoeuvres(path: Path, drive: DriveForecast) -> None:
    """Write one drive's table, whole, compressed with zstd, rows by (t0, agent).

    A manoeuvre is the one over the whole horizon, by the rules of ``behaviour.manoeuvre``. There are none (null) of a
    static object, of an agent that was measured once, and no direction of one that stood without a heading.

    Args:
        path: The file.
        drive: Its forecasts.
    """
    observed, index = drive.windows.observed, drive.windows.index
    told = manoeuvres_of(drive.forecasts, observed, rate_hz=drive.windows.rate_hz)
    columns = {
        "drive": words([drive.name], np.zeros(len(drive.health), np.int32)),
        "agent_id": words([agent for _, agent in index.track_names], index.track),
        "category": words([c.name.lower() for c in Category], observed.category),
        "t0_ns": pa.array(index.t0_ns[observed.scene], pa.int64()),
        "health": words([h.label for h in Health], drive.health),
        "direction": _named([each.label for each in Direction], told.direction_choice, told.direction_known),
        "pace": _named([each.label for each in Pace], told.pace_choice, told.pace_known),
        **_columns(_DIRECTIONS, told.direction, told.direction_known),
        **_columns(_PACES, told.pace, told.pace_known),
    }
    with whole_file(path) as temporary:
        pq.write_table(pa.Table.from_pydict(columns, schema=MANOEUVRE_SCHEMA), temporary, compression="zstd")


def _named(labels: list[str], choice: Int[np.ndarray, " n"], known: Bool[np.ndarray, " n"]) -> pa.Array:
    return pa.array(labels, pa.string()).take(pa.array(choice, mask=~known))


def _columns(
    names: list[str], probability: Float[np.ndarray, "n c"], known: Bool[np.ndarray, " n"]
) -> dict[str, pa.Array]:
    return {name: pa.array(probability[:, number].astype(np.float32), mask=~known) for number, name in enumerate(names)}
