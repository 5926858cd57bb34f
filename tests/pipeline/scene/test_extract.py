from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from models.resnet import SceneBackbone
from pipeline.config import SceneConfig
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.errors import InputError
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from pipeline.scene import extract
from pipeline.scene.backbone import backbone_digest, make_backbone
from pipeline.scene.extract import extract_features
from pipeline.scene.store import SceneFeatures, read_features, write_features

CONFIG = SceneConfig(
    backbone="resnet18", weights=None, seed=0, stage=1, channels=8, width_px=48, height_px=32, batch_size=3,
    precision="fp32",
)  # fmt: skip
CAMERA = Camera(width_px=60, height_px=40, fx_px=30.0, fy_px=30.0, cx_px=30.0, cy_px=20.0)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)


def write_frame(clean: CleanDrive, row: int, image: np.ndarray) -> Path:
    path = Path(clean.source_path) / clean.frames["path"][row]
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


@pytest.fixture
def clean(tmp_path: Path) -> CleanDrive:
    """Seven frames of two cameras."""
    num_frames = 7
    frames = pd.DataFrame({
        "timestamp_ns": np.arange(num_frames, dtype=np.int64),
        "camera": pd.Series(["left", "right"] * 3 + ["left"], dtype="str"),
        "path": pd.Series([f"frames/{i}.{('jpg', 'png')[i % 2]}" for i in range(num_frames)], dtype="str"),
        **dict.fromkeys(("x_m", "y_m", "z_m", "qw", "qx", "qy", "qz"), 0.5),
    })  # fmt: skip
    drive = CleanDrive(
        name="a",
        source_path=str(tmp_path / "drive"),
        rate_hz=10.0,
        step_times_ns=np.zeros(1, np.int64),
        tracks=pd.DataFrame(columns=list(CLEAN_COLUMNS)),
        cameras={"left": CAMERA, "right": CAMERA},
        frames=frames[list(FRAME_COLUMNS)],
    )
    for row in range(num_frames):
        write_frame(drive, row, picture(row))
    return drive


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(clean: CleanDrive, cache: Path | None, *, config: SceneConfig = CONFIG) -> SceneFeatures:
    return extract_features(clean, backbone=make_backbone(config), config=config, cache=cache, device="cpu")


def counts(features: SceneFeatures) -> tuple[int, int]:
    return features.num_computed, features.num_cached


def test_each_row_has_its_own_frames_map(clean: CleanDrive) -> None:
    features = run(clean, None)
    backbone = make_backbone(CONFIG)
    assert features.maps.shape == (7, 11, 8, 12)
    assert features.frames["ok"].all()
    assert features.digest == backbone_digest(backbone, CONFIG)
    for row in (1, 5):  # PNG, so exactly the picture
        image = cv2.resize(picture(row)[..., ::-1], (48, 32), interpolation=cv2.INTER_AREA)
        by_hand = backbone(torch.from_numpy(image.copy()).permute(2, 0, 1)[None])[0]
        np.testing.assert_allclose(features.maps[row], by_hand.numpy(), rtol=2e-3, atol=2e-3)


def test_bf16_gives_nearly_the_same_maps_and_they_are_kept_apart(clean: CleanDrive, cache: Path) -> None:
    exact = run(clean, cache)
    half = run(clean, cache, config=CONFIG.model_copy(update={"precision": "bf16"}))
    scale = float(np.abs(exact.maps).max())
    np.testing.assert_allclose(half.maps, exact.maps, atol=scale * 2.0**-5)  # a bf16 number has eight bits
    assert counts(half) == ((7, 0) if extract.multiplies_bf16("cpu") else (0, 7))


def test_the_second_run_computes_nothing_and_gives_the_same(clean: CleanDrive, cache: Path) -> None:
    first, second = run(clean, cache), run(clean, cache)
    assert (counts(first), counts(second)) == ((7, 0), (0, 7))
    np.testing.assert_array_equal(first.maps, second.maps)


def test_a_changed_pixel_computes_one_frame(clean: CleanDrive, cache: Path) -> None:
    before = run(clean, cache)
    image = picture(3)
    image[0, 0, 0] ^= 128
    write_frame(clean, 3, image)
    after = run(clean, cache)
    assert counts(after) == (1, 6)
    changed = (before.maps != after.maps).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, np.arange(7) == 3)


def test_a_new_name_time_or_place_of_the_same_frame_computes_nothing(clean: CleanDrive, cache: Path) -> None:
    run(clean, cache)
    moved = Path(clean.source_path).rename(cache.parent / "moved")
    frames = clean.frames.assign(timestamp_ns=clean.frames["timestamp_ns"] + 5, x_m=9.0)
    assert counts(run(replace(clean, source_path=str(moved), frames=frames), cache)) == (0, 7)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"stage": 2}, {"channels": 9}, {"width_px": 47}, {"height_px": 31}], ids=str
)
def test_other_weights_or_settings_compute_everything(clean: CleanDrive, cache: Path, change: dict[str, int]) -> None:
    run(clean, cache)
    config = CONFIG.model_copy(update=change)
    assert counts(run(clean, cache, config=config)) == (7, 0)
    assert counts(run(clean, cache, config=config)) == (0, 7)


