"""How sure a trained forecaster may be: what is fitted on outcomes that its training did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.batch import GAUSSIAN_RADII, Forecast


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationStatistics:
    """What the validation split says of l regions, c categories and h steps.

    Attributes:
        temperature: Log-probabilities of modes are divided by it.
        single_scale: The single forecast's standard deviations are multiplied by this at each step.
        mode_scale: Likewise the modes'.
        radius: Standard deviations from the single forecast to the edge of each of ``REGIONS``.
    """

    temperature: Float[Tensor, ""]
    single_scale: Float[Tensor, " h"]
    mode_scale: Float[Tensor, " h"]
    radius: Float[Tensor, "c l h"]


class Calibration(nn.Module):
    """Temperature, spread and the radii of regions; until they are set, nothing but the Gaussian's own radii."""

    temperature: Tensor
    single_scale: Tensor
    mode_scale: Tensor
    radius: Tensor

    def __init__(self, *, num_categories: int, num_future: int) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("single_scale", torch.ones(num_future))
        self.register_buffer("mode_scale", torch.ones(num_future))
        self.register_buffer(
            "radius", torch.tensor(GAUSSIAN_RADII)[None, :, None].repeat(num_categories, 1, num_future)
        )

    def set_statistics(self, statistics: CalibrationStatistics) -> None:
        """Take what was fitted; it becomes part of the weights."""
        for name in ("temperature", "single_scale", "mode_scale", "radius"):
            getattr(self, name).copy_(getattr(statistics, name))

    def forward(self, forecast: Forecast, category: Int[Tensor, " n"]) -> Forecast:
        """The same paths, as sure as they may be."""
        single, modes = forecast.single, forecast.modes
        return replace(
            forecast,
            single=replace(single, sigma_m=single.sigma_m * self.single_scale[:, None]),
            modes=replace(modes, sigma_m=modes.sigma_m * self.mode_scale[:, None]),
            log_probability=(forecast.log_probability / self.temperature).log_softmax(dim=-1),
            radius=self.radius[category],
        )
