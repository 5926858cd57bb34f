"""Damage to whole files and folders, whatever is in them."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Final

from tests.stress.damage.kinds import NOTHING, Hit, Means, is_small, kind, nothing_but

SPARSE_BYTES: Final = 40 * 2**30  # of zeros, which take no room on the disk
_NAMES: Final = (
    *("a\nb", "a\rb\x1b[2Jb", "-rf", " ", "x..", "x" * 240, "é\u202eb", "%s%n", "a b;c|d", "~", "nul.", "٣", "²"),
    *("0000", "0", "00000000000000000000000000001", "-1", "1e9"),
    os.fsdecode(b"\xff\xfe"),
)


class _Explosive:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@kind()
def flip_bytes(path: Path, means: Means) -> Hit:
    """A few bytes become others."""
    content = bytearray(path.read_bytes())
    count = 1 + means.pick(8)
    for _ in range(count if content else 0):
        content[means.pick(len(content))] ^= 1 << means.pick(8)
    path.write_bytes(content)
    return Hit(told=f"{count} bytes changed", **nothing_but(path))


@kind()
def truncate(path: Path, means: Means) -> Hit:
    """The end is missing."""
    content = path.read_bytes()
    length = means.pick(len(content) + 1)
    path.write_bytes(content[:length])
    return Hit(told=f"cut to {length} of {len(content)} bytes", **nothing_but(path), removed=True)


@kind()
def empty(path: Path, means: Means) -> Hit:
    """Nothing is left in it."""
    path.write_bytes(b"")
    return Hit(told="emptied", **nothing_but(path), removed=True)


@kind()
def drop(path: Path, means: Means) -> Hit:
    """It is not there."""
    path.unlink()
    return Hit(told="dropped", **nothing_but(path), removed=True)


@kind()
def zero_block(path: Path, means: Means) -> Hit:
    """A block of it is zeros, as a bad disk leaves it."""
    content = bytearray(path.read_bytes())
    start, length = means.pick(len(content) + 1), 1 << means.pick(13)
    content[start : start + length] = bytes(len(content[start : start + length]))
    path.write_bytes(content)
    return Hit(told=f"zeros at {start}, {length} bytes", **nothing_but(path))


@kind()
def repeat_block(path: Path, means: Means) -> Hit:
    """A block of it is there twice."""
    content = path.read_bytes()
    start, length = means.pick(len(content) + 1), 1 << means.pick(13)
    block = content[start : start + length]
    path.write_bytes(content[:start] + block + content[start:])
    return Hit(told=f"block at {start} twice, {len(block)} bytes", **nothing_but(path))


@kind()
def noise(path: Path, means: Means) -> Hit:
    """Random bytes instead of its content."""
    path.write_bytes(means.rng.bytes(1 + means.pick(5000)))
    return Hit(told="random bytes", **nothing_but(path), removed=True)


@kind()
def rename(path: Path, means: Means) -> Hit:
    """It has another name, its ending kept or not."""
    stem = _NAMES[means.pick(len(_NAMES))]
    names = (stem, stem + path.suffix, path.name.upper(), path.stem + path.suffix.upper(), path.name + ".bak")
    name = names[means.pick(len(names))]
    path.rename(path.with_name(name))
    return Hit(told=f"renamed to {name!r}", **nothing_but(path), removed=True)


@kind()
def swap(path: Path, means: Means) -> Hit:
    """Two files have each other's content."""
    others = sorted(other for other in path.parent.iterdir() if is_small(other) and other != path)
    if not others:
        return empty(path, means)
    other = others[means.pick(len(others))]
    ours, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(ours)
    touched = nothing_but(path) and nothing_but(other)
    return Hit(told=f"swapped with {other.name}", **touched, removed=True)


@kind()
def folder_instead(path: Path, means: Means) -> Hit:
    """A folder has its name."""
    path.unlink()
    path.mkdir()
    return Hit(told="a folder instead", **nothing_but(path), removed=True)


@kind()
def pipe_instead(path: Path, means: Means) -> Hit:
    """A named pipe, from which nothing ever comes."""
    path.unlink()
    os.mkfifo(path)
    return Hit(told="a named pipe instead", **nothing_but(path), removed=True)


