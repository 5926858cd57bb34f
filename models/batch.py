"""What a forecaster sees and what it gives, as tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

from jaxtyping import Bool, Float, Int
from torch import Tensor

REGIONS: Final = (0.5, 0.9)  # shares of the outcomes that a forecast's regions are to hold
# Where they end for a bivariate Gaussian, whose squared distance is chi-squared with two degrees of freedom.
GAUSSIAN_RADII: Final = tuple(math.sqrt(-2.0 * math.log1p(-share)) for share in REGIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """n agents in b scenes over t observed steps, the last one at the forecast time.

    The tensors mirror ``pipeline.windows.windows.Observed``, where each is described; positions in metres in the
    scene frame (world axes, any nearby origin).
    """

    scene: Int[Tensor, " n"]
    category: Int[Tensor, " n"]
    is_ego: Bool[Tensor, " n"]
    size_m: Float[Tensor, "n 2"]
    xy_m: Float[Tensor, "n t 2"]
    heading_rad: Float[Tensor, "n t"]
    heading_valid: Bool[Tensor, "n t"]
    valid: Bool[Tensor, "n t"]
    agent_feature: Float[Tensor, "n f c"]
    agent_feature_valid: Bool[Tensor, "n f"]
    ahead_feature: Float[Tensor, "n f c"]
    ahead_feature_valid: Bool[Tensor, "n f"]
    frame_feature: Float[Tensor, "b f c"]
    frame_feature_valid: Bool[Tensor, "b f"]

    def has_frames(self) -> Bool[Tensor, " n"]:
        """Whose scene shows anything to the scene branch."""
        own = self.agent_feature_valid | self.ahead_feature_valid
        return (own | self.frame_feature_valid[self.scene]).any(dim=1)

    def to(self, device: str) -> Observed:
        """The same on another device."""
        return Observed(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Future:
    """What was recorded after the forecast time: h steps of the same n agents, in the scene frame."""

    xy_m: Float[Tensor, "n h 2"]
    heading_rad: Float[Tensor, "n h"]
    valid: Bool[Tensor, "n h"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """Gaussian positions along one or several paths per agent.

    Attributes:
        xy_m: Means.
        sigma_m: Standard deviations along x and y.
        rho: Correlation of x and y, within (-1, 1).
    """

    xy_m: Float[Tensor, "*n h 2"]
    sigma_m: Float[Tensor, "*n h 2"]
    rho: Float[Tensor, "*n h"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manoeuvres:
    """Log-probabilities of what each agent does over the horizon, by class number, and the one class to name.

    Attributes:
        direction_choice: Not always the likeliest: see ``ClassHead``.
        pace_choice: Likewise.
    """

    direction: Float[Tensor, "n c"]
    direction_choice: Int[Tensor, " n"]
    pace: Float[Tensor, "n d"]
    pace_choice: Int[Tensor, " n"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """One best single path and K alternative ones with their log-probabilities.

    In the scene frame; in training, where a loss reads it, each agent in its own.

    Attributes:
        radius: Standard deviations (Mahalanobis) from the single forecast to the edge of each of the ``REGIONS``.
        manoeuvres: Of the forecaster's own head; None where it has none.
        scene_manoeuvres: Of the head that sees the scene branch and the present motion; a loss reads it, nobody else.
        off_mean: How far what frames say is from what they say in the mean (``SceneCorrection``), while it is trained.
        blind: The same agents' forecast without frames, while a forecaster with a scene branch is trained.
    """

    single: Paths
    modes: Paths
    log_probability: Float[Tensor, "n k"]
    radius: Float[Tensor, "n l h"] | None = None
    manoeuvres: Manoeuvres | None = None
    scene_manoeuvres: Manoeuvres | None = None
    off_mean: Float[Tensor, " n"] | None = None
    blind: Forecast | None = None
