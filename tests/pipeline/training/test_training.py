"""Training: killed and resumed equals unbroken, checkpoints and bundles come back exactly, bad input is named."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.forecaster import Forecaster
from pipeline.baselines.constant_velocity import unfitted
from pipeline.config import IngestConfig, SceneConfig, TrainConfig, WindowsConfig
from pipeline.errors import InputError
from pipeline.params import load_section
from pipeline.scene.backbone import make_backbone
from pipeline.training import fit
from pipeline.training.bundle import Bundle, load_bundle, write_bundle
from pipeline.training.checkpoint import load_checkpoint
from pipeline.training.familiar import Familiar
from pipeline.training.fit import Fitted, Trainer
from pipeline.training.network import forecaster_config
from pipeline.training.predict import predict
from pipeline.training.scenes import SceneTensors
from pipeline.training.statistics import fit_linear_base
from tests.shapes import unchecked
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows
from tests.tiny_bundle import make_bundle

PARAMS = Path(__file__).parents[3] / "params.yaml"


class Killed(Exception):  # noqa: N818
    """Stands for a kill that arrives right after an epoch."""


def kill_after(epoch: int):
    def on_epoch(number: int, _metrics: dict[str, float]) -> None:
        if number == epoch:
            raise Killed

    return on_epoch


def same_weights(one: Fitted, other: Fitted) -> bool:
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("precision", "as_graphs"), [("fp32", False), ("bf16", False), ("fp32", True)])
def test_killed_and_resumed_equals_unbroken(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, precision: str, as_graphs: bool
) -> None:
    if as_graphs:  # the same steps as on a GPU, see ``training.captured``
        monkeypatch.setattr(fit, "can_be_captured", lambda *_args, **_kwargs: True)
    config = config.model_copy(update={"precision": precision})
    windows = small_windows(num_scenes=48)
    unbroken = Trainer(windows, config=config, checkpoint=tmp_path / "unbroken").fit()
    for epoch in (0, 2):
        with pytest.raises(Killed):
            Trainer(windows, config=config, checkpoint=tmp_path / "broken").fit(on_epoch=kill_after(epoch))
    resumed_trainer = Trainer(windows, config=config, checkpoint=tmp_path / "broken")
    assert len(resumed_trainer.history) == 3
    resumed = resumed_trainer.fit()
    assert resumed.history == unbroken.history
    assert same_weights(resumed, unbroken)


def test_a_torn_checkpoint_starts_anew(config: TrainConfig, tmp_path: Path) -> None:
    windows, path = small_windows(num_scenes=48), tmp_path / "state"
    with pytest.raises(Killed):
        Trainer(windows, config=config, checkpoint=path).fit(on_epoch=kill_after(0))
    assert load_checkpoint(path) is not None
    path.write_bytes(path.read_bytes()[:-100])
    assert load_checkpoint(path) is None
    assert Trainer(windows, config=config, checkpoint=path).history == []


def test_training_learns(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=150, gaps=False)
    free = {"max_epochs": 16, "agents_per_batch": 12, "learning_rate": 0.01, "dropout": 0.0, "weight_decay": 0.01}
    whole = {"drop_augmentation": 0.0, "noise_augmentation_m": 0.0, "scene": False}  # its features are noise
    with unchecked():
        fitted = Trainer(windows, config=config.model_copy(update=free | whole), checkpoint=tmp_path / "state").fit()
    # The futures are arcs with constant acceleration: plainly learnable beyond the path that the network starts from.
    first, best = fitted.history[0], fitted.history[fitted.best_epoch]
    assert best["train_single_m"] < 0.8 * first["train_single_m"]
    assert best["validation_cost"] < 0.97 * first["validation_cost"]


def test_the_seed_alone_decides(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=48)
    one, again, other = (
        Trainer(windows, config=config.model_copy(update={"seed": seed}), checkpoint=tmp_path / name).fit()
        for name, seed in (("one", 0), ("again", 0), ("other", 1))
    )
    assert same_weights(one, again)
    assert not same_weights(one, other)
    assert one.history[-1]["train_scene_manoeuvre"] > 0.0, "the scene branch is taught by a head of its own"


def test_validation_and_test_scenes_train_nothing(config: TrainConfig, tmp_path: Path) -> None:
    """Weights after a fixed number of epochs depend on the training scenes alone."""
    windows = small_windows(num_scenes=48)
    held_out = np.isin(windows.observed.scene, np.flatnonzero(windows.index.split != 0))
    one = Trainer(windows, config=config, checkpoint=tmp_path / "one")
    one.fit()
    future = np.asarray(windows.future.xy_m).copy()
    future[held_out] += 5.0
    windows.future.xy_m[...] = future
    windows.observed.xy_m[held_out] += 5.0
    other = Trainer(windows, config=config, checkpoint=tmp_path / "other")
    other.fit()
    last, last_other = (load_checkpoint(path) for path in (tmp_path / "one", tmp_path / "other"))
    assert last is not None
    assert last_other is not None
    names = [name for name in last.tensors if name.startswith("model.")]
    assert names
    assert all(torch.equal(last.tensors[name], last_other.tensors[name]) for name in names)


def test_the_last_epoch_is_kept_where_that_is_asked_for(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=48)
    config = config.model_copy(update={"keep": "last", "patience": 1})
    judged = Trainer(windows, config=config, checkpoint=tmp_path / "judged").fit()
    assert judged.best_epoch == config.max_epochs - 1
    windows.index.split[windows.index.split == 1] = 2
    alone = Trainer(windows, config=config, checkpoint=tmp_path / "alone").fit()
    # But for the calibration, which is what the validation split is for then.
    pairs = zip(alone.model.parameters(), judged.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert len(alone.history) == config.max_epochs
    assert "validation_ade_m" not in alone.history[0]


def test_a_linear_base_goes_on_with_what_it_saw(config: TrainConfig) -> None:
    """Who has kept going straight at one speed goes on so, but for the ridge."""
    windows = small_windows(num_scenes=48, gaps=False)
    straight = np.broadcast_to(np.float32([[0.8, 0.0]]), (len(windows.observed.scene), 31, 2)).cumsum(axis=1)
    windows.observed.xy_m[...], windows.future.xy_m[...] = straight[:, :11], straight[:, 11:]
    windows.observed.heading_rad[...] = 0.0
    model = Forecaster(forecaster_config(config.model_copy(update={"base": "linear"}), windows=windows))
    scenes = SceneTensors.of(windows, device="cpu")
    local_m = scenes.future.xy_m - scenes.observed.xy_m[:, -1:]
    weights = fit_linear_base(model, scenes, local_m=local_m, whole=scenes.future.valid.all(dim=1))
    assert torch.allclose(weights[0].sum(dim=0), torch.arange(1.0, NUM_FUTURE + 1), rtol=0.01)
    assert not weights[1].any(), "nobody went aside"


def test_what_cannot_be_had_is_named(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=48)
    with pytest.raises(InputError, match="precision: fp16 needs a GPU"):
        Trainer(windows, config=config.model_copy(update={"precision": "fp16"}), checkpoint=tmp_path / "c")
    windows.index.split[windows.index.split == 1] = 0
    with pytest.raises(InputError, match="validation"):
        Trainer(windows, config=config, checkpoint=tmp_path / "c")


def test_a_bundle_comes_back_whole_and_forecasts_the_same(config: TrainConfig, tmp_path: Path) -> None:
    windows = small_windows(num_scenes=48)
    fitted = Trainer(windows, config=config, checkpoint=tmp_path / "c").fit()
    scene = load_section("scene_features", SceneConfig, path=PARAMS)
    scene = scene.model_copy(update={"channels": NUM_CHANNELS, "stage": 1, "weights": None})
    bundle = Bundle(
        ingest=load_section("ingest", IngestConfig, path=PARAMS),
        windows=load_section("windows", WindowsConfig, path=PARAMS),
        scene=scene,
        train=config,
        model=fitted.model,
        backbone=make_backbone(scene),
        familiar=Familiar.fit(small_windows()),
        constant_velocity=unfitted(num_future=NUM_FUTURE, rate_hz=RATE_HZ),
        meta={"data": "none"},
    )
    folder = tmp_path / "model"
    write_bundle(folder, bundle)
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}
    loaded = load_bundle(folder)
    assert (loaded.ingest, loaded.windows, loaded.scene, loaded.train) == (
        bundle.ingest, bundle.windows, bundle.scene, bundle.train,
    )  # fmt: skip
    one, other = predict(bundle.model, windows), predict(loaded.model, windows, agents_per_batch=7)
    np.testing.assert_allclose(one.mode_xy_m, other.mode_xy_m, atol=1e-4)
    np.testing.assert_allclose(one.probability.sum(axis=1), 1.0, atol=1e-5)

    with pytest.raises(InputError, match="is no model"):
        load_bundle(tmp_path)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"model\.safetensors: is no safetensors file"):
        load_bundle(folder)


def test_a_decoder_that_feeds_on_itself_forecasts_the_same_in_batches_of_any_size() -> None:
    """In single precision the two are ten times as far apart here, and centimetres with trained weights in a crowd."""
    bundle = make_bundle(decoder="autoregressive", interaction="attention", scene=False)
    one, other = (predict(bundle.model, small_windows(), agents_per_batch=count) for count in (2048, 5))
    assert one.mode_xy_m.dtype == np.float32
    np.testing.assert_allclose(one.mode_xy_m, other.mode_xy_m, rtol=0.0, atol=1e-6)
