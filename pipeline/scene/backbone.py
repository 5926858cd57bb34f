"""The CNN of the scene features: made from the parameters and a file of weights, and told apart by its digest."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.resnet import NUM_STAGES, WIDTHS, SceneBackbone
from pipeline.config import SceneConfig
from pipeline.errors import InputError
from pipeline.files import digest

CODE_VERSION: Final = 3  # raise it whenever the code gives other maps from the same frame, weights and settings
PROJECTION: Final = "projection.weight"  # in files of ours alone: published ones have none, and keep the seeded one
COUNTER: Final = "num_batches_tracked"  # BatchNorm's training counter, absent from older files and never used here
TODO: Final = "give a file of this backbone's weights, with torchvision's parameter names, or null"


def weights_of(backbone: SceneBackbone) -> dict[str, Tensor]:
    """What a file of weights holds: the network's, by torchvision's names, and the projection's where there is one."""
    state = {name: value.contiguous() for name, value in backbone.network.state_dict().items()}
    if isinstance(backbone.projection, nn.Conv2d):
        state[PROJECTION] = backbone.projection.weight.data.contiguous()
    return state


def make_backbone(config: SceneConfig) -> SceneBackbone:
    """Build the CNN, frozen, with the weights that the parameters name or seeded random ones.

    Raises:
        InputError: The weights' file is missing, is none, or does not fit (the message names file and key); or more
            channels are asked for than the stage has.
    """
    width = WIDTHS[config.backbone][config.stage - 1]
    if config.channels > width:
        todo = f"choose at most {width}"
        raise InputError("scene_features.channels", f"stage {config.stage} has only {width} channels", todo)
    backbone = SceneBackbone(config.backbone, stage=config.stage, channels=config.channels, seed=config.seed)
    if config.weights is not None:
        path = Path(config.weights)
        _load(backbone, _read(path), path=path)
    return backbone


def backbone_digest(module: SceneBackbone, config: SceneConfig) -> str:
    """Digest of what decides a frame's map besides the frame: weights, settings and this code's version.

    Where the weights came from does not enter, nor does the device or its precision.
    """
    parts: list[str | bytes] = []
    for name, value in sorted(module.state_dict().items()):
        if not name.endswith(COUNTER):
            parts += [f"{name} {value.dtype} {tuple(value.shape)}", value.detach().cpu().numpy().tobytes()]
    settings = {
        "backbone": config.backbone,
        "stage": config.stage,
        "channels": config.channels,
        "input_px": [config.width_px, config.height_px],
        "version": CODE_VERSION,
    }
    return digest(json.dumps(settings, sort_keys=True), *parts)


def _read(path: Path) -> Mapping[str, Any]:
    """The tensors of a ``.safetensors`` or ``.pth`` file, without running anything that the file holds."""
    if path.suffix not in READERS:
        raise InputError(path, f"weights cannot be a '{path.suffix}' file", f"give one of {', '.join(READERS)}")
    try:
        content = READERS[path.suffix](path)
    except FileNotFoundError as error:
        raise InputError(path, "the file of weights is missing", TODO) from error
    except pickle.UnpicklingError as error:
        raise InputError(path, "holds more than tensors, or is damaged; nothing of it was run", TODO) from error
    except UNREADABLE as error:
        raise InputError(path, f"is no readable file of weights ({error.__class__.__name__})", TODO) from error
    if not isinstance(content, dict):
        raise InputError(path, f"holds a {type(content).__name__}, not named tensors", TODO)
    return content


def _torch_load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


# What the readers raise on damaged files, found by damaging files (tests/pipeline/scene/test_backbone.py).
UNREADABLE: Final = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, SafetensorError)
READERS: Final[dict[str, Callable[[Path], Any]]] = {".safetensors": load_file, ".pth": _torch_load, ".pt": _torch_load}


def _load(backbone: SceneBackbone, values: Mapping[str, Any], *, path: Path) -> None:
    """Copy every tensor that the network has, and refuse a file of another network."""
    own = backbone.network.state_dict()
    if PROJECTION in values and isinstance(backbone.projection, nn.Conv2d):
        own[PROJECTION] = backbone.projection.weight.data
    later = tuple(f"layer{number}." for number in range(backbone.network.stage + 1, NUM_STAGES + 1))
    for name, value in values.items():
        if name not in own and name != PROJECTION and not str(name).startswith(("fc.", *later)):
            raise InputError(path, f"key '{name}' is none of this network's", TODO)
        if name in own and not isinstance(value, Tensor):
            raise InputError(path, f"key '{name}' is no tensor", TODO)
    for name, mine in own.items():
        if name.endswith(COUNTER):
            continue
        if name not in values:
            raise InputError(path, f"key '{name}' is missing", TODO)
        value = values[name]
        if value.shape != mine.shape:
            raise InputError(path, f"key '{name}' has shape {tuple(value.shape)}, not {tuple(mine.shape)}", TODO)
        if not value.is_floating_point() or not bool(value.isfinite().all()):
            raise InputError(path, f"key '{name}' holds what are not finite numbers", TODO)
        mine.copy_(value)
