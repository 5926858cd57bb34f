"""What reads one raw format, and what it finds before it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pipeline.drives.drive import Drive

_MOST_BYTES: Final = 100  # names get endings and must stay below the 255 bytes of common file systems


@dataclass(frozen=True, kw_only=True, slots=True)
class DriveRef:
    """One drive that has been found, not yet read.

    Attributes:
        name: A plain name, unique among the drives found together; the drive gets it.
        format: The name of the reader that found it.
        path: The folder that frame paths are relative to.
        key: Which drive of ``path`` it is, where a folder holds several; else empty.
    """

    name: str
    format: str
    path: Path
    key: str = ""


class Reader(Protocol):
    """One raw format."""

    @property
    def name(self) -> str:
        """The format's name in ``params.yaml`` and on the command line."""
        ...

    @property
    def looks_for(self) -> str:
        """The files that it recognises its drives by, for messages."""
        ...

    def find(self, path: Path) -> list[DriveRef]:
        """The drives that lie in the folder ``path`` itself, not in folders below it; none is no error.

        A drive that is recognised but broken is found all the same: reading it says what is wrong.
        """
        ...

    def read(self, ref: DriveRef) -> Drive:
        """Read a drive that ``find`` found.

        Raises:
            InputError: It cannot be read; the message names file and row or key.
        """
        ...


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can name output files: letters, digits, ``_`` and ``-`` only, at most 100 bytes.

    There is no dot in it, so that ``<name>.parquet`` and ``<name>.frames.parquet`` never meet another drive's.
    """
    return re.fullmatch(r"\w[\w-]*", name) is not None and len(name.encode()) <= _MOST_BYTES


def plain_name(text: str) -> str:
    """The plain name nearest to ``text``."""
    name = re.sub(r"[^\w-]+", "_", text).lstrip("-")
    return name.encode()[: _MOST_BYTES - 10].decode(errors="ignore") or "drive"
