"""Every reader passes the kit: see ``tests/formats/kit.py``."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import IngestConfig
from pipeline.drives.registry import READERS, find_drives, read_drive
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section
from tests.formats.any_drive import SIZES, assert_same_drive, assert_sound, folder_state, turn_from_motion_rad
from tests.formats.kit import XYZ, Told, formats, scene_until, told
from tests.formats.scene import START_NS, made_up_scene
from tests.raw_futures import assert_later_measurements_change_nothing

FORMATS = formats()


@pytest.fixture(scope="module", params=FORMATS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told(FORMATS[request.param], tmp_path_factory.mktemp(request.param) / "two" / "folders")


def test_every_reader_has_a_writer_and_every_writer_a_reader():
    assert set(FORMATS) == set(READERS)


def _two_folders_up(made: Told) -> Path:
    return next(path for path in made.drive.path.parents if path.name == "two")


def test_the_drive_is_found_by_its_reader_alone_also_two_folders_up(made: Told):
    folder = _two_folders_up(made)
    (folder / "readme.txt").write_text("Some notes.\n1 2 3 4 people were there.\n")
    (folder.parent / "empty").mkdir(exist_ok=True)
    for above in (folder, folder.parent):
        (ref,) = find_drives(above)
        assert (ref.name, ref.format, ref.path) == (made.drive.name, made.format.name, made.drive.path)
    below = [path for path in folder.parent.rglob("*") if path.is_dir()]
    finders = {name for path in below for name, reader in READERS.items() if reader.find(path)}
    assert finders == {made.format.name}


def test_positions_times_and_agents_are_the_truth(made: Told):
    made.assert_positions()
    made.assert_agents()


def test_boxes_project_into_the_images(made: Told):
    made.assert_frames()


def test_the_map_is_in_its_place(made: Told):
    made.assert_map()


def test_what_holds_for_any_drive_holds(made: Told):
    assert_sound(made.drive)
    assert made.drive.dropped == ()
    turns = turn_from_motion_rad(made.drive, over_s=2.0)
    assert len(turns) > 20 if "headings" in made.format.holds else len(turns) == 0
    assert (np.abs(turns) < 0.02).all()


def test_reading_again_gives_the_same_and_leaves_the_folder_alone(made: Told):
    (ref,) = find_drives(made.drive.path)
    before = folder_state(_two_folders_up(made))
    assert_same_drive(read_drive(ref), made.drive)
    assert folder_state(_two_folders_up(made)) == before


@pytest.mark.parametrize("seconds", [2.0, 3.0])
def test_a_recording_that_stops_earlier_reads_the_same_up_to_there(made: Told, tmp_path: Path, seconds: float):
    scene = scene_until(made_up_scene(), START_NS + round(seconds * 1e9))
    shorter = made.format.read(tmp_path / "shorter", scene)
    values = ["timestamp_ns", "track_id", *XYZ, "heading_rad", *SIZES]
    whole, part = (drive.tracks[values].sort_values(values, ignore_index=True) for drive in (made.drive, shorter))
    whole = whole[whole["timestamp_ns"] <= part["timestamp_ns"].max()].sort_values(values, ignore_index=True)
    pd.testing.assert_frame_equal(whole, part, check_exact=True)


def test_all_of_it_is_ingested(made: Told):
    clean = ingest_drive(made.drive, config=load_section("ingest", IngestConfig))
    assert clean.dropped == ()
    measured = clean.tracks[clean.tracks["known_at_ns"] == clean.tracks["t_ns"]]
    assert len(measured) == len(made.drive.tracks)
    assert not clean.tracks["agent_id"].str.contains("~").any()


@pytest.mark.parametrize("seconds", [2.4, 3.05])
def test_no_sample_knows_the_future(made: Told, seconds: float):
    first_ns = int(made.drive.tracks["timestamp_ns"].min())
    assert_later_measurements_change_nothing(made.drive, first_ns + round(seconds * 1e9), every_s=0.2)
