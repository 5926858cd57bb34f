from pathlib import Path

import pandas as pd

from tests.small_drives import write_small_drive


def test_a_small_drive_is_there_with_its_frames(tmp_path: Path):
    folder = write_small_drive(tmp_path / "one", seed=3)
    tracks, frames = pd.read_csv(folder / "tracks.csv"), pd.read_csv(folder / "frames.csv")
    assert tracks.track_id.nunique() == 10
    assert tracks.groupby("track_id").size().unique().tolist() == [121]
    assert len(frames) == 61
    assert all((folder / path).is_file() for path in frames.path)
