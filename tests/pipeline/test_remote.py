"""Addresses: what they name, how they are refused, and that what is put appears whole. ``memory://`` is enough here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipeline.errors import InputError
from pipeline.remote import Remote, place_of


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """Empty before and after."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def test_what_a_text_names() -> None:
    assert place_of("raw/a:b") == Path("raw/a:b")
    assert place_of("file:///data/raw") == Path("/data/raw")
    assert place_of("local://raw") == Path("raw")
    assert place_of("memory://raw/") == Remote("memory://raw")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope://bucket/raw", "'nope' is no kind of address that is known; give a path"),
        ("simplecache::memory://raw", None),  # no address: a path
        ("memory://raw::file://x", "is a chain of addresses"),
        ("memory://raw/../x", "names no folder"),
        ("memory://", "names no folder"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_one_line(text: str, words: str | None) -> None:
    if words is None:
        assert place_of(text) == Path(text)
        return
    with pytest.raises(InputError, match=words) as caught:
        place_of(text)
    assert "\n" not in str(caught.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match=r"s3://bucket/raw: needs a package that is missing \(Install s3fs"):
        place_of("s3://bucket/raw")


def test_a_password_is_not_shown() -> None:
    assert str(Remote("sftp://me:secret@host/raw")) == "sftp://me@host/raw"


def test_files_come_and_go(memory: MemoryFileSystem, tmp_path: Path) -> None:
    folder = Remote("memory://box")
    assert folder.files() == []
    assert folder.file("a/b.txt") is None
    (tmp_path / "b.txt").write_text("first")
    (folder / "a/b.txt").put(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_text("second")
    (folder / "a/b.txt").put(tmp_path / "b.txt")
    assert [(file.name, file.size_bytes) for file in folder.files()] == [("a/b.txt", 6)]
    assert memory.find("/box") == ["/box/a/b.txt"], "nothing temporary is left"
    folder.fetch(["a/b.txt"], into=tmp_path / "here")
    assert (tmp_path / "here" / "a" / "b.txt").read_text() == "second"
    (folder / "a/b.txt").remove()
    (folder / "a/b.txt").remove()
    with pytest.raises(FileNotFoundError):
        (folder / "a/b.txt").read()


def test_a_put_that_fails_leaves_what_was_there(
    memory: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("new")
    memory.pipe("/box/a", b"old")

    def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError("the line is cut")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "mv", fail)
        with pytest.raises(InputError, match=r"memory://box/a: cannot be reached .*the line is cut"):
            Remote("memory://box/a").put(tmp_path / "new")
    assert memory.cat("/box/a") == b"old"
    assert memory.find("/box") == ["/box/a"]


def test_an_error_of_the_stores_own_library_is_told_in_one_line(
    memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoCredentialsError(Exception):
        __module__ = "botocore.exceptions"

    def fail(*_: object, **__: object) -> None:
        raise NoCredentialsError("Unable to locate\ncredentials")

    monkeypatch.setattr(MemoryFileSystem, "find", fail)
    with pytest.raises(InputError, match=r"cannot be reached \(NoCredentialsError: Unable to locate credentials\)"):
        Remote("memory://box").files()


def test_a_name_that_leaves_the_folder_is_refused(memory: MemoryFileSystem) -> None:
    memory.store["/box/../../etc/passwd"] = memory.open("/box/x", "wb")
    with pytest.raises(InputError, match=r"holds a file of the name '\.\./\.\./etc/passwd'"):
        Remote("memory://box").files()


def test_patterns_match_folders(memory: MemoryFileSystem) -> None:
    for name in ("2026-01/a", "2026-02/b", "2025-12/c", "2026-note"):
        memory.pipe(f"/box/{name}", b"")
    assert Remote("memory://box/2026-*").matches() == [Remote(f"memory://box/2026-0{month}") for month in (1, 2)]
    assert Remote("memory://box/none-*").matches() == []
    with pytest.raises(InputError, match="is a pattern of buckets"):
        Remote("memory://b*/raw").matches()
