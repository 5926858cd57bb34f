"""From stored windows to a model bundle: what the stages, the command line and the benchmarks share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.baselines import constant_velocity
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.errors import InputError
from pipeline.files import digest
from pipeline.params import load_section
from pipeline.scene.backbone import backbone_digest, make_backbone
from pipeline.training.bundle import Bundle
from pipeline.training.familiar import Familiar
from pipeline.training.fit import Fitted, Trainer
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_extra, read_windows, windows_digest

CHECKPOINTS: Final = Path(".headway/checkpoints")  # no DVC out: DVC deletes outs before a stage runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The configuration of everything up to the trained model.

    Attributes:
        ingest: How drives are cleaned.
        scene: How frames become features.
        windows: How scenes are cut.
        train: The forecaster and its training.
    """

    ingest: IngestConfig
    scene: SceneConfig
    windows: WindowsConfig
    train: TrainConfig

    def params(self) -> dict[str, Any]:
        """As in ``params.yaml``."""
        return {
            "ingest": self.ingest.model_dump(),
            "scene_features": self.scene.model_dump(),
            "windows": self.windows.model_dump(),
            "train": self.train.model_dump(),
        }

    def without_neighbours_and_frames(self) -> Recipe:
        """The plain LSTM that the social LSTM is compared with: the same in all else."""
        train = self.train.model_copy(update={"interaction": "none", "scene": False})
        return Recipe(ingest=self.ingest, scene=self.scene, windows=self.windows, train=train)

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe from another start, in another order."""
        train = self.train.model_copy(update={"seed": seed})
        return Recipe(ingest=self.ingest, scene=self.scene, windows=self.windows, train=train)


def load_recipe(path: Path = Path("params.yaml")) -> Recipe:
    """Read the sections of a recipe.

    Raises:
        InputError: A section or key is missing, unknown or of the wrong type.
    """
    return Recipe(
        ingest=load_section("ingest", IngestConfig, path=path),
        scene=load_section("scene_features", SceneConfig, path=path),
        windows=load_section("windows", WindowsConfig, path=path),
        train=load_section("train", TrainConfig, path=path),
    )


def code_digest() -> str:
    """Digest of the networks' and the training's source: what other code had begun is not gone on with."""
    here = Path(__file__).parent
    return digest(*sorted(here.glob("*.py")), *sorted((here.parents[1] / "models").glob("*.py")))


class Training:
    """One training of a recipe on stored windows, resumable until it is cleared.

    Args:
        folder: The windows.
        recipe: What to train.
        checkpoints: Folder of resumable states; the file's name stands for recipe, data and code.

    Attributes:
        data: Digest of the windows.
        trainer: The loop.

    Raises:
        InputError: The windows cannot be read, do not fit the recipe, or cannot be trained on.
    """

    def __init__(self, folder: Path, *, recipe: Recipe, checkpoints: Path = CHECKPOINTS) -> None:
        self.windows = read_windows(folder)
        self.recipe, self.data = recipe, windows_digest(folder)
        made_by = read_extra(folder)["backbone"]  # empty where no drive has frames
        self.backbone = make_backbone(recipe.scene) if recipe.train.scene and made_by else None
        if self.backbone is not None and made_by != backbone_digest(self.backbone, recipe.scene):
            what = "were made by another backbone than scene_features names now"
            raise InputError(folder, what, "run the scene_features and windows stages again")
        key = digest(json.dumps(recipe.params(), sort_keys=True), self.data, code_digest())
        self.path = checkpoints / f"{key}.safetensors"
        self.trainer = Trainer(self.windows, config=recipe.train, checkpoint=self.path)

    @property
    def tags(self) -> dict[str, str]:
        """What a tracked run is told beside its parameters."""
        return {"headway.data": self.data, "headway.device": self.trainer.fabric.device.type}

    def bundle(self, fitted: Fitted) -> Bundle:
        """The trained model with everything that forecasts of new drives need."""
        train = select_scenes(self.windows, scenes_of(self.windows, "train"))
        return Bundle(
            ingest=self.recipe.ingest,
            windows=self.recipe.windows,
            scene=self.recipe.scene,
            train=self.recipe.train,
            model=fitted.model,
            backbone=self.backbone if fitted.model.config.scene else None,
            familiar=Familiar.fit(train),
            constant_velocity=constant_velocity.fit(train.observed, train.future, rate_hz=train.rate_hz),
            meta={
                "data": self.data,
                "best_epoch": fitted.best_epoch,
                "num_epochs": len(fitted.history),
                "validation": fitted.history[fitted.best_epoch],
            },
        )

    def clear(self) -> None:
        """Forget the resumable state: the result is safe."""
        self.path.unlink(missing_ok=True)
