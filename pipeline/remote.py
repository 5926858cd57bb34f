"""Folders in object stores and on other machines, named by addresses such as ``s3://bucket/folder``, through fsspec."""

from __future__ import annotations

import errno
import posixpath
import re
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any, Final

import fsspec
from fsspec.core import url_to_fs

from pipeline.errors import InputError

_LOCAL: Final = ("file", "local")  # addresses of plain folders
# Where an object appears whole, when all of it is there. Elsewhere it is written beside its name, then renamed.
_WHOLE: Final = frozenset({"abfs", "az", "gcs", "gs", "oci", "oss", "s3", "s3a", "tos"})
# What a store tells of a file that changes with its content; the first that there is.
_STAMPS: Final = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "modified", "created")
_LONGEST: Final = 255  # bytes of a name on common file systems


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file in a remote folder, as the store lists it.

    Attributes:
        name: Its path from the folder, with ``/``; safe to be made below a local folder.
        size_bytes: How large it is.
        stamp: Its entity tag or time of change; empty where the store tells neither.
    """

    name: str
    size_bytes: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder or file by its address; credentials are the user's, as the store's own library finds them.

    What goes wrong is an ``InputError`` that names the address; a file that is not there is ``FileNotFoundError``, and
    a disk without room an ``OSError`` (``is_full``).

    Attributes:
        url: The address, without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        """The address as people may see it: without a password."""
        return re.sub(r"(://[^/:@]*):[^/@]*@", r"\1@", self.url)

    def __truediv__(self, name: str) -> Remote:
        """What lies below it."""
        return Remote(f"{self.url}/{name}")

    def files(self) -> list[RemoteFile]:
        """All files in the folder and below, by name; none where it does not exist.

        Names that no local folder can hold (``..`` in them, or nothing between two slashes) are an error.
        """
        with self._reached() as (store, path):
            store.invalidate_cache()  # others write there too
            try:
                found: dict[str, dict[str, Any]] = store.find(path, detail=True)
            except FileNotFoundError:
                return []
        files: list[RemoteFile] = []
        for full, info in sorted(found.items()):
            name = full.removeprefix(path).lstrip("/")
            if not name or full.endswith("/") or info.get("type") == "directory":  # the mark of a folder
                continue
            if not _is_safe(name):
                raise InputError(str(self), f"holds a file of the name {name[:100]!r}", "rename it")
            files.append(_file(name, info))
        return files

    def file(self, name: str) -> RemoteFile | None:
        """One file of the folder; None where there is none of this name."""
        try:
            with (self / name)._reached() as (store, path):
                store.invalidate_cache()
                return _file(name, store.info(path))
        except FileNotFoundError:
            return None

    def matches(self) -> list[Remote]:
        """The folders that match the address as a pattern (``*``, ``?``, ``[...]``, ``**``), by name."""
        head = re.split(r"/(?=[^/]*[*?\[])", self.url, maxsplit=1)[0]
        if not re.match(r".+://.", head):
            raise InputError(str(self), "is a pattern of buckets or machines", "name one")
        with self._reached() as (store, path):
            store.invalidate_cache()
            found: dict[str, dict[str, Any]] = store.glob(path, detail=True)
            _, above = url_to_fs(head)
        folders = sorted(full.rstrip("/") for full, info in found.items() if info["type"] == "directory")
        return [Remote(f"{head}/{full.removeprefix(above).lstrip('/')}") for full in folders]

    def read(self) -> bytes:
        """The content of the file."""
        with self._reached() as (store, path):
            content: bytes = store.cat_file(path)
            return content

    def fetch(self, names: Sequence[str], *, into: Path) -> None:
        """Copy files of the folder, by their names in it, to the same names below a local folder."""
        targets = [into / name for name in names]
        for folder in {target.parent for target in targets}:
            folder.mkdir(parents=True, exist_ok=True)
        with self._reached() as (store, path):
            if names:
                store.get([f"{path.rstrip('/')}/{name}" for name in names], [str(target) for target in targets])

    def put(self, file: Path) -> None:
        """Make the file have a local file's content, in one step: whoever looks sees all of it or what was before."""
        with self._reached() as (store, path):
            if self.url.partition("://")[0] in _WHOLE:
                store.put_file(str(file), path)
                return
            beside = posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}.{uuid.uuid4().hex[:8]}")
            try:
                store.put_file(str(file), beside)
                store.mv(beside, path)
            finally:
                with suppress(OSError):
                    store.rm_file(beside)

    def remove(self) -> None:
        """Remove the file; none is no error."""
        with self._reached() as (store, path), suppress(FileNotFoundError):
            store.rm_file(path)

    @contextmanager
    def _reached(self) -> Generator[tuple[Any, str]]:
        """The file system and the path in it; what its library raises becomes an error in one line."""
        with _Told(self):
            yield url_to_fs(self.url)


class _Told:
    """Errors of stores become ``InputError``: the system's, and those of a class that the store's library defines."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, InputError | FileNotFoundError) or is_full(error):
            return
        foreign = type(error).__module__.partition(".")[0] not in {"builtins", "pipeline"}  # botocore's, say
        if foreign or isinstance(error, OSError | ValueError):
            what = f"cannot be reached ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            raise InputError(str(self._remote), what, "check the address, the network and the credentials") from error


Place = Path | Remote


def place_of(text: str | Path) -> Place:
    """A path, or what an address names; ``file://`` and ``local://`` name plain paths.

    Raises:
        InputError: The kind of address is unknown, or the package that it needs is missing.
    """
    matched = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", str(text)) if isinstance(text, str) else None
    if matched is None:
        return Path(text)
    url, protocol = str(text).rstrip("/"), matched[1]
    remote = Remote(url)
    if "::" in url:
        raise InputError(str(remote), "is a chain of addresses", "give one address alone, such as s3://bucket/folder")
    if protocol in _LOCAL:
        return Path(url.removeprefix(f"{protocol}://"))
    if not all(part not in {"", ".", ".."} for part in url[matched.end() :].split("/")):
        raise InputError(str(remote), "names no folder", "write it without empty parts, '.' and '..'")
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        raise InputError(
            str(remote),
            f"'{protocol}' is no kind of address that is known",
            "give a path, or one such as s3://bucket/folder",
        ) from error
    except ImportError as error:
        raise InputError(str(remote), f"needs a package that is missing ({error})", "install it") from error
    return remote


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk has no room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_pattern(place: Remote) -> bool:
    """Whether an address stands for all that match it."""
    return has_magic(place.url)


def _file(name: str, info: dict[str, Any]) -> RemoteFile:
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key) is not None), "")
    return RemoteFile(name=name, size_bytes=int(info.get("size") or 0), stamp=stamp)


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    return "\0" not in name and all(
        part not in {"", ".", ".."} and len(part.encode(errors="surrogateescape")) <= _LONGEST for part in parts
    )