@kind()
def link_instead(path: Path, means: Means) -> Hit:
    """A symbolic link: to nowhere, to itself, out of the folder, to a file without end."""
    targets = (
        path.with_name("not-there"),
        path,
        means.outside / f"secret{path.suffix}",
        Path("../../outside") / f"secret{path.suffix}",
        Path("/dev/zero"),
        Path("/dev/full"),
        path.parent,
    )
    target = targets[means.pick(len(targets))]
    path.unlink()
    path.symlink_to(target)
    return Hit(told=f"a link to {target}", **nothing_but(path), removed=True)


@kind()
def unreadable(path: Path, means: Means) -> Hit:
    """Nobody may read it."""
    path.chmod(0)
    return Hit(told="may not be read", **nothing_but(path), removed=True)


@kind()
def endless(path: Path, means: Means) -> Hit:
    """Zeros without end after its content; they take no room on the disk."""
    with path.open("r+b") as file:
        file.truncate(SPARSE_BYTES)
    return Hit(told=f"{SPARSE_BYTES >> 30} GiB of zeros behind it", **nothing_but(path), removed=True)


@kind()
def pickled(path: Path, means: Means) -> Hit:
    """A pickle that acts when it is loaded."""
    path.write_bytes(pickle.dumps(_Explosive(means.outside / "pickle-was-loaded"), protocol=means.pick(6)))
    return Hit(told="a pickle", **nothing_but(path), removed=True)


@kind(folders=True)
def empty_folder(path: Path, means: Means) -> Hit:
    """Nothing is in a folder."""
    shutil.rmtree(path)
    path.mkdir()
    return Hit(told="emptied", removed=True)


@kind(folders=True, below=True)
def drop_folder(path: Path, means: Means) -> Hit:
    """A folder is not there."""
    shutil.rmtree(path)
    return Hit(told="dropped", removed=True)


@kind(folders=True)
def link_folder(path: Path, means: Means) -> Hit:
    """Links in a folder that lead round in a circle, out of the drive and to the other drive.

    Out of it to where there is much and no drive: from the root one would come to the cases of another process.
    """
    targets = (Path(".."), Path(), means.outside, Path("/usr"), means.outside.parent / "raw" / "untouched")
    target = targets[means.pick(len(targets))]
    (path / "link").symlink_to(target, target_is_directory=True)
    return Hit(told=f"a link to {target} in it", **NOTHING)


@kind(folders=True)
def link_for_folder(path: Path, means: Means) -> Hit:
    """A link instead of a folder: to the folder moved elsewhere, to nowhere, to itself."""
    moved = means.outside / "moved"
    told = "moved away, a link instead"
    if moved.exists() or means.pick(2):
        shutil.rmtree(path)
        moved = (path, path.with_name("not-there"))[means.pick(2)]
        told = f"a link to {moved} instead"
    else:
        path.rename(moved)
    path.symlink_to(moved, target_is_directory=True)
    return Hit(told=told, removed=True)


@kind(folders=True, below=True)
def pipe_for_folder(path: Path, means: Means) -> Hit:
    """A named pipe instead of a folder."""
    shutil.rmtree(path)
    os.mkfifo(path)
    return Hit(told="a named pipe instead", removed=True)


@kind(folders=True)
def unreadable_folder(path: Path, means: Means) -> Hit:
    """A folder that nobody may list, or nobody may enter."""
    path.chmod((0, 0o111, 0o444)[means.pick(3)])
    return Hit(told="may not be read", removed=True)


@kind(folders=True)
def rename_folder(path: Path, means: Means) -> Hit:
    """A folder has another name."""
    name = _NAMES[means.pick(len(_NAMES))]
    path.rename(path.with_name(name))
    return Hit(told=f"renamed to {name!r}", removed=True)


@kind(folders=True)
def strange_files(path: Path, means: Means) -> Hit:
    """Files of strange names beside the others, each a copy of one that belongs there."""
    files = sorted(file for file in path.iterdir() if is_small(file))
    for name in _NAMES if files else ():
        file = files[means.pick(len(files))]
        shutil.copy(file, path / f"{name}{file.suffix}", follow_symlinks=False)
    return Hit(told="files of strange names in it", removed=True)
