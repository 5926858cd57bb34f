"""The data path: a batch gathered from all windows on the device and augmented there, beside a copy of its bytes."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import torch
from torch import Tensor

from pipeline.config import TrainConfig
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.made_up import Size
from pipeline.speed.measure import Measure, measures
from pipeline.speed.train import INTERACTIONS, trainer

_COPY: Final = "copy"


def windows(config: TrainConfig, *, size: Size, repeats: int, device: torch.device) -> list[Measure]:
    """Gather a batch in random order, and gather and augment it.

    Args:
        config: The recipe; its augmentation.
        size: Of the batch.
        repeats: How often.
        device: Where the windows lie.
    """
    step = trainer(config, interaction=INTERACTIONS[0], size=size).step.module
    scenes = torch.randperm(size.scenes, generator=torch.Generator().manual_seed(0)).to(device)
    columns = [
        value
        for part in step.scenes.gather(scenes)
        for value in (getattr(part, field.name) for field in fields(part))
        if isinstance(value, Tensor)
    ]
    runs = {
        _COPY: lambda: [column.clone() for column in columns],
        "gather": lambda: step.scenes.gather(scenes),
        "gather and augment": lambda: step.batch(scenes),
    }
    contestants = {name: Contestant(run=run, agents=size.total, scenes=size.scenes) for name, run in runs.items()}
    return measures(
        "windows", contestants, taken=in_turn(contestants, repeats=repeats, device=device), references=[_COPY]
    )
