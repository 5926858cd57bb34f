"""Forecasts of windows by a trained forecaster."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.forecaster import Forecaster
from pipeline.forecasts import Forecasts
from pipeline.training.scenes import SceneTensors
from pipeline.windows.windows import Windows


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
def predict(model: Forecaster, windows: Windows, *, device: str = "cpu", agents_per_batch: int = 4096) -> Forecasts:
    """Forecast every agent of every scene, in single precision, aligned with ``windows.observed``."""
    was_training = model.training
    model.eval().to(device)
    scenes = SceneTensors.of(windows, device="cpu")
    parts: list[tuple[Tensor, ...]] = []
    for start, stop in scene_chunks(windows.index.agent_offset, agents_per_batch=agents_per_batch):
        observed, _ = scenes.gather(torch.arange(start, stop))
        forecast = model(observed.to(device))
        parts.append(
            (
                forecast.single.xy_m,
                forecast.single.sigma_m,
                forecast.single.rho,
                forecast.modes.xy_m,
                forecast.modes.sigma_m,
                forecast.modes.rho,
                forecast.log_probability.exp(),
            )
        )
    model.train(was_training)
    if not parts:
        config = model.config
        num_future, num_modes = config.num_future, config.num_modes
        shapes = ((num_future, 2), (num_future, 2), (num_future,))
        empty = [torch.zeros(0, *shape) for shape in shapes]
        empty += [torch.zeros(0, num_modes, *shape) for shape in shapes]
        parts = [(*empty, torch.zeros(0, num_modes))]
    names = ("single_xy_m", "single_sigma_m", "single_rho", "mode_xy_m", "mode_sigma_m", "mode_rho", "probability")
    joined = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    return Forecasts(**dict(zip(names, joined, strict=True)))
