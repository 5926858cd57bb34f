"""Files from strangers: what is no plain file is refused by name, at once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.drives.plain_file import read_plain
from pipeline.errors import InputError


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**12)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "is no file"),
        (Path.mkdir, "is no file"),
        (lambda path: path.symlink_to("/dev/zero"), "is no file"),
        (lambda path: path.symlink_to("nowhere"), "is missing"),
        (lambda path: path.symlink_to(path), "is missing"),
        (_sparse, "is over 1 MB; cut it"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(make: Callable[[Path], None], what: str, tmp_path: Path) -> None:
    make(tmp_path / "file")
    with pytest.raises(InputError, match=f"file: {what}"):
        read_plain(tmp_path / "file", most_mb=1, missing="add it", smaller="cut it")


def test_a_link_to_a_file_is_followed_and_the_limit_is_exact(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(bytes(1_000_000))
    (tmp_path / "file").symlink_to("there")
    assert read_plain(tmp_path / "file", most_mb=1, missing="", smaller="") == bytes(1_000_000)
    (tmp_path / "there").write_bytes(bytes(1_000_001))
    with pytest.raises(InputError, match="over 1 MB"):
        read_plain(tmp_path / "file", most_mb=1, missing="", smaller="")
