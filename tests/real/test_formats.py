"""Every real drive through that part of the readers' kit that needs no truth."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.drives.categories import Group
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from tests.formats.any_drive import assert_same_drive, assert_sound, turn_from_motion_rad
from tests.raw_futures import assert_later_measurements_change_nothing

pytestmark = pytest.mark.real

NUM_DRIVES = {
    "neutral": 9,
    "kitti_tracking": 1,
    "kitti_forecasting": 24,
    "nuscenes": 1,
    "argoverse2_sensor": 2,
    "argoverse2_forecasting": 1,
    "eth_ucy": 24,
}
WITHOUT_HEADINGS = {"kitti_forecasting", "eth_ucy"}


@cache
def _drives(root: Path) -> dict[str, list[Drive]]:
    drives = {name: [] for name in NUM_DRIVES}
    for ref in find_drives(root):
        drives[ref.format].append(read_drive(ref))
    return drives


@pytest.fixture(params=NUM_DRIVES)
def drives(request: pytest.FixtureRequest, shared_data: Path) -> list[Drive]:
    return _drives(shared_data)[request.param]


def test_all_sets_are_found_from_the_folder_that_holds_them_all(shared_data: Path):
    assert Counter(ref.format for ref in find_drives(shared_data)) == NUM_DRIVES


def test_what_holds_for_any_drive_holds(drives: list[Drive], subtests: pytest.Subtests):
    for drive in drives:
        with subtests.test(drive.name):
            assert_sound(drive)


def test_headings_agree_with_the_motion_of_vehicles(drives: list[Drive], subtests: pytest.Subtests):
    for drive in drives:
        turns = turn_from_motion_rad(drive, over_s=1.0, group=Group.VEHICLE)
        with subtests.test(drive.name):
            if drive.format in WITHOUT_HEADINGS:
                assert drive.tracks["heading_rad"].isna().all()
            else:
                assert len(turns) > 30
                assert np.median(np.abs(turns)) < np.deg2rad(4.0)


def test_reading_again_gives_the_same(drives: list[Drive], shared_data: Path):
    again = {ref.name: ref for ref in find_drives(shared_data)}
    assert_same_drive(read_drive(again[drives[0].name]), drives[0])


def test_no_sample_knows_the_future(drives: list[Drive], subtests: pytest.Subtests):
    for drive in drives:
        first_ns = int(drive.tracks["timestamp_ns"].min())
        begins = drive.tracks["timestamp_ns"] < first_ns + 9_000_000_000
        with subtests.test(drive.name):
            begin = replace(drive, tracks=drive.tracks[begins].reset_index(drop=True))
            assert_later_measurements_change_nothing(begin, first_ns + 4_730_000_000, every_s=0.2)
