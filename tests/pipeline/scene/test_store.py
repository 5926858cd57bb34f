from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.errors import Dropped, InputError
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from pipeline.scene.store import (
    FEATURE_FRAME_COLUMNS,
    SceneFeatures,
    feature_names,
    read_features,
    write_features,
    write_index,
)


def make_features(name: str = "a", *, num_frames: int = 3) -> SceneFeatures:
    columns = {key: np.zeros(num_frames) for key in ("x_m", "y_m", "z_m", "qw", "qx", "qy", "qz")}
    frames = pd.DataFrame({
        "timestamp_ns": np.arange(num_frames, dtype=np.int64) * 100_000_000,
        "camera": pd.Series(["front"] * num_frames, dtype="str"),
        "path": pd.Series([f"frames/{i}.jpg" for i in range(num_frames)], dtype="str"),
        **columns,
        "ok": np.arange(num_frames) != 1,
    })  # fmt: skip
    return SceneFeatures(
        name=name,
        frames=frames[list(FEATURE_FRAME_COLUMNS)],
        cameras={"front": Camera(width_px=8, height_px=4, fx_px=4.0, fy_px=4.0, cx_px=4.0, cy_px=2.0)},
        maps=np.random.default_rng(0).normal(size=(num_frames, 2, 3, 5)).astype(np.float16),
        digest="d1",
        input_px=(80, 48),
        stride_px=16,
        dropped=(Dropped(where="frames/1.jpg", reason="missing file"),),
    )


@pytest.mark.parametrize("num_frames", [3, 0])
def test_what_is_written_comes_back_as_a_memory_map(tmp_path: Path, num_frames: int) -> None:
    written = make_features(num_frames=num_frames)
    write_features(tmp_path, written)
    read = read_features(tmp_path, "a")
    assert isinstance(read.maps, np.memmap)
    np.testing.assert_array_equal(read.maps, written.maps)
    pd.testing.assert_frame_equal(read.frames, written.frames)
    assert (read.name, read.cameras, read.digest) == ("a", written.cameras, "d1")
    assert (read.input_px, read.stride_px, read.dropped) == ((80, 48), 16, written.dropped)


def test_the_index_names_what_was_written_and_nothing_that_merely_lies_there(tmp_path: Path) -> None:
    write_features(tmp_path, make_features("b"))
    write_features(tmp_path, make_features("a"))
    write_index(tmp_path, drives=["b", "a"])
    (tmp_path / ".gitignore").write_text("/c.npy\n")
    (tmp_path / "c.npy").write_bytes(b"")
    assert feature_names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("suffix", ["npy", "frames.parquet", "json"])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str) -> None:
    write_features(tmp_path, make_features())
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=f"a.{suffix}"):
        read_features(tmp_path, "a")


def test_maps_and_frames_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_features(tmp_path, make_features())
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 3, 5), np.float16))
    with pytest.raises(InputError, match="not 3 float16 maps"):
        read_features(tmp_path, "a")


def test_a_drive_without_cameras_has_no_frames_but_its_channels() -> None:
    clean = CleanDrive(
        name="a",
        source_path="x",
        rate_hz=10.0,
        step_times_ns=np.zeros(0, np.int64),
        tracks=pd.DataFrame(columns=list(CLEAN_COLUMNS)),
        frames=pd.DataFrame({key: pd.Series(dtype=dtype) for key, dtype in FRAME_COLUMNS.items()}),
    )
    features = SceneFeatures.empty(clean, 7)
    assert features.maps.shape[:2] == (0, 7)
    assert features.frames["ok"].dtype == bool
