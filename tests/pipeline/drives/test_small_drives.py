from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from tests.small_drives import write_small_drive


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return read_drive(find_drives(write_small_drive(tmp_path / "one", seed=3))[0])


def test_a_small_drive_has_ten_agents_and_its_frames(drive: Drive):
    assert drive.tracks.groupby("track_id").size().to_dict() == dict.fromkeys(drive.tracks.track_id, 121)
    assert drive.tracks.track_id.nunique() == 10
    assert drive.tracks.loc[drive.tracks.is_ego, "track_id"].unique().tolist() == ["ego"]
    assert {Category.VEHICLE, Category.CAR, Category.BICYCLE, Category.PEDESTRIAN, Category.STATIC} == set(
        drive.tracks.category
    )
    assert len(drive.frames) == 61
    assert all((drive.path / path).is_file() for path in drive.frames.path)
    assert drive.dropped == ()
    assert drive.notes == ()


def test_its_queue_stops_and_goes_and_its_car_turns(drive: Drive):
    tracks = {str(name): track for name, track in drive.tracks.groupby("track_id")}

    def speed(name: str) -> np.ndarray:  # over half a second
        xy = tracks[name][["x_m", "y_m"]].to_numpy()
        return np.linalg.norm(xy[5:] - xy[:-5], axis=1) / 0.5

    for name in ("leader", "follower", "ego"):
        assert speed(name).min() < 0.3
        assert speed(name).max() > 7.0
    for name in ("parked", "cone"):
        assert speed(name).max() < 0.3
    turning = np.unwrap(tracks["turning"].heading_rad.to_numpy())
    assert turning[-1] - turning[0] == pytest.approx(np.pi / 2)


def test_the_seed_alone_decides_it(tmp_path: Path):
    one, same, other = (
        pd.read_csv(write_small_drive(tmp_path / name, seed=seed, with_frames=False) / "tracks.csv")
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    pd.testing.assert_frame_equal(one, same)
    assert not one.x_m.equals(other.x_m)
