"""Whether what was exported forecasts what the forecaster does."""

from __future__ import annotations

from typing import Final

import torch

from models.batch import Observed
from models.flat import columns_of
from models.forecaster import Forecaster
from pipeline.config import WindowsConfig
from pipeline.errors import InputError
from pipeline.export.scenes import made_up_scenes
from pipeline.training.predict import Network

TOLERANCE_M: Final = 1e-4
_SCENES: Final = ((1,), (3, 1, 6), (24,))  # agents of each scene
_DRAWS: Final = 3


def agreement(network: Network, forecaster: Forecaster, *, windows: WindowsConfig, name: str) -> float:
    """The largest difference on made-up scenes of several sizes.

    In single precision a neighbour on the very edge of a grid's cell may be counted on either side of it, in torch too
    if a bit more or less comes out of a rounding: therefore of each size the best of three draws counts.

    Args:
        network: What was exported.
        forecaster: What it was made of, of ``models.flat.steady``.
        windows: The forecaster's.
        name: Of the export, in the error.

    Raises:
        InputError: It is more than ``TOLERANCE_M``.
    """
    largest = 0.0
    for num_agents in _SCENES:
        draws = [
            made_up_scenes(forecaster, windows=windows, num_agents=num_agents, seed=seed) for seed in range(_DRAWS)
        ]
        best, where = min(difference(network, forecaster, observed) for observed in draws)
        if best > TOLERANCE_M:
            what = f"differs from the model by {best:.2g} in {where} of {sum(num_agents)} agents"
            raise InputError(name, what, "nothing was written; score with --runtime torch, and report it")
        largest = max(largest, best)
    return largest


@torch.no_grad()
def difference(network: Network, forecaster: Forecaster, observed: Observed) -> tuple[float, str]:
    """By how much two forecasts of the same agents differ at most, and in what.

    Positions in metres; everything else relative to its size where that is above one. Classes count one.
    """
    found, expected = network(observed), columns_of(forecaster, observed)
    assert list(found) == list(expected)
    worst = (0.0, "nothing")
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        apart = (found[name] - value).abs().double()
        if not name.endswith("xy_m"):
            apart = apart / value.abs().double().clamp(min=1.0)
        if not apart.numel():
            continue
        # Nowhere may a number be missing that is there in the other.
        apart = torch.where(found[name].isnan() & value.isnan(), 0.0, apart).nan_to_num(nan=torch.inf)
        worst = max(worst, (float(apart.max()), name))
    return worst
