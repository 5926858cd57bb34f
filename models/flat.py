"""The forecaster as a function of plain tensors, for exchange formats: what goes in and comes out has a name each."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Final

from torch import Tensor, nn

from models.batch import Forecast, Observed
from models.config import ForecasterConfig
from models.forecaster import Forecaster

_COLUMNS: Final = (
    *("single_xy_m", "single_sigma_m", "single_rho", "mode_xy_m", "mode_sigma_m", "mode_rho"),
    *("probability", "radius"),
)
MANOEUVRES: Final = ("direction", "direction_choice", "pace", "pace_choice")
_AIMS: Final = ("agent", "ahead", "frame")
_FEATURES: Final = tuple(f"{aim}_feature{end}" for aim in _AIMS for end in ("", "_valid"))


class FlatForecaster(nn.Module):
    """Takes the tensors named by ``input_names`` in their order, and gives those named by ``columns``.

    A forecaster without the scene is not given its features.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, *values: Tensor) -> dict[str, Tensor]:
        """Forecast every agent; see ``models.batch.Observed`` and ``columns``."""
        config = self.forecaster.config
        given = dict(zip(input_names(config), values, strict=True))
        if not config.scene:
            num_agents, channels = given["scene"].shape[0], config.scene_channels
            for name, rows in zip(_AIMS, (num_agents, num_agents, 0), strict=True):
                given[f"{name}_feature"] = given["size_m"].new_zeros(rows, 0, channels)
                given[f"{name}_feature_valid"] = given["valid"].new_zeros(rows, 0)
        return columns_of(self.forecaster, Observed(**given))


def steady(forecaster: Forecaster) -> Forecaster:
    """The forecaster in the precision in which forecasts do not hang on roundings: double where it feeds on itself.

    The autoregressive decoder makes roundings grow from step to step, and one decides in which cell of a grid a
    neighbour counts: in single precision, batches and runtimes are centimetres apart in a crowd.
    """
    return copy.deepcopy(forecaster).double() if forecaster.config.decoder == "autoregressive" else forecaster


def columns_of(forecaster: Forecaster, observed: Observed) -> dict[str, Tensor]:
    """What a forecaster says of some agents, as ``columns``; taken and given in single precision.

    Args:
        forecaster: Of ``steady``, so in the precision that it works in.
        observed: The agents.
    """
    dtype = next(forecaster.parameters()).dtype
    values = {f.name: getattr(observed, f.name) for f in fields(Observed)}
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in values.items()}
    found = columns(forecaster(Observed(**given)))
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def input_names(config: ForecasterConfig) -> tuple[str, ...]:
    """The fields of ``Observed`` that a forecaster looks at."""
    return tuple(f.name for f in fields(Observed) if config.scene or f.name not in _FEATURES)


def output_names(config: ForecasterConfig) -> tuple[str, ...]:
    """The names of ``columns``, in their order."""
    has_head = config.num_directions or config.num_paces
    return (*_COLUMNS, *(MANOEUVRES if has_head else ()))


def columns(forecast: Forecast) -> dict[str, Tensor]:
    """A forecast's tensors by the names of ``pipeline.forecasts.Forecasts``: probabilities instead of their logarithms.

    Those of the manoeuvres are among them where the model has the head.
    """
    assert forecast.radius is not None
    single, modes, told = forecast.single, forecast.modes, forecast.manoeuvres
    values = (single.xy_m, single.sigma_m, single.rho, modes.xy_m, modes.sigma_m, modes.rho)
    found = dict(zip(_COLUMNS, (*values, forecast.log_probability.exp(), forecast.radius), strict=True))
    if told is not None:
        head = (told.direction.exp(), told.direction_choice, told.pace.exp(), told.pace_choice)
        found |= dict(zip(MANOEUVRES, head, strict=True))
    return found
