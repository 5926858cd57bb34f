"""How sure a trained forecaster may be: what is fitted on outcomes that its training did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.batch import GAUSSIAN_RADII, Forecast

_PAIRS = 102_400  # of modes: so many at a time stay in the processor's cache


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationStatistics:
    """What the validation split says of l regions, c categories and h steps.

    Attributes:
        temperature: Log-probabilities of modes are divided by it.
        single_scale: The single forecast's standard deviations are multiplied by this at each step.
        mode_scale: Likewise the modes'.
        merge_m: Modes that are never further apart coincide: the likelier one gets the probability of both.
        radius: Standard deviations from the single forecast to the edge of each of ``REGIONS``.
    """

    temperature: Float[Tensor, ""]
    merge_m: Float[Tensor, ""]
    single_scale: Float[Tensor, " h"]
    mode_scale: Float[Tensor, " h"]
    radius: Float[Tensor, "c l h"]


class Calibration(nn.Module):
    """Temperature, spread and the radii of regions; until they are set, nothing but the Gaussian's own radii."""

    temperature: Tensor
    merge_m: Tensor
    single_scale: Tensor
    mode_scale: Tensor
    radius: Tensor

    def __init__(self, *, num_categories: int, num_future: int) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("merge_m", torch.zeros(()))
        self.register_buffer("single_scale", torch.ones(num_future))
        self.register_buffer("mode_scale", torch.ones(num_future))
        self.register_buffer(
            "radius", torch.tensor(GAUSSIAN_RADII)[None, :, None].repeat(num_categories, 1, num_future)
        )

    def set_statistics(self, statistics: CalibrationStatistics) -> None:
        """Take what was fitted; it becomes part of the weights."""
        for name in ("temperature", "merge_m", "single_scale", "mode_scale", "radius"):
            getattr(self, name).copy_(getattr(statistics, name))

    def forward(self, forecast: Forecast, category: Int[Tensor, " n"]) -> Forecast:
        """The same paths, as sure as they may be."""
        single, modes = forecast.single, forecast.modes
        return replace(
            forecast,
            single=replace(single, sigma_m=single.sigma_m * self.single_scale[:, None]),
            modes=replace(modes, sigma_m=modes.sigma_m * self.mode_scale[:, None]),
            log_probability=self._probabilities(forecast),
            radius=self.radius[category],
        )

    def _probabilities(self, forecast: Forecast) -> Float[Tensor, "n k"]:
        tempered = (forecast.log_probability / self.temperature).log_softmax(dim=-1)
        return tempered if self.training else merged(tempered, forecast.modes.xy_m, within_m=self.merge_m)


def merged(
    log_probability: Float[Tensor, "n k"], xy_m: Float[Tensor, "n k h 2"], *, within_m: Float[Tensor, ""]
) -> Float[Tensor, "n k"]:
    """Give the probability of every mode to the likeliest one that it coincides with, and so on from that one.

    A mode that gave its own away keeps its path, and next to no probability (the smallest number there is).

    Args:
        log_probability: Of the modes.
        xy_m: Their paths.
        within_m: Two modes coincide where they are less than this apart at every step.
    """
    if torch.compiler.is_exporting():
        return _merged(log_probability, xy_m, within_m=within_m)
    num_agents = max(_PAIRS // xy_m.shape[1] ** 2, 1)
    parts = zip(log_probability.split(num_agents), xy_m.split(num_agents), strict=True)
    return torch.cat([_merged(some, paths, within_m=within_m) for some, paths in parts])


def _merged(log_probability: Tensor, xy_m: Tensor, *, within_m: Tensor) -> Tensor:
    # One step after the other, for all pairs at all steps at once would be large; agents last, for they are many.
    steps = rearrange(xy_m, "n k h two -> h two k n").contiguous()
    apart = steps.new_zeros(())
    for x, y in steps:
        away_x, away_y = x[:, None] - x, y[:, None] - y
        apart = torch.maximum(apart, away_x.square_().addcmul_(away_y, away_y))
    own = torch.eye(len(steps[0, 0]), dtype=torch.bool, device=xy_m.device)[..., None]
    near = (apart < within_m.square()) | own
    probability = rearrange(log_probability, "n k -> k n")
    likeliest = torch.where(near, probability, -torch.inf).argmax(dim=1)
    for _ in range(len(own).bit_length()):  # each round doubles how far along a chain one has come
        likeliest = likeliest.gather(0, likeliest)
    probability = probability.exp()
    probability = torch.zeros_like(probability).scatter_add(0, likeliest, probability)
    return rearrange(probability.clamp(min=torch.finfo(probability.dtype).tiny).log(), "k n -> n k")
