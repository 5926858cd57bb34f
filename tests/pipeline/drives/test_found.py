"""The drives of several folders: each once, and what holds none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.drives.found import find_all
from pipeline.errors import InputError


def make_drive(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "drive.json").write_text('{"name": "one", "rate_hz": 10.0}')


def test_what_holds_no_drive_is_named_at_every_depth_and_the_others_are_found(tmp_path: Path) -> None:
    make_drive(tmp_path / "raw" / "week" / "monday")
    for name in ("raw/week/empty", "raw/notes/2026", "raw/.hidden", "bare"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "raw" / "readme.txt").write_text("files may lie beside drives")
    found = find_all([tmp_path / "raw", tmp_path / "bare", tmp_path / "nowhere"])
    assert [ref.path for ref in found.refs] == [tmp_path / "raw" / "week" / "monday"]
    places = ["raw/notes", "raw/week/empty", "bare", "nowhere"]
    assert [error.where for error in found.problems] == [str(tmp_path / place) for place in places]
    assert found.notes == ()


def test_links_bring_each_drive_once(tmp_path: Path) -> None:
    make_drive(tmp_path / "store" / "one")
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, target in (
        ("a", "../store/one"),
        ("b", "../store/one"),
        ("up", ".."),
        ("gone", "../nowhere"),
        ("me", "me"),
    ):
        (raw / name).symlink_to(target)
    found = find_all([raw, tmp_path / "store"])
    assert [ref.path for ref in found.refs] == [raw / "a"]
    assert [(error.where, error.what) for error in found.problems] == [
        (str(raw / name), "is a link that leads nowhere") for name in ("gone", "me")
    ]
    assert found.notes == (
        f"{raw / 'b'}: leads to a folder that is looked into anyway",
        f"{raw / 'up'}: leads to a folder that is looked into anyway",
        f"{tmp_path / 'store' / 'one'}: is given twice; it is read once",
    )


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format 'waymo': is not known; use one of auto, neutral"):
        find_all([tmp_path], format="waymo")
