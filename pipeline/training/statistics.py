"""What is fitted on the training split before training: the futures' basis, anchors and spread; the features' scale."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.cluster.vq import kmeans2
from torch import Tensor

from models.decoder import FutureStatistics, residual_scale
from models.forecaster import Forecaster
from models.frames import unrotate
from models.linear_base import past_displacements
from models.unicycle import CONTROL_TERMS, control_coefficients, start_of
from pipeline.errors import InputError
from pipeline.training.scenes import SceneTensors, is_scored

_RIDGE_M2: Final = 1.0  # as if so many more displacements of a metre at each step had led nowhere
_MOST_AGENTS: Final = 30_000  # the base path has eight numbers, which more agents hardly change
_DECAYS_S: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
_DOUBTS: Final = (0.0, 10.0, 30.0, 100.0)
_SENSITIVITIES_1PS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_REACHES_M: Final = (10.0, 15.0, 20.0, 30.0)


def fit_statistics(model: Forecaster, train: SceneTensors, *, anchors: bool, seed: int) -> FutureStatistics:
    """The base path, then principal components, k-means anchors and spread of the residuals to the base path.

    Args:
        model: Whose base path, rank and modes.
        train: Scenes of the training split, and no others.
        anchors: False: every mode starts at the base path.
        seed: Of the k-means start.

    Raises:
        InputError: There are fewer whole futures than components or anchors.
    """
    rank, num_modes = model.config.basis_rank, model.config.num_modes
    num_future = train.future.valid.shape[1]
    frame = model.frame(train.observed)
    whole = is_scored(train.observed) & train.future.valid.all(dim=1)
    if int(whole.sum()) < max(rank, num_modes):
        raise InputError(
            "the training split",
            f"has {int(whole.sum())} agents with a whole future, too few for {rank} components and {num_modes} modes",
            "bring more or longer drives, or lower windows.future_s",
        )
    local = unrotate(train.future.xy_m - frame.origin_m[:, None], frame.axis[:, None])
    if model.config.base == "linear":
        model.linear.copy_(fit_linear_base(model, train, local_m=local, whole=whole))
    fading, reaction = fit_base(model, train, local_m=local, whole=whole)
    following = model.leaders(train.observed, frame=frame).following(reaction) if model.follows else None
    base = model.base_future(train.observed, frame=frame, fading=fading, following=following)
    scale = residual_scale(frame.velocity_mps, power=model.config.residual_power)[:, None, None]
    residual = ((local - base) / scale)[whole].double().cpu()
    flat = residual.reshape(len(residual), -1)
    # Uncentred: zero, the base path, must stay inside the span's origin.
    _, values, vectors = torch.linalg.svd(flat, full_matrices=False)
    deviations = values[:rank] / len(flat) ** 0.5
    basis = vectors[:rank] * deviations[:, None]
    coefficients = (flat @ vectors[:rank].T / deviations.clamp(min=1e-9)).numpy()
    centres = _centres(coefficients, size=residual[:, -1].norm(dim=-1).numpy(), num_modes=num_modes, seed=seed)
    is_vehicle = torch.isin(train.observed.category, torch.tensor(model.config.vehicle_categories))[whole]
    control_scale, control_anchors = _controls(
        local[whole][is_vehicle],
        start=start_of(frame)[whole][is_vehicle],
        rate_hz=model.config.rate_hz,
        num_modes=num_modes,
        seed=seed,
    )
    return FutureStatistics(
        fading=fading,
        reaction=reaction,
        basis=basis.reshape(rank, num_future, 2).float(),
        anchors=torch.from_numpy(centres).float() * anchors,
        spread=residual.square().mean(0).sqrt().clamp(min=1e-3).float(),
        control_scale=control_scale,
        control_anchors=control_anchors * anchors,
    )


def fit_base(
    model: Forecaster, train: SceneTensors, *, local_m: Float[Tensor, "n h 2"], whole: Bool[Tensor, " n"]
) -> tuple[Float[Tensor, "2 3"], Float[Tensor, "2"]]:
    """How the base path goes on, with the least displacement error; ``FutureStatistics.fading`` and ``.reaction``.

    The acceleration is fitted before the turn, vehicles and all others apart. Without it there is one turn for all.
    Who brakes often does so for a leader: so once the reaction to leaders is known, all is fitted again. With over
    ``_MOST_AGENTS`` every second scene is looked at, or every third, and so on.

    Args:
        model: Whose base path.
        train: Scenes of the training split, and no others.
        local_m: Futures in the agents' frames.
        whole: Whose futures are there at every step.
    """
    every = -(-len(whole) // _MOST_AGENTS)
    if every > 1:
        some = torch.arange(0, len(train.offset) - 1, every)
        members = train.members(some)
        observed, future = train.gather(some, members=members)
        train = replace(train, observed=observed, future=future)
        local_m, whole = local_m[members.agent], whole[members.agent]
    frame, fading, reaction = model.frame(train.observed), torch.zeros(2, 3), torch.zeros(2)
    is_vehicle = model.is_vehicle[train.observed.category].bool()
    leaders = model.leaders(train.observed, frame=frame) if model.follows else None

    def better(values: Tensor, tried: list[tuple[float, ...]], counted: Bool[Tensor, " n"]) -> None:
        """Leave in ``values``, a view of the above, those with which the counted are least off."""
        errors: list[Tensor] = []
        for each in tried:
            values[:] = torch.tensor(each)
            following = leaders.following(reaction) if leaders is not None and reaction.any() else None
            base = model.base_future(train.observed, frame=frame, fading=fading, following=following)
            errors.append((local_m - base).norm(dim=-1)[counted].sum())
        values[:] = torch.tensor(tried[int(torch.stack(errors).argmin())])

    turns = [(decay_s,) for decay_s in _DECAYS_S]
    accelerations = list(itertools.product(_DECAYS_S, _DOUBTS))
    reactions = list(itertools.product(_SENSITIVITIES_1PS, _REACHES_M))
    if model.config.base == "motion":
        better(fading[:, :1], turns, whole)
    if model.config.base == "following":
        kinds = (whole & ~is_vehicle, whole & is_vehicle)
        for _ in range(1 if leaders is None else 2):
            for columns, tried in ((slice(1, 3), accelerations), (slice(0, 1), turns)):
                for own, kind in zip(fading, kinds, strict=True):
                    better(own[columns], tried, kind)
            if leaders is not None:
                better(reaction, reactions, kinds[1])
    return fading, reaction


def fit_linear_base(
    model: Forecaster, train: SceneTensors, *, local_m: Float[Tensor, "n h 2"], whole: Bool[Tensor, " n"]
) -> Float[Tensor, "2 u h"]:
    """Weights of the linear base: ridge regression of the futures on the past displacements.

    Args:
        model: Whose frames.
        train: Scenes of the training split, and no others.
        local_m: Futures in the agents' frames.
        whole: Whose futures are there at every step.
    """
    frame = model.frame(train.observed)
    past_m = past_displacements(train.observed, frame=frame, rate_hz=model.config.rate_hz)[whole].double()
    since_m = (frame.velocity_mps * frame.age_s[:, None])[whole].double()
    way_m = local_m[whole].double() - since_m[:, None]
    gram = torch.einsum("nud,nvd->duv", past_m, past_m) + _RIDGE_M2 * torch.eye(past_m.shape[1], dtype=past_m.dtype)
    return torch.linalg.solve(gram, torch.einsum("nud,nhd->duh", past_m, way_m)).float()


def _controls(
    local_m: Float[Tensor, "v h 2"], *, start: Float[Tensor, "v 2"], rate_hz: float, num_modes: int, seed: int
) -> tuple[Float[Tensor, "2 q"], Float[Tensor, "k 2 q"]]:
    """Deviations and k-means anchors of the controls of recorded paths; typical ones where there are too few."""
    if len(local_m) < 2 * num_modes:
        typical = torch.tensor([[1.0], [0.01]]).expand(2, CONTROL_TERMS).clone()
        return typical, torch.zeros(num_modes, 2, CONTROL_TERMS)
    found = control_coefficients(local_m.double().cpu(), start=start.double().cpu(), rate_hz=rate_hz)
    # A few wild ones, of boxes that jumped, must not set the scale.
    limit = found.abs().flatten(1).quantile(0.99, dim=0).reshape(2, CONTROL_TERMS).clamp(min=1e-6)
    found = found.clamp(-limit, limit)
    scale = found.square().mean(0).sqrt().clamp(min=1e-6)
    flat = (found / scale).flatten(1).numpy()
    centres = _centres(flat, size=np.linalg.norm(flat, axis=-1), num_modes=num_modes, seed=seed)
    return scale.float(), torch.from_numpy(centres).reshape(num_modes, 2, CONTROL_TERMS).float()


def _centres(
    points: Float[np.ndarray, "n c"], *, size: Float[np.ndarray, " n"], num_modes: int, seed: int
) -> Float[np.ndarray, "k c"]:
    """K-means centres of the larger half: most agents keep to the base path, and all would lie at zero."""
    restless = np.argsort(-size)[: max(len(points) // 2, num_modes)]
    return kmeans2(points[restless], num_modes, minit="++", rng=np.random.default_rng(seed))[0]


def set_feature_scale(model: Forecaster, train: SceneTensors) -> None:
    """Give the scene encoder the means and deviations, by aim and channel, of the training split's features."""
    if model.scene is None:
        return
    observed = train.observed
    aims = (
        (observed.agent_feature, observed.agent_feature_valid),
        (observed.ahead_feature, observed.ahead_feature_valid),
        (observed.frame_feature, observed.frame_feature_valid),
    )
    for number, (feature, valid) in enumerate(aims):
        if int(valid.sum()) >= 2:
            seen = feature[valid].float()
            model.scene.mean[number] = seen.mean(0)
            model.scene.scale[number] = seen.std(0).clamp(min=1e-3)
