"""What is fitted on the training split before training: the futures' basis, anchors and spread; the features' scale."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.vq import kmeans2

from models.decoder import FutureStatistics, residual_scale
from models.forecaster import Forecaster, constant_velocity_future
from models.frames import agent_frame, unrotate
from pipeline.errors import InputError
from pipeline.training.scenes import SceneTensors, is_scored


def fit_statistics(train: SceneTensors, *, rank: int, num_modes: int, rate_hz: float, seed: int) -> FutureStatistics:
    """Principal components, k-means anchors and spread of the residuals to constant velocity.

    Args:
        train: Scenes of the training split, and no others.
        rank: Components.
        num_modes: Anchors.
        rate_hz: Of the steps.
        seed: Of the k-means start.

    Raises:
        InputError: There are fewer whole futures than components or anchors.
    """
    num_future = train.future.valid.shape[1]
    frame = agent_frame(train.observed, rate_hz=rate_hz)
    whole = is_scored(train.observed) & train.future.valid.all(dim=1)
    if int(whole.sum()) < max(rank, num_modes):
        raise InputError(
            "the training split",
            f"has {int(whole.sum())} agents with a whole future, too few for {rank} components and {num_modes} modes",
            "bring more or longer drives, or lower windows.future_s",
        )
    base = constant_velocity_future(frame, num_future=num_future, rate_hz=rate_hz)
    local = unrotate(train.future.xy_m - frame.origin_m[:, None], frame.axis[:, None])
    residual = ((local - base) / residual_scale(frame.velocity_mps)[:, None, None])[whole].double().cpu()
    flat = residual.reshape(len(residual), -1)
    # Uncentred: zero, constant velocity, must stay inside the span's origin.
    _, values, vectors = torch.linalg.svd(flat, full_matrices=False)
    deviations = values[:rank] / len(flat) ** 0.5
    basis = vectors[:rank] * deviations[:, None]
    coefficients = (flat @ vectors[:rank].T / deviations.clamp(min=1e-9)).numpy()
    # Most agents keep their velocity: anchors come from those that do not, or all would lie at zero.
    restless = np.argsort(-np.linalg.norm(residual[:, -1].numpy(), axis=-1))[: max(len(flat) // 2, num_modes)]
    anchors, _ = kmeans2(coefficients[restless], num_modes, minit="++", rng=np.random.default_rng(seed))
    return FutureStatistics(
        basis=basis.reshape(rank, num_future, 2).float(),
        anchors=torch.from_numpy(anchors).float(),
        spread=residual.square().mean(0).sqrt().clamp(min=1e-3).float(),
    )


def set_feature_scale(model: Forecaster, train: SceneTensors) -> None:
    """Give the scene encoder the mean and deviation, by channel, of the training split's features."""
    observed = train.observed
    if model.scene is None or int(observed.agent_feature_valid.sum()) < 2:
        return
    seen = observed.agent_feature[observed.agent_feature_valid].float()
    model.scene.mean.copy_(seen.mean(0))
    model.scene.scale.copy_(seen.std(0).clamp(min=1e-3))
