"""Forecasts of windows by a trained forecaster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.batch import Observed
from models.flat import MANOEUVRES, columns_of, steady
from models.forecaster import Forecaster
from pipeline.behaviour.probabilities import where_meant
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.training.scenes import SceneTensors
from pipeline.windows.windows import Windows

Network = Callable[[Observed], Mapping[str, Tensor]]
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
    """Forecast every agent of every scene, by the model's ``steady``, aligned with ``windows.observed``."""
    was_training = model.training
    steadied = steady(model.eval().to(device))

    def network(observed: Observed) -> Mapping[str, Tensor]:
        return columns_of(steadied, observed.to(device))

    forecasts = predict_by(network, windows, agents_per_batch=agents_per_batch)
    model.train(was_training)
    return forecasts


def predict_by(network: Network, windows: Windows, *, agents_per_batch: int = AGENTS_PER_BATCH) -> Forecasts:
    """As ``predict``, by whatever gives the ``columns`` of observed agents.

    Args:
        network: Is given whole scenes, on the CPU.
        windows: The scenes.
        agents_per_batch: At most so many agents at once.
    """
    scenes = SceneTensors.of(windows, device="cpu")
    parts: dict[str, list[Tensor]] = {}
    # Of no scene at all one batch without an agent is made, which has the shapes of all the rest.
    for start, stop in scene_chunks(windows.index.agent_offset, agents_per_batch=agents_per_batch) or [(0, 0)]:
        observed, _ = scenes.gather(torch.arange(start, stop))
        for name, column in network(observed).items():
            parts.setdefault(name, []).append(column)
    found = {name: torch.cat(column).cpu().numpy() for name, column in parts.items()}
    told = None
    if "direction" in found:
        everyone = np.ones(len(found["direction"]), np.bool_)
        head = {name: found.pop(name) for name in MANOEUVRES}
        told = ManoeuvreProbabilities(**head, direction_known=everyone, pace_known=everyone)
        told = where_meant(told, windows.observed, rate_hz=windows.rate_hz)
    return Forecasts(**found, manoeuvres=told)
