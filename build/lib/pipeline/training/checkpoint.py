"""Resumable state as one safetensors file, whole or absent: nothing that loads may execute code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.files import whole_file


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Tensors by name and a JSON value beside them."""

    tensors: Mapping[str, Tensor]
    meta: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write whole, or leave what was there."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.tensors.items()}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={"meta": json.dumps(checkpoint.meta)})


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Read one; ``None`` where there is none or it cannot be read, for then training simply starts anew."""
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads(file.metadata()["meta"])
            return Checkpoint(tensors={name: file.get_tensor(name) for name in file.keys()}, meta=meta)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state, flat by name; its settings are not state, the schedule sets them anew."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"optimizer.{index}.{name}": value for index, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of ``optimizer_tensors``."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def module_tensors(module: nn.Module, *, prefix: str) -> dict[str, Tensor]:
    """A module's state under a prefix."""
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], *, prefix: str) -> None:
    """The inverse of ``module_tensors``."""
    start = f"{prefix}."
    module.load_state_dict({name.removeprefix(start): v for name, v in tensors.items() if name.startswith(start)})
