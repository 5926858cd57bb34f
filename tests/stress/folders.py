"""What lies in folders before and after."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


def outputs(folder: Path) -> dict[str, bytes]:
    """The files of clean drives, but for their list."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "drives.json"}


def snapshot(root: Path, *, but: Collection[str] = ()) -> dict[str, tuple[int, int, int]]:
    """Kind and permissions, size and time of everything below a folder, but for some folders directly in it."""
    found: dict[str, tuple[int, int, int]] = {}
    for folder, folders, files in os.walk(root):
        if folder == str(root):
            folders[:] = [name for name in folders if name not in but]
        for name in (*folders, *files):
            about = os.lstat(os.path.join(folder, name))  # noqa: PTH118  # names may be no text
            place = os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118
            found[place] = (about.st_mode, about.st_size, about.st_mtime_ns)
    return found


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder: the paths in results then do not tell where it is."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def remove(root: Path) -> None:
    """Remove a folder, whatever its permissions are."""
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755)
    shutil.rmtree(root, ignore_errors=True)
