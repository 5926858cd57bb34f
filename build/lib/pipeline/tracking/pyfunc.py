"""The forecaster as an MLflow model: rows of one drive's tracks in, rows of forecasts out, by the code of ``score``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.scene.extract import pick_device
from pipeline.scoring.forecast import forecast_drive
from pipeline.scoring.table import write_table
from pipeline.training.bundle import Bundle, load_bundle

DRIVE: Final = "drive"


class Forecasting:
    """What MLflow calls: ``predict`` forecasts every agent of one drive at every forecast time.

    Frames are no part of the table, so the scene is masked, as it is for a drive without cameras.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._device = bundle, pick_device("auto")

    def predict(self, tracks: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Forecast one drive.

        Args:
            tracks: The neutral layout's table of tracks, in any order. Positions in metres in one fixed world frame,
                headings in radians counter-clockwise from +x, times in nanoseconds.
            params: MLflow's; there are none.

        Returns:
            The forecast table of ``headway score``.

        Raises:
            InputError: Nothing of the drive can be used.
        """
        # Through the files of the neutral layout: one reader with its checks, one writer, one contract.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / DRIVE
            folder.mkdir()
            write_json(folder / "drive.json", {"name": DRIVE, "rate_hz": _rate_hz(tracks)})
            tracks.to_parquet(folder / "tracks.parquet", index=False)
            drive = read_drive(find_drives(folder, format="neutral")[0])
            forecast = forecast_drive(self._bundle, drive, device=self._device)
            write_table(Path(name) / "forecasts.parquet", forecast)
            return pq.read_table(Path(name) / "forecasts.parquet").to_pandas()


def _load_pyfunc(data_path: str) -> Forecasting:  # pyright: ignore[reportUnusedFunction]  # MLflow calls it by name
    """What MLflow looks for in the loader module."""
    return Forecasting(load_bundle(Path(data_path)))


def _rate_hz(tracks: pd.DataFrame) -> float:
    """The usual rate of the measurements."""
    times_ns = np.unique(tracks["timestamp_ns"].to_numpy(dtype=np.int64))
    if len(times_ns) < 2:
        raise InputError("tracks", "have fewer than two times", "give the rows of one whole drive")
    return 1e9 / float(np.median(np.diff(times_ns)))
