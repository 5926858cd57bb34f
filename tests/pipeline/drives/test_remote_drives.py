"""Drives in an object store (``memory://``, as all is in this process): found and read as on disk, in every format."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from pipeline.drives.found import find_all
from pipeline.drives.registry import AUTO, read_drive
from pipeline.drives.remote import fetch_drive, find_places
from pipeline.errors import InputError
from pipeline.remote import Remote
from tests.formats.any_drive import assert_same_drive
from tests.formats.kit import formats
from tests.formats.scene import made_up_scene
from tests.small_drives import write_small_drive

UNNEEDED = {
    "argoverse2_sensor": "sensors/lidar/1.feather",
    "kitti_raw": "velodyne_points/data/1.bin",
    "nuscenes": "samples/LIDAR_TOP/1.bin",
}


@pytest.fixture
def store() -> Remote:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return Remote("memory://bucket")


def upload(folder: Path, to: Remote) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            (to / file.relative_to(folder).as_posix()).put(file)


@pytest.mark.parametrize("name", formats())
def test_every_format_is_found_and_read_as_on_disk(name: str, store: Remote, tmp_path: Path) -> None:
    local = tmp_path / "raw" / "day"
    (local / "drive").mkdir(parents=True)
    formats()[name].write(local / "drive", made_up_scene())
    asked = name if name == "eth_ucy" else AUTO
    (here,) = find_all([local], format=asked).refs
    if name in UNNEEDED:
        (here.path / UNNEEDED[name]).parent.mkdir(parents=True)
        (here.path / UNNEEDED[name]).touch()
    upload(local, store / "day")
    found, away = find_places([store / "day"], format=asked)
    assert not found.problems
    (there,) = found.refs
    assert replace(there, path=here.path) == here
    fetched = fetch_drive(there, away[there.name].folder, into=tmp_path / "into")
    read = read_drive(fetched)
    notes = tuple(note.replace(str(fetched.path), str(here.path)) for note in read.notes)
    assert_same_drive(replace(read, path=here.path, notes=notes), read_drive(here))
    assert not list((tmp_path / "into").rglob(UNNEEDED.get(name, "no such file")))


def test_of_a_folder_of_several_only_the_drive_is_fetched(store: Remote, tmp_path: Path) -> None:
    local = tmp_path / "raw"
    formats()["kitti_tracking"].write(local, made_up_scene())
    (key,) = [file.stem for file in (local / "label_02").iterdir()]
    for folder in ("label_02", "calib", "oxts"):
        shutil.copy(local / folder / f"{key}.txt", local / folder / "9999.txt")
    upload(local, store)
    found, away = find_places([store])
    assert [ref.key for ref in found.refs] == [key, "9999"]
    fetched = fetch_drive(found.refs[1], store, into=tmp_path / "into")
    assert {file.stem for file in fetched.path.rglob("*") if file.is_file()} == {"9999"}
    assert all(" " in file and key not in file.split()[0] for file in away[found.refs[1].name].files)


def test_problems_and_notes_name_addresses(store: Remote, tmp_path: Path) -> None:
    local = write_small_drive(tmp_path / "raw" / "one", seconds=3.0, with_frames=False)
    upload(local, store / "raw/one")
    (store / "raw/empty/recording.bag").put(local / "drive.json")
    found, away = find_places([store / "raw", store / "raw/one", store / "gone"])
    assert [ref.name for ref in found.refs] == ["one"]
    assert away["one"].folder == store / "raw/one"
    assert [str(problem) for problem in found.problems] == [
        "memory://bucket/raw/empty: no drive was found in it; mend it, or take it out of the folder",
        "memory://bucket/gone: does not exist; give the folder of a drive, or one that holds drives",
    ]
    assert found.notes == ("memory://bucket/raw/one: is given twice; it is read once",)


def test_a_drive_that_is_gone_is_named(store: Remote, tmp_path: Path) -> None:
    upload(write_small_drive(tmp_path / "one", seconds=3.0, with_frames=False), store / "one")
    found, away = find_places([store])
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    with pytest.raises(InputError, match="memory://bucket/one: does not exist any more"):
        fetch_drive(found.refs[0], away["one"].folder, into=tmp_path / "into")
