"""Whole files or none: everything is written beside its final name and moved there in one step."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield a temporary path beside ``path``; on success it takes the final name, on any failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what ``whole_file`` left in a folder where its process was killed; nobody may be writing there now."""
    for path in folder.glob(".*"):
        # .NAME.ENDING.RANDOM.ENDING, as mkstemp makes it
        if re.fullmatch(r"\..+(\.\w+)\.\w{8}\1", path.name):
            path.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Generator[Path]:
    """Yield a new temporary folder beside ``path``; on success it replaces ``path``, on any failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole. NaN and infinity are refused (``ValueError``)."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def digest(*parts: str | bytes | Path) -> str:
    """SHA-256, as 32 hex digits, over texts, bytes and the content of files (``Path``), in their order."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        total.update(len(content).to_bytes(8, "little"))
        total.update(content)
    return total.hexdigest()[:32]
