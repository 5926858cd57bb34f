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
    # One mode after the other: all pairs at all steps at once would be large.
    apart = torch.stack([(xy_m - path[:, None]).square().sum(-1).amax(-1) for path in xy_m.unbind(1)], dim=1)
    near = apart < within_m.square()
    own = torch.eye(xy_m.shape[1], dtype=torch.bool, device=xy_m.device)
    likeliest = torch.where(near | own, log_probability[:, None], -torch.inf).argmax(dim=-1)
    for _ in range(xy_m.shape[1].bit_length()):  # each round doubles how far along a chain one has come
        likeliest = likeliest.gather(1, likeliest)
    probability = log_probability.exp()
    probability = torch.zeros_like(probability).scatter_add(1, likeliest, probability)
    return probability.clamp(min=torch.finfo(probability.dtype).tiny).log()
