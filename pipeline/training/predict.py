"""Forecasts of windows by a trained forecaster."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.batch import Forecast
from models.forecaster import Forecaster
from pipeline.behaviour.probabilities import where_meant
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.training.scenes import SceneTensors
from pipeline.windows.windows import Windows

AGENTS_PER_BATCH: Final = 2048  # more is hardly faster on a CPU, and takes more memory


def scene_chunks(offset: np.ndarray, *, agents_per_batch: int) -> list[tuple[int, int]]:
    """Runs of whole scenes with at most ``agents_per_batch`` agents each (a scene larger than that runs alone)."""
    chunks: list[tuple[int, int]] = []
    start = 0
    while start < len(offset) - 1:
        stop = int(np.searchsorted(offset, offset[start] + agents_per_batch, side="right")) - 1
        stop = max(stop, start + 1)
        chunks.append((start, stop))
        start = stop
    return chunks


@torch.no_grad()
def predict(
    model: Forecaster, windows: Windows, *, device: str = "cpu", agents_per_batch: int = AGENTS_PER_BATCH
) -> Forecasts:
    """Forecast every agent of every scene, in single precision, aligned with ``windows.observed``."""
    was_training = model.training
    model.eval().to(device)
    scenes = SceneTensors.of(windows, device="cpu")
    parts: dict[str, list[Tensor]] = {}
    # Of no scene at all one batch without an agent is made, which has the shapes of all the rest.
    for start, stop in scene_chunks(windows.index.agent_offset, agents_per_batch=agents_per_batch) or [(0, 0)]:
        observed, _ = scenes.gather(torch.arange(start, stop))
        for name, column in _columns(model(observed.to(device))).items():
            parts.setdefault(name, []).append(column)
    model.train(was_training)
    columns = {name: torch.cat(column).cpu().numpy() for name, column in parts.items()}
    told = None
    if "direction" in columns:
        everyone = np.ones(len(columns["direction"]), np.bool_)
        names = ("direction", "direction_choice", "pace", "pace_choice")
        head = {name: columns.pop(name) for name in names}
        told = ManoeuvreProbabilities(**head, direction_known=everyone, pace_known=everyone)
        told = where_meant(told, windows.observed, rate_hz=windows.rate_hz)
    return Forecasts(**columns, manoeuvres=told)


def _columns(forecast: Forecast) -> dict[str, Tensor]:
    """By the names of ``Forecasts``, and the probabilities of manoeuvres where the model tells them."""
    assert forecast.radius is not None
    single, modes, told = forecast.single, forecast.modes, forecast.manoeuvres
    columns = {
        "single_xy_m": single.xy_m,
        "single_sigma_m": single.sigma_m,
        "single_rho": single.rho,
        "mode_xy_m": modes.xy_m,
        "mode_sigma_m": modes.sigma_m,
        "mode_rho": modes.rho,
        "probability": forecast.log_probability.exp(),
        "radius": forecast.radius,
    }
    if told is not None:
        columns |= {"direction": told.direction.exp(), "direction_choice": told.direction_choice}
        columns |= {"pace": told.pace.exp(), "pace_choice": told.pace_choice}
    return columns
