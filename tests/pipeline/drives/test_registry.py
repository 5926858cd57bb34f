import os
import shutil
from pathlib import Path

import pytest

from pipeline.drives.found import find_all
from pipeline.drives.reader import is_plain_name, plain_name
from pipeline.drives.registry import find_drives, read_drive, tell_apart
from pipeline.errors import InputError
from tests.small_drives import write_small_drive


def _drive(folder: Path) -> Path:
    return write_small_drive(folder, seconds=1.0, with_frames=False)


def test_one_drive_and_a_folder_of_drives_are_found(tmp_path: Path):
    for name in ("b", "a", "deep/c"):
        _drive(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a" / "nested").mkdir()
    assert [ref.name for ref in find_drives(tmp_path / "b")] == ["b"]
    refs = find_drives(tmp_path)
    assert [(ref.name, ref.format, ref.path) for ref in refs] == [
        ("a", "neutral", tmp_path / "a"),
        ("b", "neutral", tmp_path / "b"),
        ("c", "neutral", tmp_path / "deep" / "c"),
    ]
    assert read_drive(refs[2]).name == "c"


def test_a_broken_drive_is_found_and_does_not_hide_the_others(tmp_path: Path):
    _drive(tmp_path / "good")
    (_drive(tmp_path / "broken") / "drive.json").write_text("{")
    refs = {ref.name: ref for ref in find_drives(tmp_path)}
    assert list(refs) == ["broken", "good"]
    assert read_drive(refs["good"]).name == "good"
    with pytest.raises(InputError, match=r"broken/drive\.json: line 1: is not JSON"):
        read_drive(refs["broken"])


def test_copies_of_one_drive_are_told_apart(tmp_path: Path):
    first = _drive(tmp_path / "first")
    shutil.copytree(first, tmp_path / "second copy")
    refs = find_drives(tmp_path)
    assert [ref.name for ref in refs] == ["first", "second_copy"]
    assert read_drive(refs[1]).name == "second_copy"
    again = tell_apart([*find_drives(first), *find_drives(first)])
    assert [ref.name for ref in again] == ["first", "first-2"]


def test_mistakes_are_told_in_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="format 'waymo': is not known; use one of auto, neutral, kitti_tracking"):
        find_drives(tmp_path, format="waymo")
    with pytest.raises(InputError, match=r"no drive was found in it \(looked for neutral: drive\.json .*kitti_track"):
        find_drives(tmp_path)
    with pytest.raises(InputError, match="nowhere: does not exist"):
        find_drives(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        find_drives(tmp_path / "file")
    _drive(tmp_path / "a")
    with pytest.raises(InputError, match="looked for kitti_tracking: label_02"):
        find_drives(tmp_path, format="kitti_tracking")


@pytest.mark.parametrize("name", ["..", "a/b", "", "a.frames", ".hidden", "a b", "a\n", "x" * 101, "-rf"])
def test_names_that_could_leave_or_confuse_a_folder_are_not_plain(name: str):
    assert not is_plain_name(name)
    assert is_plain_name(plain_name(name))


def test_drives_lie_at_most_five_folders_down_and_in_no_hidden_folder(tmp_path: Path):
    _drive(tmp_path / "1/2/3/4/five")
    _drive(tmp_path / "1/2/3/4/5/six")
    _drive(tmp_path / ".hidden" / "other")
    _drive(_drive(tmp_path / "near") / "inside")
    assert [ref.name for ref in find_drives(tmp_path)] == ["five", "near"]


def test_links_are_followed_but_in_no_circle_and_nothing_is_found_twice(tmp_path: Path):
    root = tmp_path / "root"
    _drive(tmp_path / "elsewhere" / "linked")
    root.mkdir()
    for name in ("a", "b", "c", "d", "e", "f"):
        (root / name).mkdir()
        for loop in range(10):
            (root / name / f"up{loop}").symlink_to(root)
    (root / "to itself").symlink_to(root / "to itself")
    (root / "far" / "away" / "down").mkdir(parents=True)
    (root / "far" / "away" / "down" / "again").symlink_to(tmp_path / "elsewhere")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (ref,) = find_drives(root)
    assert ref.path == root / "link" / "linked"
    (root / "link").unlink()
    (root / "far" / "away" / "down" / "again").unlink()
    (root / "above").symlink_to(tmp_path)
    with pytest.raises(InputError, match="no drive was found in it"):
        find_drives(root)


def test_a_folder_that_cannot_be_looked_into_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "locked").mkdir()
    (tmp_path / "lost").symlink_to("unplugged")
    (tmp_path / "README").write_text("no drive")

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"locked: cannot be looked into \(Permission denied\); check"):
        find_drives(tmp_path)
    _drive(tmp_path / "good")
    found = find_all([tmp_path])
    assert [ref.name for ref in found.refs] == ["good"]
    locked, lost = map(str, found.problems)
    assert "locked: cannot be looked into (Permission denied); check" in locked
    assert "lost: is a link that leads nowhere; mend it" in lost
