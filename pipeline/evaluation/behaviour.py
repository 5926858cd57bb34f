"""Whether forecasters foresee manoeuvres (Brier score, macro-F1) and controls (acceleration, curvature)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import groups
from pipeline.behaviour.controls import controls, start_of
from pipeline.behaviour.keeps import Keeps, guess, kept_path
from pipeline.behaviour.manoeuvre import Direction, Manoeuvres, Pace, manoeuvres
from pipeline.behaviour.probabilities import manoeuvres_of
from pipeline.behaviour.turning import ON_WHEELS
from pipeline.evaluation.macro_f1 import Choices
from pipeline.evaluation.metrics import PerAgent, step_mean
from pipeline.forecasts import Forecasts, ManoeuvreProbabilities
from pipeline.windows.windows import Observed, Windows

KEEPS: Final = "keeps"  # the name of the baseline in reports
MOVING_MPS: Final = 1.0  # accelerations are compared where the recorded speed is no less
STEERING_MPS: Final = 2.0  # and curvatures here: at half the speed jitter bends a path four times as much


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What a forecaster says of n agents over h future steps.

    Attributes:
        manoeuvres: Probabilities, and the ones that it would name.
        accel_mps2: Along the single path.
        curvature_1pm: Likewise; zero where the path stands.
    """

    manoeuvres: ManoeuvreProbabilities
    accel_mps2: Float[np.ndarray, "n h"]
    curvature_1pm: Float[np.ndarray, "n h"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedBehaviour:
    """What n agents did.

    Attributes:
        manoeuvres: By the rules.
        accel_mps2: Zero where not compared.
        accel_valid: The recorded acceleration is compared: of vehicles and two-wheelers that move.
        curvature_1pm: Zero where not compared.
        curvature_valid: Likewise of the curvature.
    """

    manoeuvres: Manoeuvres
    accel_mps2: Float[np.ndarray, "n h"]
    accel_valid: Bool[np.ndarray, "n h"]
    curvature_1pm: Float[np.ndarray, "n h"]
    curvature_valid: Bool[np.ndarray, "n h"]


def recorded_behaviour(windows: Windows) -> RecordedBehaviour:
    """What the agents did in the recorded futures."""
    observed, future, rate_hz = windows.observed, windows.future, windows.rate_hz
    path = rearrange(future.xy_m, "n h two -> n 1 h two")
    start = start_of(observed, rate_hz=rate_hz)
    found = controls(path, start=start, rate_hz=rate_hz, valid=future.valid)
    accel, curvature, speed = found.accel_mps2[:, 0], found.curvature_1pm[:, 0], found.speed_mps[:, 0]
    on_wheels = np.isin(groups(observed.category), ON_WHEELS)[:, None]
    accel_valid = on_wheels & np.isfinite(accel) & (speed >= MOVING_MPS)
    curvature_valid = on_wheels & np.isfinite(curvature) & (speed >= STEERING_MPS)
    return RecordedBehaviour(
        manoeuvres=manoeuvres(observed, future, rate_hz=rate_hz),
        accel_mps2=np.where(accel_valid, accel, 0.0),
        accel_valid=accel_valid,
        curvature_1pm=np.where(curvature_valid, curvature, 0.0),
        curvature_valid=curvature_valid,
    )


def behaviour_of(forecasts: Forecasts, observed: Observed, *, rate_hz: float) -> Behaviour:
    """The behaviour that forecasts amount to.

    Args:
        forecasts: Of the agents.
        observed: The agents.
        rate_hz: Of the steps.
    """
    told = manoeuvres_of(forecasts, observed, rate_hz=rate_hz)
    return _behaviour(
        forecasts.single_xy_m,
        observed,
        told=told,
        rate_hz=rate_hz,
    )


def behaviour_of_keeps(keeps: Keeps, observed: Observed, *, num_future: int, rate_hz: float) -> Behaviour:
    """The baseline: everyone keeps doing what it does."""
    guessed = guess(observed, num_future=num_future, rate_hz=rate_hz)
    return _behaviour(
        kept_path(observed, num_future=num_future, rate_hz=rate_hz),
        observed,
        told=keeps.probabilities(guessed),
        rate_hz=rate_hz,
    )


def behaviours_of(
    forecasts: Mapping[str, Forecasts],
    windows: Windows,
    *,
    keeps: Keeps | None = None,
) -> dict[str, Behaviour]:
    """What every forecaster says, by name, and after them the baseline where it is given.

    Args:
        forecasts: By name, aligned with ``windows.observed``.
        windows: The agents.
        keeps: Fitted on other windows.
    """
    observed, rate_hz = windows.observed, windows.rate_hz
    found = {name: behaviour_of(each, observed, rate_hz=rate_hz) for name, each in forecasts.items()}
    if keeps is not None:
        num_future = windows.future.valid.shape[1]
        found[KEEPS] = behaviour_of_keeps(keeps, observed, num_future=num_future, rate_hz=rate_hz)
    return found


def behaviour_metrics(behaviour: Behaviour, recorded: RecordedBehaviour) -> dict[str, PerAgent]:
    """The metrics that are means over agents, by the name under which they are reported.

    ``direction_brier`` and ``pace_brier``: sum over the classes of the squared difference of probability and truth, 0
    to 2 (Brier 1950). ``accel_mae_mps2`` and ``curvature_mae_1pm``: mean absolute error of the controls along the
    single path over the agent's steps that are compared.
    """
    did, told = recorded.manoeuvres, behaviour.manoeuvres
    accel = np.abs(behaviour.accel_mps2 - recorded.accel_mps2)
    curvature = np.abs(behaviour.curvature_1pm - recorded.curvature_1pm)
    return {
        "direction_brier": _brier(told.direction, did.direction, did.direction_valid & told.direction_known),
        "pace_brier": _brier(told.pace, did.pace, did.pace_valid & told.pace_known),
        "accel_mae_mps2": step_mean(accel, recorded.accel_valid),
        "curvature_mae_1pm": step_mean(curvature, recorded.curvature_valid),
    }


def choices_of(
    behaviours: Mapping[str, Behaviour], recorded: RecordedBehaviour, *, masks: Mapping[str, Bool[np.ndarray, " n"]]
) -> dict[tuple[str, str, str], Choices]:
    """What macro-F1 is made of, by forecaster, slice and metric (``direction_macro_f1`` and ``pace_macro_f1``)."""
    did = recorded.manoeuvres
    found: dict[tuple[str, str, str], Choices] = {}
    for name, behaviour in behaviours.items():
        told = behaviour.manoeuvres
        for part, mask in masks.items():
            found[name, part, "direction_macro_f1"] = Choices(
                chosen=told.direction_choice,
                true=did.direction,
                valid=mask & did.direction_valid & told.direction_known,
                num_classes=len(Direction),
            )
            found[name, part, "pace_macro_f1"] = Choices(
                chosen=told.pace_choice,
                true=did.pace,
                valid=mask & did.pace_valid & told.pace_known,
                num_classes=len(Pace),
            )
    return found


def support(did: Manoeuvres, *, mask: Bool[np.ndarray, " n"]) -> dict[str, dict[str, int]]:
    """How many agents of a mask did what, by the classes' labels."""
    directions, paces = did.counts(mask)
    return {
        "direction": {each.label: int(directions[each]) for each in Direction},
        "pace": {each.label: int(paces[each]) for each in Pace},
    }


def _behaviour(
    single_xy_m: Float[np.ndarray, "n h 2"],
    observed: Observed,
    *,
    told: ManoeuvreProbabilities,
    rate_hz: float,
) -> Behaviour:
    found = controls(single_xy_m[:, None], start=start_of(observed, rate_hz=rate_hz), rate_hz=rate_hz)
    return Behaviour(
        manoeuvres=told,
        accel_mps2=np.nan_to_num(found.accel_mps2[:, 0]),
        curvature_1pm=np.nan_to_num(found.curvature_1pm[:, 0]),
    )


def _brier(
    probability: Float[np.ndarray, "n c"], true: Int[np.ndarray, " n"], valid: Bool[np.ndarray, " n"]
) -> PerAgent:
    truth = np.eye(probability.shape[1])[true]
    return PerAgent(value=np.where(valid, np.square(probability - truth).sum(axis=1), 0.0), valid=valid)
