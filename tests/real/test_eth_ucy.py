"""ETH and UCY as the literature counts them."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.eth_ucy import SCENES, WINDOWS, read_part
from pipeline.evaluation.protocol import in_all_steps, windows_of

pytestmark = pytest.mark.real

# People, rows, and seconds from the first annotated frame to the last.
WHOLE = {
    "biwi_eth": (360, 5492, 464.0),
    "biwi_hotel": (389, 6543, 722.4),
    "crowds_zara01": (148, 5153, 360.4),
    "crowds_zara02": (204, 9722, 420.4),
    "crowds_zara03": (137, 5005, 301.2),
    "students001": (415, 21813, 177.2),
    "students003": (434, 17953, 216.0),
    "uni_examples": (118, 2747, 296.4),
}


def test_the_recordings_have_their_people_rows_and_seconds(shared_data: Path):
    told = {}
    for ref in find_drives(shared_data / "eth_ucy" / "all_data"):
        drive = read_drive(ref)
        assert drive.dropped == ()
        assert bool(drive.notes) == (ref.key == "biwi_eth")
        assert drive.rate_hz == 2.5
        tracks = drive.tracks
        told[ref.key] = (tracks["track_id"].nunique(), len(tracks), np.ptp(tracks["timestamp_ns"]) / 1e9)
    assert told == WHOLE


def test_people_walk_as_people_do(shared_data: Path):
    for ref in find_drives(shared_data / "eth_ucy" / "all_data"):
        tracks = read_drive(ref).tracks.sort_values(["track_id", "timestamp_ns"])
        step = tracks.groupby("track_id")[["x_m", "y_m", "timestamp_ns"]].diff().dropna()
        speed_mps = np.hypot(step["x_m"], step["y_m"]) / (step["timestamp_ns"] / 1e9)
        low, high = (2.3, 2.6) if ref.key == "biwi_eth" else (0.5, 1.5)  # at 15 frames a second: 1.5 there too
        assert low < speed_mps.median() < high, ref.key


@pytest.mark.parametrize(
    ("scene", "expected"), {"eth": 364, "hotel": 1197, "univ": 24334, "zara1": 2356, "zara2": 5910}.items()
)
def test_as_many_persons_are_scored_as_in_the_literature(shared_data: Path, scene: str, expected: int) -> None:
    windows = windows_of(read_part(shared_data / "eth_ucy" / "all_data", list(SCENES[scene])), config=WINDOWS)
    assert in_all_steps(windows.observed, windows.future).sum() == expected
