import os
import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.resnet import ResNet
from pipeline.config import SceneConfig
from pipeline.errors import InputError
from pipeline.scene.backbone import backbone_digest, make_backbone, weights_of

CONFIG = SceneConfig(
    backbone="resnet18", weights=None, seed=0, stage=2, channels=16, width_px=64, height_px=32, batch_size=2,
    precision="fp32",
)  # fmt: skip


def config_with(**changes: object) -> SceneConfig:
    return CONFIG.model_copy(update=changes)


@cache
def published_like() -> dict[str, torch.Tensor]:
    """A whole ResNet-18 with its classifier, as torchvision publishes it. Not to be changed in place."""
    generator = torch.Generator().manual_seed(5)
    state = ResNet("resnet18", num_classes=10, generator=generator).state_dict()
    return {name: value + 0.01 if "running" in name else value for name, value in state.items()}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_published_weights_load_and_later_stages_are_left_out(tmp_path: Path, suffix: str) -> None:
    state, path = published_like(), tmp_path / f"weights.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    backbone = make_backbone(config_with(weights=str(path)))
    loaded = backbone.network.state_dict()
    assert torch.equal(loaded["layer2.1.bn2.running_var"], state["layer2.1.bn2.running_var"])
    assert all(torch.equal(value, state[name]) for name, value in loaded.items())
    assert not any(name.startswith(("layer3", "layer4", "fc")) for name in loaded)


def test_files_older_than_the_batch_counter_load(tmp_path: Path) -> None:
    state = {name: value for name, value in published_like().items() if "num_batches" not in name}
    save_file(state, tmp_path / "a.safetensors")
    make_backbone(config_with(weights=str(tmp_path / "a.safetensors")))


def without(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "layer2.0.bn1.bias"), "key 'layer2.0.bn1.bias' is missing"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 1, 7, 7)}, r"'conv1.weight' has shape \(64, 1, 7, 7\), not"),
        (lambda s: s | {"layer2.2.conv1.weight": torch.zeros(1)}, "key 'layer2.2.conv1.weight' is none of"),
        (lambda s: s | {"bn1.bias": torch.full((64,), torch.nan)}, "'bn1.bias' holds what are not finite"),
        (lambda s: s | {"bn1.bias": "text"}, "'bn1.bias' is no tensor"),
        (lambda s: list(s.values()), "holds a list"),
    ],
)
def test_weights_that_do_not_fit_are_named_with_their_key(tmp_path: Path, change, message: str) -> None:
    torch.save(change(published_like()), tmp_path / "weights.pth")
    with pytest.raises(InputError, match=message) as caught:
        make_backbone(config_with(weights=str(tmp_path / "weights.pth")))
    assert "weights.pth" in str(caught.value)


class Malice:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("archive", [True, False])
def test_a_file_that_holds_code_is_refused_and_does_not_run(tmp_path: Path, *, archive: bool) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "it_ran"
    if archive:
        torch.save({"conv1.weight": Malice(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"conv1.weight": Malice(trace)}, protocol=2))
    with pytest.raises(InputError, match="nothing of it was run"):
        make_backbone(config_with(weights=str(path)))
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_damaged_files_are_one_line_each(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    state = {name: value for name, value in published_like().items() if "layer" not in name}
    save_file(state, whole) if suffix == "safetensors" else torch.save(state, whole)
    content, rng = whole.read_bytes(), np.random.default_rng(0)
    damaged = [b"", b"text", content[:100], content[: len(content) // 2], content[:-10]]
    for _ in range(30):
        copy = bytearray(content)
        for place in rng.integers(0, 600, size=4):
            copy[place] = rng.integers(0, 256)
        damaged.append(bytes(copy))
    path = tmp_path / f"weights.{suffix}"
    for one in damaged:
        path.write_bytes(one)
        with pytest.raises(InputError, match="weights"):  # at the latest since the layers are missing
            make_backbone(config_with(weights=str(path)))


def test_missing_files_other_files_and_too_many_channels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.pth: the file of weights is missing"):
        make_backbone(config_with(weights=str(tmp_path / "nowhere.pth")))
    with pytest.raises(InputError, match=r"a '.zip' file"):
        make_backbone(config_with(weights=str(tmp_path / "weights.zip")))
    with pytest.raises(InputError, match=r"scene_features.channels: stage 2 has only 128 channels"):
        make_backbone(config_with(channels=129))


def test_the_digest_follows_weights_and_settings_and_nothing_else(tmp_path: Path) -> None:
    own = backbone_digest(make_backbone(CONFIG), CONFIG)
    assert backbone_digest(make_backbone(CONFIG), CONFIG) == own
    same = config_with(batch_size=7, precision="bf16")
    assert backbone_digest(make_backbone(same), same) == own
    laid_out = make_backbone(CONFIG).to(memory_format=torch.channels_last)
    assert backbone_digest(laid_out, CONFIG) == own
    for change in ({"seed": 1}, {"stage": 3}, {"channels": 17}, {"width_px": 63}, {"height_px": 31}):
        other = config_with(**change)
        assert backbone_digest(make_backbone(other), other) != own, change
    changed = make_backbone(CONFIG)
    changed.network.state_dict()["bn1.running_mean"][3] += 1e-6
    assert backbone_digest(changed, CONFIG) != own
    # Where the weights lie does not matter.
    save_file(published_like(), tmp_path / "a.safetensors")
    torch.save(published_like(), tmp_path / "b.pth")
    here, there = (config_with(weights=str(tmp_path / name)) for name in ("a.safetensors", "b.pth"))
    assert backbone_digest(make_backbone(here), here) == backbone_digest(make_backbone(there), there) != own


def test_a_learned_projection_comes_with_the_weights_and_without_one_the_seeded_stays(tmp_path: Path) -> None:
    learned, seeded = make_backbone(CONFIG), make_backbone(CONFIG)
    assert isinstance(learned.projection, torch.nn.Conv2d)
    learned.projection.weight.data.mul_(2.0)
    save_file(weights_of(learned), tmp_path / "ours.safetensors")
    save_file({n: v.contiguous() for n, v in learned.network.state_dict().items()}, tmp_path / "theirs.safetensors")
    for name, expected in (("ours", learned), ("theirs", seeded)):
        found = make_backbone(config_with(weights=str(tmp_path / f"{name}.safetensors")))
        torch.testing.assert_close(found.state_dict()["projection.weight"], expected.state_dict()["projection.weight"])
    whole = weights_of(make_backbone(config_with(channels=128)))
    assert "projection.weight" not in whole
