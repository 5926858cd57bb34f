"""What the forecaster is trained for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.batch import Forecast, Future, Paths
from models.decoder import gaussian_nll

_TARGET_M = 1.0  # modes whose cost differs by this much get probabilities that differ by a factor e
_PROBABILITY_WEIGHT = 0.5
_SPREAD_WEIGHT = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """The terms of the loss, each a scalar; ``total`` is what is minimised.

    Attributes:
        single: Mean displacement of the single forecast, metres.
        modes: Relaxed winner-takes-all displacement of the modes, metres.
        probability: Cross-entropy of the probabilities against soft targets, nats.
        spread: Negative log-likelihood of what happened, nats per step.
    """

    total: Float[Tensor, ""]
    single: Float[Tensor, ""]
    modes: Float[Tensor, ""]
    probability: Float[Tensor, ""]
    spread: Float[Tensor, ""]


def displacement(
    xy_m: Float[Tensor, "n *k h 2"], target_m: Float[Tensor, "n *k h 2"], *, valid: Bool[Tensor, "n *#k h"]
) -> tuple[Float[Tensor, "n *k"], Float[Tensor, "n *k"]]:
    """Mean displacement over the valid steps, and the displacement at the last valid one; zero where none is."""
    # The small number keeps the gradient finite where a forecast is exact.
    error = ((xy_m - target_m).square().sum(-1) + 1e-6).sqrt() * valid
    mean = error.sum(-1) / valid.sum(-1).clamp(min=1)
    steps = torch.arange(valid.shape[-1], device=valid.device)
    last = (torch.where(valid, steps, 0).amax(-1, keepdim=True)).expand(*error.shape[:-1], 1)
    return mean, error.gather(-1, last).squeeze(-1)


def shares(weight: Float[Tensor, "n *q"]) -> Float[Tensor, "n *q"]:
    """Of each agent in a mean over all of them, by its weight; zero where all weights are zero."""
    return weight / weight.sum(dim=0).clamp(min=1e-6)


def forecast_loss(
    forecast: Forecast,
    future: Future,
    *,
    share: Float[Tensor, " n"],
    relaxation: float | Float[Tensor, ""],
    final: float,
    by_likelihood: bool,
) -> Loss:
    """The loss over some agents: each term is a mean, or what they add to the mean over more.

    Sources: relaxed winner-takes-all: Rupprecht et al. 2017; the mean over agents, never a minimum over scenes. By
    likelihood: Alahi et al. 2016.

    Args:
        forecast: In any frames.
        future: What happened, each agent in the same frame.
        share: Of each agent in every mean, see ``shares``; zero for those without a valid step.
        relaxation: Of the weight that the modes that did not win share.
        final: Weight of the last step's displacement beside the mean one.
        by_likelihood: The single forecast is trained for the likelihood alone; otherwise the spread learns the errors
            of paths that are trained for their displacement, and does not trade accuracy for likelihood.
    """
    single_mean, single_last = displacement(forecast.single.xy_m, future.xy_m, valid=future.valid)
    single = ((single_mean + final * single_last) * share).sum()

    target = future.xy_m[:, None].expand_as(forecast.modes.xy_m)
    valid = future.valid[:, None]
    mode_mean, mode_last = displacement(forecast.modes.xy_m, target, valid=valid)
    cost = mode_mean + final * mode_last
    num_modes = cost.shape[1]
    shared = torch.as_tensor(relaxation if num_modes > 1 else 0.0, dtype=torch.float64, device=cost.device)
    won = torch.zeros_like(cost, dtype=torch.bool).scatter_(1, cost.argmin(dim=1, keepdim=True), value=True)
    taken = torch.where(won, 1.0 - shared, shared / max(num_modes - 1, 1)).to(cost.dtype)
    modes = ((cost * taken).sum(1) * share).sum()

    soft = (-cost.detach() / _TARGET_M).softmax(dim=1)
    probability = (-(soft * forecast.log_probability).sum(1) * share).sum()

    steps = future.valid.sum(-1).clamp(min=1)
    paths = forecast.single if by_likelihood else _detached(forecast.single)
    nll = (gaussian_nll(paths, future.xy_m) * future.valid).sum(-1) / steps
    if by_likelihood:
        spread = (nll * share).sum()
        return Loss(total=spread, single=single, modes=modes, probability=probability, spread=spread)
    mode_nll = (gaussian_nll(_detached(forecast.modes), target) * valid).sum(-1) / steps[:, None]
    spread = ((nll + (mode_nll * soft).sum(1)) * share).sum()
    total = single + modes + _PROBABILITY_WEIGHT * probability + _SPREAD_WEIGHT * spread
    return Loss(total=total, single=single, modes=modes, probability=probability, spread=spread)


def _detached(paths: Paths) -> Paths:
    """The spread learns the errors; it must not trade accuracy for likelihood."""
    return Paths(xy_m=paths.xy_m.detach(), sigma_m=paths.sigma_m, rho=paths.rho)
