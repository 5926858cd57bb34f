"""A small object store that all processes of this machine see: ``memory://`` is each process's own.

Like S3 it has objects under flat keys that appear whole, no folders, and entity tags; it takes the place of a real kind
of store that has these too. The objects are files of one folder, which processes know by a variable of the environment.
A process can be told to kill itself when it puts an object.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import uuid
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import fsspec
from fsspec import AbstractFileSystem

PROTOCOL: Final = "oss"
_VARIABLE: Final = "HEADWAY_TEST_BUCKET"
_DEADLY, _ONCE = ".deadly", ".once"


def use_bucket(folder: Path) -> None:
    """From now on the objects lie in this folder, also of processes that are started from here."""
    folder.mkdir()
    os.environ[_VARIABLE] = str(folder)
    register()


def register() -> None:
    """Make it known in this process."""
    fsspec.register_implementation(PROTOCOL, Bucket, clobber=True)


def kill_putting(name: str, *, once: bool) -> None:
    """Kill, by SIGKILL, the first process, or each, that puts an object whose key ends so, before it is there."""
    (_folder() / (_ONCE if once else _DEADLY)).write_text(name)


def spare() -> None:
    """No more kills; whether there has been one that was to be the only one."""
    for name in (_DEADLY, _ONCE):
        (_folder() / name).unlink(missing_ok=True)


def was_killed() -> bool:
    """Whether the process that was to be killed once has been."""
    return not (_folder() / _ONCE).exists()


class Bucket(AbstractFileSystem):
    protocol = PROTOCOL
    cachable = False

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002  # as fsspec calls it
        path = self._strip_protocol(path)
        found: dict[str, dict[str, Any]] = {}
        for key, file in _objects().items():
            if key == path:
                found[key] = _info(key, file)
            elif key.startswith(f"{path}/"):
                name, slash, _ = key.removeprefix(f"{path}/").partition("/")
                full = f"{path}/{name}"
                found[full] = {"name": full, "size": 0, "type": "directory"} if slash else _info(key, file)
        if not found:
            raise FileNotFoundError(path)
        return list(found.values()) if detail else sorted(found)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        if (file := _file(path)).exists():
            return _info(path, file)
        self.ls(path)
        return {"name": path, "size": 0, "type": "directory"}

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        assert mode == "rb"
        return _file(path).open("rb")

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        _put(Path(lpath), self._strip_protocol(rpath))

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        _put(_file(self._strip_protocol(path1)), self._strip_protocol(path2))

    def rm_file(self, path: str) -> None:
        _file(self._strip_protocol(path)).unlink()

    _rm = rm_file


def _folder() -> Path:
    return Path(os.environ[_VARIABLE])


def _file(key: str) -> Path:
    return _folder() / quote(key, safe="")


def _objects() -> dict[str, Path]:
    return {unquote(file.name): file for file in sorted(_folder().iterdir()) if not file.name.startswith(".")}


def _info(key: str, file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"name": key, "size": len(content), "type": "file", "ETag": hashlib.md5(content).hexdigest()}


def _put(file: Path, key: str) -> None:
    for name in (_DEADLY, _ONCE):
        order = _folder() / name
        if order.exists() and key.endswith(order.read_text()):
            if name == _ONCE:
                order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    beside = _folder() / f".{uuid.uuid4().hex}"
    shutil.copyfile(file, beside)
    beside.replace(_file(key))
