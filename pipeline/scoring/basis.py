"""What a drive's tables depend on, told cheaply: no file of the drive is read for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pipeline.drives import kitti_raw
from pipeline.drives.registry import DriveRef
from pipeline.drives.remote import RemoteDrive


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """Tables that were made from an equal one are the same: byte for byte at one batch size and on one device.

    Attributes:
        headway: The version of this package.
        model: Digest of the model's files.
        every_s: Between forecast times.
        drive: Digest of the drive's format, folder and key, and of the name, size and time of change of every file
            in the folder. A folder that holds several drives (of KITTI or nuScenes, say) counts as a whole.
        runtime: What ran the network: ``torch`` or ``onnx``.
    """

    headway: str
    model: str
    every_s: float
    drive: str
    runtime: str = "torch"


@dataclass(kw_only=True, slots=True)
class Bases:
    """Tells the bases of the drives of one run; looks once into a folder that holds several of them.

    Attributes:
        model: Digest of the model's files.
        every_s: Between forecast times.
        runtime: ``torch`` or ``onnx``.
    """

    model: str
    every_s: float
    runtime: str = "torch"
    _folders: dict[Path, str] = field(default_factory=dict)

    def of(self, ref: DriveRef, *, away: RemoteDrive | None = None) -> Basis:
        """The basis of a drive as it is now; what cannot be looked into is left out: reading it says what is wrong.

        Of one that is ``away``, in an object store, by its address and what the store told of its own files.
        """
        if away is not None:
            return self._basis([ref.format, ref.key, away.folder.url, *away.files])
        folder = ref.path.resolve()
        if folder not in self._folders:
            self._folders[folder] = _digest(_below(folder))
        own = [ref.format, ref.key, str(folder), self._folders[folder]]
        if ref.format == kitti_raw.FORMAT:  # the calibration of a day lies beside its drives
            own += _told(sorted(folder.parent.glob("calib_*.txt")))
        return self._basis(own)

    def _basis(self, own: Iterable[str]) -> Basis:
        return Basis(
            headway=version("headway"),
            model=self.model,
            every_s=self.every_s,
            runtime=self.runtime,
            drive=_digest(own),
        )


def _below(folder: Path) -> Iterator[str]:
    """Name, size and time of change of every file in a folder and below, in a fixed order; links are followed."""
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        with suppress(OSError):
            status = Path(place).stat()
            if (status.st_dev, status.st_ino) in seen:  # a link back
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from _told(Path(place, name) for name in sorted(names))


def _told(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        with suppress(OSError):
            status = file.stat()
            yield f"{file} {status.st_size} {status.st_mtime_ns}"


def _digest(texts: Iterable[str]) -> str:
    """SHA-256, as 32 hex digits; names of files may be no text in UTF-8."""
    total = hashlib.sha256()
    for text in texts:
        total.update(os.fsencode(text) + b"\0")
    return total.hexdigest()[:32]
