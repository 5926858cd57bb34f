"""What a camera saw: the response of a forecast to a frame's cells, and the pictures of a small drive."""

from pathlib import Path

import numpy as np
import torch

from models.config import ForecasterConfig
from models.forecaster import Forecaster
from pipeline.drives.categories import Category
from pipeline.drives.drive import Camera
from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.camera_plots import View, response, write_camera_plots
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.store import write_clean
from pipeline.scene.extract import extract_features
from pipeline.scene.store import write_features
from pipeline.training.predict import predict
from pipeline.windows.build import build_windows
from tests.small_drives import write_small_drive
from tests.small_windows import NUM_CHANNELS, NUM_FUTURE, RATE_HZ, small_windows
from tests.tiny_bundle import make_bundle

CAMERA = Camera(width_px=64, height_px=32, fx_px=32.0, fy_px=32.0, cx_px=32.0, cy_px=16.0)


def random_forecaster() -> Forecaster:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Forecaster(
            ForecasterConfig(
                cell="lstm", interaction="none", decoder="low_rank", turn_to_heading=True, scene=True, width=16,
                num_modes=3, basis_rank=4, grid_cells=4, cell_m=6.0, pooled_width=4, num_heads=2, dropout=0.0,
                num_future=NUM_FUTURE, rate_hz=RATE_HZ, num_categories=len(Category), vehicle_categories=(1,),
                scene_channels=NUM_CHANNELS,
            )
        )  # fmt: skip
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        torch.nn.init.normal_(model.decoder.basis, std=0.5)
    return model.eval()


def test_the_response_is_what_a_small_change_of_the_feature_does() -> None:
    windows, model = small_windows(num_scenes=4), random_forecaster()
    agent = 2
    windows.observed.ahead_feature_valid[agent, -1] = True
    own = windows.observed.ahead_feature[agent, -1].astype(np.float32)
    change = 0.02 * np.random.default_rng(0).normal(size=(NUM_CHANNELS, 2, 3)).astype(np.float32)
    view = View(
        image=np.zeros((32, 64, 3), np.uint8), camera=CAMERA, pose=np.zeros(7), map=own[:, None, None] + change,
        stride_px=16, input_px=(64, 32), floor_m=0.0,
    )  # fmt: skip
    told_m = response(model, windows, agent=agent, view=view)
    before = predict(model, windows).single_xy_m[agent, -1]
    heading = windows.observed.heading_rad[agent, windows.observed.heading_valid[agent]][-1]
    for row, column in np.ndindex(2, 3):
        features = windows.observed.ahead_feature.astype(np.float32)
        features[agent, -1] = view.map[:, row, column]
        object.__setattr__(windows.observed, "ahead_feature", features)
        moved = predict(model, windows).single_xy_m[agent, -1] - before
        along_m = moved @ [np.cos(heading), np.sin(heading)]
        np.testing.assert_allclose(told_m[row, column], along_m, rtol=0.15, atol=2e-4)


def test_a_picture_of_a_drive_with_frames_and_none_of_one_without(tmp_path: Path) -> None:
    bundle = make_bundle()
    assert bundle.backbone is not None
    for name in ("filmed", "bare"):
        write_small_drive(tmp_path / "raw" / name, with_frames=name == "filmed")
    drawn = {}
    for ref in find_drives(tmp_path / "raw"):
        clean = ingest_drive(read_drive(ref), config=bundle.ingest)
        features = extract_features(clean, backbone=bundle.backbone, config=bundle.scene, cache=None, device="cpu")
        write_clean(tmp_path / "clean", clean)
        write_features(tmp_path / "features", features)
        windows = build_windows([clean], {clean.name: features}, config=bundle.windows, split=None)
        (tmp_path / clean.name).mkdir()
        drawn[clean.name] = write_camera_plots(
            tmp_path / clean.name,
            windows,
            model=bundle.model,
            forecasts=predict(bundle.model, windows),
            cleans={clean.name: tmp_path / "clean"},
            features={clean.name: tmp_path / "features"},
            max_age_s=bundle.windows.frame_spacing_s,
        )
    assert drawn == {"filmed": 1, "bare": 0}
    assert (tmp_path / "filmed" / "camera_1.png").stat().st_size > 10_000
