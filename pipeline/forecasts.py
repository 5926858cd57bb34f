"""Forecasts as arrays: what every forecaster gives, and what evaluation and scoring read."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from einops import repeat
from jaxtyping import Bool, Float, Int

from models.batch import GAUSSIAN_RADII


@dataclass(frozen=True, kw_only=True, slots=True)
class ManoeuvreProbabilities:
    """Of n agents. Each row sums to one where known; elsewhere it is zero and means nothing.

    Attributes:
        direction: By ``behaviour.manoeuvre.Direction``.
        direction_choice: The one to name.
        direction_known: The agent has them.
        pace: By ``behaviour.manoeuvre.Pace``.
        pace_choice: The one to name.
        pace_known: The agent has them.
    """

    direction: Float[np.ndarray, "n c"]
    direction_choice: Int[np.ndarray, " n"]
    direction_known: Bool[np.ndarray, " n"]
    pace: Float[np.ndarray, "n d"]
    pace_choice: Int[np.ndarray, " n"]
    pace_known: Bool[np.ndarray, " n"]

    def only(self, *, direction: Bool[np.ndarray, " n"], pace: Bool[np.ndarray, " n"]) -> ManoeuvreProbabilities:
        """Known of fewer agents: not where these are False."""
        return ManoeuvreProbabilities.where_known(
            direction=self.direction,
            direction_choice=self.direction_choice,
            direction_known=self.direction_known & direction,
            pace=self.pace,
            pace_choice=self.pace_choice,
            pace_known=self.pace_known & pace,
        )

    @staticmethod
    def where_known(
        *,
        direction: Float[np.ndarray, "n c"],
        direction_choice: Int[np.ndarray, " n"] | None = None,
        direction_known: Bool[np.ndarray, " n"],
        pace: Float[np.ndarray, "n d"],
        pace_choice: Int[np.ndarray, " n"] | None = None,
        pace_known: Bool[np.ndarray, " n"],
    ) -> ManoeuvreProbabilities:
        """With zeros where nothing is known; the choices are the likeliest unless given."""
        return ManoeuvreProbabilities(
            direction=np.where(direction_known[:, None], direction, 0.0),
            direction_choice=np.where(
                direction_known, direction.argmax(axis=1) if direction_choice is None else direction_choice, 0
            ),
            direction_known=direction_known,
            pace=np.where(pace_known[:, None], pace, 0.0),
            pace_choice=np.where(pace_known, pace.argmax(axis=1) if pace_choice is None else pace_choice, 0),
            pace_known=pace_known,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasts:
    """Forecasts of n agents over h future steps, in the scene frame (world axes, origin at the scene's origin).

    Attributes:
        single_xy_m: The best single forecast.
        single_sigma_m: Its standard deviations along x and y per step.
        single_rho: Its correlation of x and y per step.
        mode_xy_m: K alternative futures.
        mode_sigma_m: Their standard deviations.
        mode_rho: Their correlations.
        probability: Of each mode; sums to one over k. Modes are in no particular order.
        radius: Standard deviations (Mahalanobis) from the single forecast to the edge of each of
            ``models.batch.REGIONS``.
        manoeuvres: As the forecaster's own head tells them; None where it has none
            (``behaviour.probabilities.manoeuvres_of`` then takes them from the modes).
    """

    single_xy_m: Float[np.ndarray, "n h 2"]
    single_sigma_m: Float[np.ndarray, "n h 2"]
    single_rho: Float[np.ndarray, "n h"]
    mode_xy_m: Float[np.ndarray, "n k h 2"]
    mode_sigma_m: Float[np.ndarray, "n k h 2"]
    mode_rho: Float[np.ndarray, "n k h"]
    probability: Float[np.ndarray, "n k"]
    radius: Float[np.ndarray, "n l h"]
    manoeuvres: ManoeuvreProbabilities | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The paths and probabilities by name, each with a row per agent."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "manoeuvres"}


def unimodal(
    xy_m: Float[np.ndarray, "n h 2"],
    *,
    sigma_m: Float[np.ndarray, "n h 2"],
    rho: Float[np.ndarray, "n h"],
    num_modes: int = 1,
) -> Forecasts:
    """Forecasts of one path per agent: all modes are equally likely copies of it, and its regions are a Gaussian's."""
    xy, sigma, rho = (each.astype(np.float32) for each in (xy_m, sigma_m, rho))
    return Forecasts(
        single_xy_m=xy,
        single_sigma_m=sigma,
        single_rho=rho,
        mode_xy_m=repeat(xy, "n h two -> n k h two", k=num_modes),
        mode_sigma_m=repeat(sigma, "n h two -> n k h two", k=num_modes),
        mode_rho=repeat(rho, "n h -> n k h", k=num_modes),
        probability=np.full((len(xy), num_modes), 1.0 / num_modes, dtype=np.float32),
        radius=gaussian_radius(*xy.shape[:2]),
    )


def gaussian_radius(num_agents: int, num_future: int) -> Float[np.ndarray, "n l h"]:
    """The same of all agents and steps: ``GAUSSIAN_RADII``."""
    own = np.array(GAUSSIAN_RADII, np.float32)
    return np.broadcast_to(own[:, None], (num_agents, len(own), num_future)).copy()
