"""The model bundle: all that forecasts of new drives need, as weights and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.resnet import SceneBackbone
from pipeline.baselines.constant_velocity import ConstantVelocity
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.drives.categories import Category
from pipeline.errors import InputError
from pipeline.files import digest, whole_folder
from pipeline.params import parse_section
from pipeline.scene.backbone import backbone_digest, make_backbone
from pipeline.training.familiar import Familiar

T = TypeVar("T")
_CONFIG, _MODEL, _BACKBONE = "bundle.json", "model.safetensors", "backbone.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A trained forecaster with the configuration of everything before it.

    Attributes:
        ingest: How its drives were cleaned.
        windows: How its scenes were cut.
        scene: How its frames became features.
        train: How it was trained.
        model: The forecaster, on the CPU, in evaluation mode.
        backbone: The CNN of the frames; ``None`` where the forecaster does not use the scene.
        constant_velocity: What answers where the forecaster cannot, fitted on the same training drives.
        familiar: What those drives are like.
        meta: What else is told of it: data digest, seed, best epoch, validation metrics.
    """

    ingest: IngestConfig
    windows: WindowsConfig
    scene: SceneConfig
    train: TrainConfig
    model: Forecaster
    backbone: SceneBackbone | None
    constant_velocity: ConstantVelocity
    familiar: Familiar
    meta: Mapping[str, Any]


def check_frames(bundle: Bundle, *, made_by: str, where: Path, name: str, todo: str) -> None:
    """Refuse scene features that a model would read as something else than what it was trained on.

    Args:
        bundle: The model.
        made_by: Digest of the CNN that made the features; empty where there are none.
        where: The windows' folder, for the message.
        name: The model's, likewise.
        todo: Likewise.

    Raises:
        InputError: They are of another CNN.
    """
    if bundle.backbone is not None and made_by not in ("", backbone_digest(bundle.backbone, bundle.scene)):
        raise InputError(where, f"do not fit {name}: their scene features were made by another backbone", todo)


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write the whole bundle, replacing what was there."""
    config = {
        "categories": [category.name.lower() for category in Category],
        "ingest": bundle.ingest.model_dump(),
        "windows": bundle.windows.model_dump(),
        "scene_features": bundle.scene.model_dump(),
        "train": bundle.train.model_dump(),
        "forecaster": asdict(bundle.model.config),
        "constant_velocity": bundle.constant_velocity.to_json(),
        "familiar": bundle.familiar.to_json(),
        "meta": dict(bundle.meta),
    }
    with whole_folder(folder) as temporary:
        (temporary / _CONFIG).write_text(json.dumps(config, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        save_file(_contiguous(bundle.model.state_dict()), temporary / _MODEL)
        if bundle.backbone is not None:
            save_file(_contiguous(bundle.backbone.state_dict()), temporary / _BACKBONE)
        for file in temporary.iterdir():
            file.chmod(0o644)  # safetensors lets the owner alone read


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        InputError: The folder is no bundle, or one of its files is missing, broken or does not fit the others.
    """
    todo = "point --model at a folder that training wrote, such as artifacts/model"
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(folder, f"is no model: it has no {_CONFIG}", todo) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(folder / _CONFIG, "cannot be read", todo) from error
    if not isinstance(config, dict):
        raise InputError(folder / _CONFIG, "is no JSON object", todo)
    sections = {
        "ingest": IngestConfig,
        "windows": WindowsConfig,
        "scene_features": SceneConfig,
        "train": TrainConfig,
    }
    others = ("forecaster", "constant_velocity", "familiar", "categories", "meta")
    missing = [key for key in (*sections, *others) if key not in config]
    if missing:
        raise InputError(folder / _CONFIG, f"lacks {', '.join(missing)}", todo)
    known = [category.name.lower() for category in Category]
    if config["categories"] != known[: len(config["categories"])]:
        raise InputError(folder / _CONFIG, "numbers the categories differently", "train the model anew")
    where = str(folder / _CONFIG)
    scene = parse_section(config["scene_features"], SceneConfig, where=f"{where}: scene_features")
    model = Forecaster(_forecaster_config(config["forecaster"], where=where))
    _load(model, folder / _MODEL, todo=todo)
    backbone = None
    if model.config.scene:
        backbone = make_backbone(scene.model_copy(update={"weights": None}))
        _load(backbone, folder / _BACKBONE, todo=todo)
    return Bundle(
        ingest=parse_section(config["ingest"], IngestConfig, where=f"{where}: ingest"),
        windows=parse_section(config["windows"], WindowsConfig, where=f"{where}: windows"),
        scene=scene,
        train=parse_section(config["train"], TrainConfig, where=f"{where}: train"),
        model=model.eval(),
        backbone=backbone,
        constant_velocity=_read(ConstantVelocity.from_json, config, "constant_velocity", where=where),
        familiar=_read(Familiar.from_json, config, "familiar", where=where),
        meta=config["meta"],
    )


def bundle_digest(folder: Path) -> str:
    """Digest of a bundle's files.

    Raises:
        InputError: They cannot be read.
    """
    try:
        return digest(*(folder / name for name in (_CONFIG, _MODEL, _BACKBONE) if (folder / name).exists()))
    except OSError as error:
        where = error.filename or folder
        raise InputError(where, f"cannot be read ({error.strerror})", "check its permissions") from error


def _forecaster_config(value: Any, *, where: str) -> ForecasterConfig:
    try:
        return ForecasterConfig(**value)
    except TypeError as error:
        raise InputError(f"{where}: forecaster", "has unknown or missing keys", "train the model anew") from error


def _read(from_json: Callable[[Any], T], config: Mapping[str, Any], key: str, *, where: str) -> T:
    try:
        return from_json(config[key])
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{where}: {key}", "cannot be read", "train the model anew") from error


def _load(module: Forecaster | SceneBackbone, path: Path, *, todo: str) -> None:
    try:
        module.load_state_dict(load_file(path))
    except FileNotFoundError as error:
        raise InputError(path, "is missing", todo) from error
    except (OSError, SafetensorError) as error:
        raise InputError(path, "is no safetensors file", todo) from error
    except RuntimeError as error:
        raise InputError(path, "holds other weights than its configuration says", todo) from error


def _contiguous(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in state.items()}
