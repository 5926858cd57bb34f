"""Temperature, spread and regions, fitted on the validation split: how sure a forecaster may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.batch import GAUSSIAN_RADII, REGIONS, Future, Observed
from models.calibration import CalibrationStatistics, merged
from models.decoder import squared_distance
from models.forecaster import Forecaster
from models.losses import displacement
from models.manoeuvre import ClassHead
from pipeline.drives.categories import Category, Group
from pipeline.training.scenes import is_scored

BALANCES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
TEMPERATURES: Final = torch.logspace(-1.0, 1.0, 201)
MERGES_M: Final = (0.0, 0.25, 0.5, 1.0)
MIN_AGENTS: Final = 100  # a class with fewer outcomes at a step gets the radii of all together
_MOST: Final = 5.0  # spreads change by this factor at most


@torch.no_grad()
def calibrate(model: Forecaster, validation: Iterable[tuple[Observed, Future, Tensor | None]]) -> None:
    """Set the model's calibration by the agents of the validation split that are scored.

    * The temperature is the likeliest of ``TEMPERATURES`` for which mode is the nearest (Guo et al. 2017).
    * Modes are merged within that of ``MERGES_M`` with which the likeliest mode is the nearest on average.
    * Spreads are scaled, step by step, to be the likeliest Gaussians: those of the modes by the nearest mode.
    * A region's radius is the conformal quantile of the distances in standard deviations, by class and step (split
      conformal prediction, Vovk et al. 2005): of exchangeable agents it holds its share whatever the shape of the
      errors. Agents of one track are not exchangeable, and drives of another kind are not either: so coverage is
      measured on held-out drives.
    * Directions and paces have temperatures of their own, the likeliest too; the weight of a class is its frequency to
      the power of minus one of ``BALANCES``, whichever gives the best macro-F1 (logit adjustment, Menon et al. 2021).

    Args:
        model: Trained, in evaluation mode; its calibration is replaced.
        validation: Batches of scenes that were not trained on, with ``step.manoeuvre_labels`` where there is a head.
    """
    told: list[tuple[Tensor, ...]] = []
    named: list[tuple[Tensor, ...]] = []
    for observed, future, did in validation:
        forecast = model(observed)
        counted = is_scored(observed) & future.valid.any(dim=1)
        target = future.xy_m[:, None].expand_as(forecast.modes.xy_m)
        cost = displacement(forecast.modes.xy_m, target, valid=future.valid[:, None])[0]
        nearest = cost.argmin(dim=1)
        single = squared_distance(forecast.single, future.xy_m)
        modes = squared_distance(forecast.modes, target)[torch.arange(len(nearest)), nearest]
        columns = (forecast.log_probability, forecast.modes.xy_m, cost, single, modes, future.valid, observed.category)
        told.append(tuple(column[counted].cpu() for column in columns))
        if did is not None and forecast.manoeuvres is not None:
            columns = (forecast.manoeuvres.direction, forecast.manoeuvres.pace, did[:, 0], did[:, 1])
            named.append(tuple(column[counted].cpu() for column in columns))
    log_probability, xy_m, cost, single, modes, valid, category = (torch.cat(c) for c in zip(*told, strict=True))
    temperature = likeliest_temperature(log_probability, true=cost.argmin(dim=1))
    scale = gaussian_scale(single, valid=valid)
    device = model.calibration.radius.device
    statistics = CalibrationStatistics(
        temperature=temperature.to(device),
        merge_m=best_merge(log_probability / temperature, xy_m, cost_m=cost).to(device),
        single_scale=scale.to(device),
        mode_scale=gaussian_scale(modes, valid=valid).to(device),
        radius=region_radii(single.sqrt() / scale, valid=valid, category=category).to(device),
    )
    model.calibration.set_statistics(statistics)
    if named and model.manoeuvres is not None:
        direction, pace, turned, changed = (torch.cat(column) for column in zip(*named, strict=True))
        set_classes(model.manoeuvres.direction, direction, true=turned)
        set_classes(model.manoeuvres.pace, pace, true=changed)


def set_classes(head: ClassHead, log_probability: Float[Tensor, "n c"], *, true: Int[Tensor, " n"]) -> None:
    """Set a head's temperature and the weights of its classes.

    Args:
        head: Not calibrated yet.
        log_probability: What it tells of agents that it was not trained on.
        true: Class numbers; negative where not known, and then not counted.
    """
    known = true >= 0
    if not known.any():
        return
    log_probability, true = log_probability[known], true[known]
    temperature = likeliest_temperature(log_probability, true=true)
    weight = class_weights((log_probability / temperature).log_softmax(dim=1), true=true)
    device = head.temperature.device
    head.set_statistics(temperature=temperature.to(device), class_weight=weight.to(device))


def likeliest_temperature(log_probability: Float[Tensor, "n k"], *, true: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """The one of ``TEMPERATURES`` with the smallest cross-entropy of what came true."""
    rows = torch.arange(len(true))
    surprise = [-(log_probability / t).log_softmax(dim=1)[rows, true].mean() for t in TEMPERATURES]
    return TEMPERATURES[torch.stack(surprise).argmin()]


def best_merge(
    log_probability: Float[Tensor, "n k"], xy_m: Float[Tensor, "n k h 2"], *, cost_m: Float[Tensor, "n k"]
) -> Float[Tensor, ""]:
    """The one of ``MERGES_M`` with the least mean cost of the likeliest mode; the smallest of equally good ones."""
    log_probability = log_probability.log_softmax(dim=1)
    choices = [merged(log_probability, xy_m, within_m=torch.tensor(each)).argmax(dim=1) for each in MERGES_M]
    costs = [float(cost_m.gather(1, choice[:, None]).mean()) for choice in choices]
    return torch.tensor(MERGES_M[costs.index(min(costs))])


def class_weights(log_probability: Float[Tensor, "n c"], *, true: Int[Tensor, " n"]) -> Float[Tensor, " c"]:
    """The weights under which the largest weighted probability names classes with the best macro-F1.

    Args:
        log_probability: Of each class.
        true: Class numbers.
    """
    num_classes = log_probability.shape[1]
    counts = torch.bincount(true, minlength=num_classes).float()
    frequency = (counts + 1.0) / (counts.sum() + num_classes)
    weights = [frequency.pow(-balance) for balance in BALANCES]
    chosen = [(log_probability + weight.log()).argmax(dim=1) for weight in weights]
    best = max(range(len(BALANCES)), key=lambda number: macro_f1(chosen[number], true=true, num_classes=num_classes))
    return weights[best]


def macro_f1(chosen: Int[Tensor, " n"], *, true: Int[Tensor, " n"], num_classes: int) -> float:
    """Mean over the classes present in the truth of 2 hits / (chosen + true); zero where nobody counts."""
    hits, was, said = (
        torch.bincount(labels, minlength=num_classes).float() for labels in (true[chosen == true], true, chosen)
    )
    return float((2.0 * hits / (was + said).clamp(min=1.0))[was > 0].mean().nan_to_num())


def gaussian_scale(squared: Float[Tensor, "n h"], *, valid: Bool[Tensor, "n h"]) -> Float[Tensor, " h"]:
    """By what to multiply standard deviations at each step so that the outcomes are likeliest; 1 without any."""
    count = valid.sum(dim=0)
    mean = torch.where(valid, squared, 0.0).sum(dim=0) / count.clamp(min=1)  # of two axes: two where it is right
    return torch.where(count > 0, (mean / 2.0).sqrt().clamp(1.0 / _MOST, _MOST), 1.0)


def region_radii(
    distance: Float[Tensor, "n h"], *, valid: Bool[Tensor, "n h"], category: Int[Tensor, " n"]
) -> Float[Tensor, "c l h"]:
    """The conformal quantile of distances by category, region and step.

    Categories of one class share theirs; a class with fewer than ``MIN_AGENTS`` outcomes at a step has that of all.
    """
    groups = torch.tensor([int(each.group) for each in Category])
    everyone = torch.ones(len(category), dtype=torch.bool)
    radii = torch.stack([_quantiles(distance, valid=valid, chosen=everyone)] * len(Group))
    for group in Group:
        chosen = groups[category] == int(group)
        enough = (valid & chosen[:, None]).sum(dim=0) >= MIN_AGENTS
        own = _quantiles(distance, valid=valid, chosen=chosen)
        radii[int(group)] = torch.where(enough, own, radii[int(group)])
    return radii[groups]


def _quantiles(
    distance: Float[Tensor, "n h"], *, valid: Bool[Tensor, "n h"], chosen: Bool[Tensor, " n"]
) -> Float[Tensor, "l h"]:
    """For each region and step the smallest distance that enough of the chosen outcomes do not exceed."""
    found = torch.tensor(GAUSSIAN_RADII)[:, None].repeat(1, distance.shape[1])  # where there are too few outcomes
    for step in range(distance.shape[1]):
        values = distance[valid[:, step] & chosen, step].sort().values
        for number, level in enumerate(REGIONS):
            rank = math.ceil((len(values) + 1) * level)
            if rank <= len(values):
                found[number, step] = values[rank - 1]
    return found
