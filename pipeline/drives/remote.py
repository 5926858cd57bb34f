"""Drives in object stores: found by the names of their files, and fetched one by one when they are read."""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.drives import eth_ucy, kitti_forecasting, kitti_raw
from pipeline.drives.found import Found, find_all
from pipeline.drives.registry import AUTO, DriveRef
from pipeline.errors import InputError
from pipeline.remote import Place, Remote, RemoteFile

# Whoever recognises a drive opens these; all others count by their names. Text files, whose first lines tell ETH/UCY's
# recordings from prose, only where that format is asked for: another data set's labels can be a million of them.
_OPENED: Final = ("drive.json", kitti_forecasting.FILE, "scene.json")
_NOT_FOUND_BY: Final = (".bin", ".jpeg", ".jpg", ".npz", ".pcd", ".png")  # of these only the folders matter
# What a drive needs of its folder where that is not all: KEY stands for its key.
_ONLY: Final = {
    "kitti_tracking": r"(label_02|calib|oxts)/KEY\.txt|image_02/KEY/.*",
    eth_ucy.FORMAT: r"KEY\.txt",
}
_NOT: Final = {
    "argoverse2_sensor": r"sensors/lidar/.*",
    kitti_raw.FORMAT: r"velodyne_points/.*",
    "nuscenes": r"(samples|sweeps)/(LIDAR|RADAR)[^/]*/.*",
}
# What it needs of the folder above its own.
_ABOVE: Final = {kitti_raw.FORMAT: ("calib_cam_to_cam.txt", "calib_imu_to_velo.txt", "calib_velo_to_cam.txt")}


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteDrive:
    """Where a drive lies that is not here.

    Attributes:
        folder: Its folder.
        files: What its files are, as the store told: name, size, and tag or time of change.
    """

    folder: Remote
    files: tuple[str, ...]


def find_places(places: Sequence[Place], *, format: str = AUTO) -> tuple[Found, dict[str, RemoteDrive]]:  # noqa: A002
    """Find drives as ``find_all`` does, in folders here and in remote ones.

    A remote folder is listed, and the same tree of empty files is made in a temporary folder for the readers to look
    at; of its content only what they open is fetched (``drive.json``, say).

    Args:
        places: Each the folder of a drive, or of several.
        format: As in ``find_drives``.

    Returns:
        The drives, and by name where those lie that are not here: the paths in their ``DriveRef`` exist no more.
    """
    if not any(isinstance(place, Remote) for place in places):
        return find_all([place for place in places if isinstance(place, Path)], format=format), {}
    with tempfile.TemporaryDirectory(prefix="headway-names-") as name:
        root = Path(name).resolve()
        trees: dict[Path, _Tree] = {}
        paths: list[Path] = []
        problems: list[InputError] = []
        for place in places:
            if isinstance(place, Path):
                paths.append(place)
                continue
            path = root / str(place).replace("://", "/", 1)
            try:
                trees[path] = _Tree(place, path, with_texts=format == eth_ucy.FORMAT)
                paths.append(path)
            except InputError as error:
                problems.append(error)
            except OSError as error:
                what = f"cannot be written to ({error.strerror or error})"
                raise InputError(root.parent, what, "make room, or name another folder in TMPDIR") from error
        found = find_all(paths, format=format)
        away = {ref.name: next(filter(None, (tree.drive(ref) for tree in trees.values())), None) for ref in found.refs}

    def told(text: str) -> str:
        """With addresses for the temporary paths."""
        return re.sub(rf"{re.escape(str(root))}/([^/]+)/", r"\1://", text)

    problems += [InputError(told(error.where), told(error.what), error.todo) for error in found.problems]
    notes = tuple(told(note) for note in found.notes)
    return replace(found, problems=tuple(problems), notes=notes), {n: drive for n, drive in away.items() if drive}


def fetch_drive(ref: DriveRef, folder: Remote, *, into: Path) -> DriveRef:
    """Copy the files of one drive into a new folder.

    Args:
        ref: What ``find_places`` found.
        folder: Where it lies.
        into: Empty; the drive's folder in it has the name of the one that it comes from.

    Returns:
        The drive as it lies there.

    Raises:
        InputError: It cannot be fetched, or is gone.
        OSError: There is no room for it.
    """
    above, name = _split(folder)
    path = into / name
    files = [file.name for file in folder.files() if _is_needed(ref, file.name)]
    if not files:
        raise InputError(str(folder), "does not exist any more", "put it back, or give another folder")
    try:
        folder.fetch(files, into=path)
        above.fetch([file.name for file in _above(ref, folder)], into=into)
    except FileNotFoundError as error:
        raise InputError(str(folder), f"changed while it was fetched ({error})", "score it again") from error
    return replace(ref, path=path)


class _Tree:
    """The files of a remote folder by name, and empty ones in their places."""

    def __init__(self, place: Remote, path: Path, *, with_texts: bool) -> None:
        self._place, self._path = place, path
        self._files = place.files()
        self._names = [file.name for file in self._files]
        made: set[Path] = set()
        opened: list[str] = []
        for file in self._files:
            target = path / file.name
            try:
                if target.parent not in made:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    made.add(target.parent)
                if target.suffix.lower() not in _NOT_FOUND_BY:
                    target.touch()
            except (FileExistsError, NotADirectoryError) as error:
                raise InputError(str(place / file.name), "is a file and a folder at once", "rename one") from error
            if target.name in _OPENED or (with_texts and target.suffix == ".txt"):
                opened.append(file.name)
        place.fetch(opened, into=path)

    def drive(self, ref: DriveRef) -> RemoteDrive | None:
        """Where a drive lies that was found in the tree; None for one that was not."""
        if not ref.path.is_relative_to(self._path):
            return None
        name = ref.path.relative_to(self._path).as_posix()
        folder = self._place if name == "." else self._place / name
        needed = (file for file in self._below(name) if _is_needed(ref, file.name))
        files = tuple(f"{file.name} {file.size_bytes} {file.stamp}" for file in (*needed, *_above(ref, folder)))
        return RemoteDrive(folder=folder, files=files)

    def _below(self, folder: str) -> Iterator[RemoteFile]:
        """The files in a folder and below, by their names in it; of all for ``.``."""
        start = "" if folder == "." else f"{folder}/"
        for index in range(bisect_left(self._names, start), len(self._names)):
            file = self._files[index]
            if not file.name.startswith(start):
                return
            yield replace(file, name=file.name.removeprefix(start))


def _is_needed(ref: DriveRef, name: str) -> bool:
    only = _ONLY.get(ref.format, ".*").replace("KEY", re.escape(ref.key))
    unneeded = _NOT.get(ref.format, "")
    return re.fullmatch(only, name, re.DOTALL) is not None and not re.fullmatch(unneeded, name, re.DOTALL)


def _above(ref: DriveRef, folder: Remote) -> list[RemoteFile]:
    """What there is of the files that a drive needs of the folder above."""
    above, _ = _split(folder)
    return [file for name in _ABOVE.get(ref.format, ()) if (file := above.file(name))]


def _split(folder: Remote) -> tuple[Remote, str]:
    above, _, name = folder.url.rpartition("/")
    return Remote(above), name
