"""From an agent's state to its futures, all in one pass: residuals to a base path in a low-rank basis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from models.batch import Paths
from models.precision import at_least_single

_SPREAD_TERMS = 3  # the logarithm of the spread is corrected by a polynomial of this many terms in time
_MAX_RHO = 0.95
_MAX_LOG_SPREAD = 3.0  # the spread stays within e^-3 and e^3 of the training residuals': finite whatever comes in


@dataclass(frozen=True, kw_only=True, slots=True)
class FutureStatistics:
    """What the training split's futures look like, in the agent's frame, over the scale of its speed.

    A residual is (recorded future - ``Forecaster.base_future``) / ``residual_scale``: what a bus and a
    pedestrian do with their speed then has one size.

    Attributes:
        turn_decay_s: Time constant with which a turn fades; zero: it is not gone on with.
        basis: Principal components of the residuals, each times its standard deviation.
        anchors: Centres of k groups of futures, as coefficients of the basis.
        spread: Standard deviation of the residuals at each step, along x and y.
    """

    turn_decay_s: Float[Tensor, ""]
    basis: Float[Tensor, "r h 2"]
    anchors: Float[Tensor, "k r"]
    spread: Float[Tensor, "h 2"]


def residual_scale(velocity_mps: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
    """The size in metres of one unit of residual: the speed in m/s, one at standstill."""
    return (1.0 + velocity_mps.square().sum(-1)).sqrt()


class LowRankDecoder(nn.Module):
    """K futures with probabilities and spread, and one best single future, for every agent in one pass.

    Source: anchors (Chai et al., MultiPath, 2019), principal components of futures (Bae et al., EigenTrajectory,
    2023); one pass instead of a recurrence.
    """

    def __init__(
        self, *, in_width: int, width: int, num_modes: int, rank: int, num_future: int, dropout: float
    ) -> None:
        super().__init__()
        self.num_modes, self.rank = num_modes, rank
        self.register_buffer("basis", torch.zeros(rank, num_future, 2))
        self.register_buffer("anchors", torch.zeros(num_modes, rank))
        self.register_buffer("spread", torch.ones(num_future, 2))
        self.trunk = nn.Sequential(nn.Linear(in_width, width), nn.GELU(), nn.Dropout(dropout))
        self.coefficients = nn.Linear(width, (num_modes + 1) * rank)
        self.logits = nn.Linear(width, num_modes)
        self.shape = nn.Linear(width, (num_modes + 1) * 3 * _SPREAD_TERMS)
        # At the start every mode is its anchor and the single forecast is the base path.
        for head in (self.coefficients, self.logits, self.shape):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        time = torch.linspace(-1.0, 1.0, num_future)
        self.register_buffer("powers", torch.stack([time**power for power in range(_SPREAD_TERMS)]), persistent=False)

    basis: Tensor
    anchors: Tensor
    spread: Tensor
    powers: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take the training split's basis, anchors and spread; they become part of the weights."""
        self.basis.copy_(statistics.basis)
        self.anchors.copy_(statistics.anchors)
        self.spread.copy_(statistics.spread)

    def forward(
        self,
        state: Float[Tensor, "n s"],
        *,
        base_m: Float[Tensor, "n h 2"],
        scale: Float[Tensor, " n"],
    ) -> tuple[Paths, Paths, Float[Tensor, "n k"]]:
        """Decode, in the agent's frame.

        Args:
            state: What is known of the agent.
            base_m: Where it goes by itself.
            scale: Metres per unit of residual.

        Returns:
            The single path, the k alternative paths, and their log-probabilities.
        """
        features = self.trunk(state)
        coefficients, shape = at_least_single(self.coefficients(features)), at_least_single(self.shape(features))
        log_probability = at_least_single(self.logits(features)).log_softmax(dim=-1)
        # Half precision has centimetres at ten metres: positions are made in single precision.
        with torch.autocast(state.device.type, enabled=False):
            single, modes = self._paths(coefficients, shape=shape, base_m=base_m, scale=scale)
        return single, modes, log_probability

    def _paths(
        self,
        coefficients: Float[Tensor, "n kr"],
        *,
        shape: Float[Tensor, "n kdq"],
        base_m: Float[Tensor, "n h 2"],
        scale: Float[Tensor, " n"],
    ) -> tuple[Paths, Paths]:
        coefficients = rearrange(coefficients, "n (k r) -> n k r", r=self.rank)
        anchors = torch.cat((torch.zeros_like(self.anchors[:1]), self.anchors))
        residual = torch.einsum("nkr,rhd->nkhd", coefficients + anchors, self.basis)
        xy = base_m[:, None] + residual * scale[:, None, None, None]
        shape = rearrange(shape, "n (k d q) -> n k d q", d=3, q=_SPREAD_TERMS)
        shape = rearrange(shape @ self.powers, "n k d h -> d n k h")
        log_spread = _MAX_LOG_SPREAD * torch.tanh(shape[:2] / _MAX_LOG_SPREAD)
        sigma = torch.exp(rearrange(log_spread, "d n k h -> n k h d")) * self.spread * scale[:, None, None, None]
        paths = Paths(xy_m=xy, sigma_m=sigma, rho=_MAX_RHO * torch.tanh(shape[2]))
        single = Paths(xy_m=paths.xy_m[:, 0], sigma_m=paths.sigma_m[:, 0], rho=paths.rho[:, 0])
        modes = Paths(xy_m=paths.xy_m[:, 1:], sigma_m=paths.sigma_m[:, 1:], rho=paths.rho[:, 1:])
        return single, modes


def gaussian_nll(paths: Paths, target_m: Float[Tensor, "*n h 2"]) -> Float[Tensor, "*n h"]:
    """Negative log-likelihood in nats of positions under the paths' bivariate Gaussians, per step."""
    z = (target_m - paths.xy_m) / paths.sigma_m
    rest = 1.0 - paths.rho.square()
    distance = (z.square().sum(-1) - 2.0 * paths.rho * z.prod(-1)) / rest
    return math.log(2.0 * math.pi) + paths.sigma_m.log().sum(-1) + 0.5 * rest.log() + 0.5 * distance
