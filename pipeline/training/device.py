"""Where training runs, and in which precision."""

from __future__ import annotations

import os
from typing import Final, Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy

from pipeline.config import TrainConfig
from pipeline.errors import InputError

_PRECISIONS: Final[dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def make_fabric(config: TrainConfig) -> Fabric:
    """The device and precision that the parameters ask for; one of several processes where ``torchrun`` started them.

    Raises:
        InputError: They cannot be had here.
    """
    has_gpu = torch.cuda.is_available()
    if config.device == "cuda" and not has_gpu:
        raise InputError("train.device", "is cuda, and no GPU can be used here", "set it to auto or cpu")
    on_gpu = has_gpu and config.device != "cpu"
    if config.precision == "fp16" and not on_gpu:
        raise InputError("train.precision", "fp16 needs a GPU", "use auto, bf16 or fp32 on the CPU")
    automatic = "bf16" if on_gpu else "fp32"  # on a CPU, casts cost such small products more than bf16 saves
    precision = automatic if config.precision == "auto" else config.precision
    world, here = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=here,
        num_nodes=world // here,
        strategy=DDPStrategy(find_unused_parameters=True) if world > 1 else "auto",  # a batch may have no frames
        precision=_PRECISIONS[precision],
    )
    if world > 1:
        fabric.launch()
    return fabric
