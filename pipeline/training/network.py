"""What the parameters and the data together say of the network."""

from __future__ import annotations

import numpy as np

from models.config import ForecasterConfig
from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.config import TrainConfig
from pipeline.drives.categories import Category, Group
from pipeline.windows.windows import SPLITS, Windows


def forecaster_config(config: TrainConfig, *, windows: Windows) -> ForecasterConfig:
    """What the parameters and the data together say of the network.

    Without a frame in any training scene the scene branch is left out: its weights would stay as they started, and
    the first frame of a new drive would disturb every forecast.
    """
    has_frames = np.asarray(windows.observed.frame_feature_valid).any(axis=1)
    is_train = np.asarray(windows.index.split) == SPLITS.index("train")
    return ForecasterConfig(
        cell=config.cell,
        interaction=config.interaction,
        decoder=config.decoder,
        turn_to_heading=config.turn_to_heading,
        scene=config.scene and bool((has_frames & is_train).any()),
        width=config.width,
        num_modes=config.num_modes,
        basis_rank=config.basis_rank,
        grid_cells=config.grid_cells,
        cell_m=config.cell_m,
        pooled_width=config.pooled_width,
        num_heads=config.num_heads,
        dropout=config.dropout,
        num_future=windows.future.valid.shape[1],
        rate_hz=windows.rate_hz,
        num_categories=len(Category),
        vehicle_categories=tuple(int(category) for category in Category if category.group == Group.VEHICLE),
        scene_channels=windows.observed.frame_feature.shape[-1],
        num_directions=len(Direction) if config.manoeuvre_weight else 0,
        num_paces=len(Pace) if config.manoeuvre_weight else 0,
        base=config.base,
        num_observed=windows.observed.valid.shape[1],
        residual_power=config.residual_power,
        appearance_dropout=config.appearance_dropout,
        scene_head=config.scene_weight > 0.0,
    )
