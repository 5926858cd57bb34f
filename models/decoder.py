"""From an agent's state to its futures, all in one pass: residuals to a base path in a low-rank basis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.batch import Paths
from models.frames import AgentFrame
from models.precision import at_least_single

SPREAD_TERMS: Final = 3  # the logarithm of the spread is corrected by a polynomial of this many terms in time
_MAX_RHO = 0.95
_MAX_LOG_SPREAD = 3.0  # the spread stays within e^-3 and e^3 of the training residuals': finite whatever comes in


@dataclass(frozen=True, kw_only=True, slots=True)
class FutureStatistics:
    """What the training split's futures look like, in the agent's frame, over the scale of its speed.

    A residual is (recorded future - ``Forecaster.base_future``) / ``residual_scale``: what a bus and a
    pedestrian do with their speed then has one size. Controls are those of ``models.unicycle``.

    Attributes:
        fading: Of the base path, of all others and of vehicles: the time constants in seconds with which a turn and an
            acceleration fade (zero: they are not gone on with), and the doubt in an acceleration, in s4/m2: it counts
            one over one plus doubt times the variance of its error.
        reaction: Likewise, of vehicles to their leaders: see ``Leaders.following``.
        basis: Principal components of the residuals, each times its standard deviation.
        anchors: Centres of k groups of futures, as coefficients of the basis.
        spread: Standard deviation of the residuals at each step, along x and y.
        control_scale: Standard deviations of the coefficients of accelerations and curvatures.
        control_anchors: Centres of k groups of steered futures, as such coefficients over ``control_scale``.
    """

    fading: Float[Tensor, "2 3"]
    reaction: Float[Tensor, "2"]
    basis: Float[Tensor, "r h 2"]
    anchors: Float[Tensor, "k r"]
    spread: Float[Tensor, "h 2"]
    control_scale: Float[Tensor, "2 q"]
    control_anchors: Float[Tensor, "k 2 q"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentState:
    """What a decoder is given of n agents at the forecast time.

    Attributes:
        features: All that is known, for layers.
        category: As in ``Observed``.
        frame: Each agent's own frame.
        base_m: Where it goes by itself, in its own frame.
        scale: Metres per unit of residual.
        single: Coefficients of the single path, where they are not the decoder's own to find (``models.own_path``).
    """

    features: Float[Tensor, "n s"]
    category: Int[Tensor, " n"]
    frame: AgentFrame
    base_m: Float[Tensor, "n h 2"]
    scale: Float[Tensor, " n"]
    single: Float[Tensor, "n r"] | None = None


Decoded = tuple[Paths, Paths, Tensor]
"""In the agent's frame: the single path, the k alternative ones, and their log-probabilities (n k)."""


def residual_scale(velocity_mps: Float[Tensor, "n 2"], *, power: float) -> Float[Tensor, " n"]:
    """The size in metres of one unit of residual: the speed in m/s to some power, one at standstill."""
    return (1.0 + velocity_mps.square().sum(-1)) ** (0.5 * power)


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
        self.shape = nn.Linear(width, (num_modes + 1) * 3 * SPREAD_TERMS)
        # At the start every mode is its anchor and the single forecast is the base path.
        for head in (self.coefficients, self.logits, self.shape):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        time = torch.linspace(-1.0, 1.0, num_future)
        self.register_buffer("powers", torch.stack([time**power for power in range(SPREAD_TERMS)]), persistent=False)

    basis: Tensor
    anchors: Tensor
    spread: Tensor
    powers: Tensor

    def set_statistics(self, statistics: FutureStatistics) -> None:
        """Take the training split's basis, anchors and spread; they become part of the weights."""
        self.basis.copy_(statistics.basis)
        self.anchors.copy_(statistics.anchors)
        self.spread.copy_(statistics.spread)

    def forward(self, state: AgentState) -> Decoded:
        """Decode, in the agent's frame."""
        return self.decode(self.trunk(state.features), state)

    def decode(self, features: Float[Tensor, "n w"], state: AgentState) -> Decoded:
        """As ``forward``, from what the trunk made of the agents."""
        coefficients, shape = at_least_single(self.coefficients(features)), at_least_single(self.shape(features))
        if state.single is not None:
            coefficients = torch.cat((at_least_single(state.single), coefficients[:, self.rank :]), dim=1)
        log_probability = at_least_single(self.logits(features)).log_softmax(dim=-1)
        # Half precision has centimetres at ten metres: positions are made in single precision.
        with torch.autocast(features.device.type, enabled=False):
            single, modes = self._paths(coefficients, shape=shape, base_m=state.base_m, scale=state.scale)
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
        sigma, rho = spread_of(shape, powers=self.powers, spread=self.spread, scale=scale)
        paths = Paths(xy_m=xy, sigma_m=sigma, rho=rho)
        return first_and_rest(paths)


def spread_of(
    shape: Float[Tensor, "n kdq"],
    *,
    powers: Float[Tensor, "q h"],
    spread: Float[Tensor, "h 2"],
    scale: Float[Tensor, " n"],
) -> tuple[Float[Tensor, "n k h 2"], Float[Tensor, "n k h"]]:
    """Standard deviations and correlations from polynomials in time: the training's spread, corrected."""
    shape = rearrange(shape, "n (k d q) -> n k d q", d=3, q=len(powers))
    sides, turn = rearrange(shape @ powers, "n k d h -> d n k h").split((2, 1))
    log_spread = _MAX_LOG_SPREAD * torch.tanh(sides / _MAX_LOG_SPREAD)
    sigma = torch.exp(log_spread) * spread.t()[:, None, None] * scale[:, None, None]
    return rearrange(sigma, "d n k h -> n k h d"), _MAX_RHO * torch.tanh(turn.squeeze(0))


def first_and_rest(paths: Paths) -> tuple[Paths, Paths]:
    """The first of several paths per agent, and the others."""
    # Gradients of two parts of a split are joined; those of two slices are each laid out in full, and added.
    (xy_m, more_m), (sigma_m, sigmas_m), (rho, rhos) = (
        each.split((1, each.shape[1] - 1), dim=1) for each in (paths.xy_m, paths.sigma_m, paths.rho)
    )
    first = Paths(xy_m=xy_m.squeeze(1), sigma_m=sigma_m.squeeze(1), rho=rho.squeeze(1))
    return first, Paths(xy_m=more_m, sigma_m=sigmas_m, rho=rhos)


def squared_distance(paths: Paths, target_m: Float[Tensor, "*n h 2"]) -> Float[Tensor, "*n h"]:
    """Squared Mahalanobis distance of positions from the paths' bivariate Gaussians, per step."""
    z = (target_m - paths.xy_m) / paths.sigma_m
    x, y = z.unbind(-1)  # the gradient of ``prod`` looks for zeros, and a GPU is waited for
    return (x.square() + y.square() - 2.0 * paths.rho * x * y) / (1.0 - paths.rho.square())


def gaussian_nll(paths: Paths, target_m: Float[Tensor, "*n h 2"]) -> Float[Tensor, "*n h"]:
    """Negative log-likelihood in nats of positions under the paths' bivariate Gaussians, per step."""
    rest = 1.0 - paths.rho.square()
    volume = math.log(2.0 * math.pi) + paths.sigma_m.log().sum(-1) + 0.5 * rest.log()
    return volume + 0.5 * squared_distance(paths, target_m)
