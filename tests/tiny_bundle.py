"""A small forecaster with random weights: fast, and wrong in a way that depends on all that it sees."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from models.config import ForecasterConfig
from models.decoder import FutureStatistics
from models.forecaster import Forecaster
from models.lamps import NUM_LAMPS
from models.unicycle import CONTROL_TERMS
from pipeline.baselines.constant_velocity import unfitted
from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.drives.categories import Category
from pipeline.params import load_section
from pipeline.scene.backbone import make_backbone
from pipeline.training.bundle import Bundle
from pipeline.training.familiar import Familiar
from tests.small_windows import small_windows

PARAMS = Path(__file__).parents[1] / "params.yaml"


def make_bundle(
    *, scene: bool = True, seed: int = 0, observed_s: float | None = None, future_s: float | None = None, **changed: Any
) -> Bundle:
    """A bundle with the repository's windows, a small CNN input and a narrow network; ``changed``: keys of training."""
    windows = load_section("windows", WindowsConfig, path=PARAMS)
    times = {"observed_s": observed_s or windows.observed_s, "future_s": future_s or windows.future_s}
    windows = windows.model_copy(update=times)
    small = {"width_px": 96, "height_px": 64, "channels": 8, "stage": 1, "batch_size": 8, "weights": None}
    scene_config = load_section("scene_features", SceneConfig, path=PARAMS).model_copy(update=small)
    narrow = {"scene": scene, "width": 16, "num_modes": 3, "basis_rank": 4, "pooled_width": 4, "grid_cells": 4}
    train = load_section("train", TrainConfig, path=PARAMS).model_copy(update=narrow | changed)
    shared = {f.name: getattr(train, f.name) for f in fields(ForecasterConfig) if hasattr(train, f.name)}
    config = ForecasterConfig(
        **shared,
        num_observed=windows.num_observed,
        num_future=windows.num_future,
        rate_hz=windows.rate_hz,
        num_categories=len(Category),
        vehicle_categories=(int(Category.CAR),),
        scene_channels=scene_config.channels + NUM_LAMPS,
        num_directions=len(Direction),
        num_paces=len(Pace),
    )
    model = Forecaster(config).eval()
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * noise(*parameter.shape))
    num_future = windows.num_future
    ramp = torch.linspace(0.05, 1.0, num_future)[None, :, None]
    model.set_statistics(
        FutureStatistics(
            fading=torch.ones(2, 3),
            reaction=torch.tensor([0.5, 20.0]),
            basis=0.3 * noise(config.basis_rank, 1, 2) * ramp,
            anchors=noise(config.num_modes, config.basis_rank),
            spread=0.2 + ramp[0].expand(num_future, 2),
            control_scale=torch.ones(2, CONTROL_TERMS),
            control_anchors=torch.zeros(config.num_modes, 2, CONTROL_TERMS),
        )
    )
    return Bundle(
        ingest=load_section("ingest", IngestConfig, path=PARAMS),
        windows=windows,
        scene=scene_config,
        train=train,
        model=model,
        backbone=make_backbone(scene_config) if scene else None,
        familiar=Familiar.fit(small_windows(num_scenes=60)),
        constant_velocity=unfitted(num_future=windows.num_future, rate_hz=windows.rate_hz),
        meta={},
    )
