"""Scene features of real frames: every labelled object of KITTI is in its frame, so all of them must be sampled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.lamps import NUM_LAMPS
from pipeline.config import IngestConfig, SceneConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section
from pipeline.scene.backbone import make_backbone
from pipeline.scene.extract import extract_features
from pipeline.scene.sample import latest_frames, sample_maps

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.real
def test_labelled_objects_are_seen_in_the_frame_of_their_time(shared_data: Path) -> None:
    config = load_section("scene_features", SceneConfig, path=PARAMS).model_copy(
        update={"stage": 1, "channels": 8, "weights": None}
    )
    (ref,) = find_drives(shared_data / "kitti")
    clean = ingest_drive(read_drive(ref), config=load_section("ingest", IngestConfig, path=PARAMS))
    clean = replace(clean, frames=clean.frames.iloc[:3].reset_index(drop=True))
    features = extract_features(clean, backbone=make_backbone(config), config=config, cache=None)
    assert features.frames["ok"].all()
    assert not features.dropped
    # Frames a tenth of a second apart look alike, and no channel is dead.
    flat = features.maps.reshape(3, -1).astype(np.float32)
    assert np.corrcoef(flat).min() > 0.6
    assert features.maps[:, :-NUM_LAMPS].std(axis=(0, 2, 3), dtype=np.float32).min() > 0.01  # there may be no lamp

    now_ns = int(clean.frames["timestamp_ns"].iloc[2])
    # Interpolated rows may lie where the object was hidden; the sensor's own are in the picture.
    objects = clean.tracks[(clean.tracks["t_ns"] == now_ns) & (clean.tracks["known_at_ns"] == now_ns)]
    points = objects.loc[~objects["is_ego"], ["x_m", "y_m", "z_m"]].to_numpy()[:, None, None]
    assert len(points) >= 3
    rows = latest_frames(features, np.asarray([now_ns]), max_age_s=0.05)
    assert rows.tolist() == [[2]]
    feature, seen, frame, _ = sample_maps(features, rows, points, np.ones(points.shape[:3], bool))
    assert seen.all()
    assert len(np.unique(feature[:, 0, 0])) == len(points)
    assert np.isfinite(frame).all()