def test_another_version_of_the_code_computes_everything(
    clean: CleanDrive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(clean, cache)
    monkeypatch.setattr("pipeline.scene.backbone.CODE_VERSION", 999)
    assert counts(run(clean, cache)) == (7, 0)


def test_a_damaged_cache_file_is_computed_again(clean: CleanDrive, cache: Path) -> None:
    before = run(clean, cache)
    files = sorted(cache.rglob("*.npy"))
    assert len(files) == 7
    flipped = bytearray(files[0].read_bytes())
    flipped[-100] ^= 1
    files[0].write_bytes(flipped)
    files[1].write_bytes(files[1].read_bytes()[:200])
    files[2].write_bytes(b"")
    np.save(files[3], np.zeros((8, 8, 12), np.float16))
    after = run(clean, cache)
    assert counts(after) == (4, 3)
    np.testing.assert_allclose(after.maps, before.maps, rtol=2e-3, atol=2e-3)  # in other batches
    assert counts(run(clean, cache)) == (0, 7)


def test_frames_that_cannot_be_used_are_masked_and_named(clean: CleanDrive, cache: Path) -> None:
    folder = Path(clean.source_path)
    (folder / "frames/0.jpg").write_bytes((folder / "frames/0.jpg").read_bytes()[:500])
    (folder / "frames/1.png").unlink()
    (folder / "frames/2.jpg").write_text("a grey text")
    write_frame(clean, 3, picture(3)[:20])
    frames = clean.frames.assign(camera=[*clean.frames["camera"][:4], "rear", "right", "left"])
    features = run(replace(clean, frames=frames), cache)
    assert {(Path(one.where).name, one.reason) for one in features.dropped} == {
        ("0.jpg", "truncated image"),
        ("1.png", "missing file"),
        ("2.jpg", "not a JPEG or PNG image"),
        ("3.png", "size other than the camera's"),
        ("4.jpg", "unknown camera"),
    }
    np.testing.assert_array_equal(features.frames["ok"], [False] * 5 + [True] * 2)
    assert not features.maps[:5].any()
    assert features.maps[5:].any()
    assert counts(features) == (2, 0)


def test_a_frame_that_the_camera_disowns_is_not_taken_from_the_cache(clean: CleanDrive, cache: Path) -> None:
    run(clean, cache)
    other = {"left": CAMERA, "right": replace(CAMERA, width_px=61)}
    features = run(replace(clean, cameras=other), cache)
    np.testing.assert_array_equal(features.frames["ok"], clean.frames["camera"] == "left")


def test_a_drive_whose_folder_is_gone_has_every_frame_masked(clean: CleanDrive) -> None:
    features = run(replace(clean, source_path="/nowhere/at/all"), None)
    assert not features.frames["ok"].any()
    assert len(features.dropped) == 7


def test_a_drive_without_frames(clean: CleanDrive, tmp_path: Path) -> None:
    features = run(replace(clean, frames=clean.frames.iloc[:0], cameras={}), None)
    assert features.maps.shape == (0, 11, 8, 12)
    write_features(tmp_path, features)
    assert read_features(tmp_path, "a").maps.shape == (0, 11, 8, 12)


def test_weights_that_blow_up_are_an_input_error(clean: CleanDrive) -> None:
    backbone = make_backbone(CONFIG)
    backbone.network.state_dict()["bn1.weight"][:] = 1e9
    with pytest.raises(InputError, match="not finite in half precision"):
        extract_features(clean, backbone=backbone, config=CONFIG, cache=None)


def test_an_interrupted_run_keeps_what_it_made_and_nothing_half(
    clean: CleanDrive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = SceneBackbone.forward, []

    def fail_later(self: SceneBackbone, frames: torch.Tensor) -> torch.Tensor:
        calls.append(len(frames))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return forward(self, frames)

    with monkeypatch.context() as patch:
        patch.setattr(SceneBackbone, "forward", fail_later)
        with pytest.raises(KeyboardInterrupt):
            run(clean, cache)
    assert len(list(cache.rglob("*"))) - len([path for path in cache.rglob("*") if path.is_dir()]) == 3
    assert counts(run(clean, cache)) == (4, 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(clean: CleanDrive) -> None:
    with pytest.raises(InputError, match="no CUDA device"):
        extract_features(clean, backbone=make_backbone(CONFIG), config=CONFIG, cache=None, device="cuda")
    with pytest.raises(InputError, match="'tpu' is not known"):
        extract.pick_device("tpu")
