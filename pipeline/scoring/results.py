"""The folder of a run's results, here or in an object store."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline.errors import InputError
from pipeline.files import remove_leftovers, whole_file, write_json
from pipeline.remote import Place, Remote, is_full
from pipeline.scoring import manoeuvres, record
from pipeline.scoring.basis import Basis
from pipeline.scoring.claim import claim
from pipeline.scoring.record import (
    Record,
    account_file,
    checked_record,
    read_record,
    remove_record,
    remove_results,
    table_file,
)
from pipeline.scoring.remote_claim import claim_remote

SUMMARY: Final = "summary.json"


class Results(Protocol):
    """Where a run's results go. What cannot be written is an ``InputError``."""

    def claimed(self, settings: str) -> Any:
        """A context that keeps others out; ``settings`` is a digest of all that the results depend on."""
        ...

    def write_summary(self, content: Mapping[str, Any]) -> None:
        """Write ``summary.json``, whole."""
        ...

    def read(self, name: str, *, basis: Basis) -> Record | None:
        """As ``read_record``."""
        ...

    def tidy(self) -> None:
        """Remove what killed processes left half-written."""
        ...


def results_in(out: Place) -> Results:
    """The results in a folder."""
    return LocalResults(out) if isinstance(out, Path) else RemoteResults(out)


@dataclass(frozen=True)
class LocalResults:
    """A folder here: one run at a time."""

    folder: Path

    @contextmanager
    def claimed(self, settings: str) -> Generator[None]:
        """As in ``Results``."""
        del settings
        with claim(self.folder):
            yield

    def write_summary(self, content: Mapping[str, Any]) -> None:
        """As in ``Results``."""
        with _writing(self.folder):
            write_json(self.folder / SUMMARY, content)

    def read(self, name: str, *, basis: Basis) -> Record | None:
        """As in ``Results``."""
        return read_record(self.folder, name, basis=basis)

    def tidy(self) -> None:
        """As in ``Results``."""
        with _writing(self.folder):
            for folder in (self.folder, self.folder / manoeuvres.FOLDER, self.folder / record.FOLDER):
                remove_leftovers(folder)


@dataclass
class RemoteResults:
    """A folder in an object store.

    Runs of the same settings may work into it at once: each drive may then be scored more than once, with the same
    bytes. Runs of other settings are kept out.
    """

    folder: Remote
    _sizes: dict[str, int] | None = field(default=None, init=False)

    @contextmanager
    def claimed(self, settings: str) -> Generator[None]:
        """As in ``Results``."""
        with claim_remote(self.folder, settings=settings):
            yield

    def write_summary(self, content: Mapping[str, Any]) -> None:
        """As in ``Results``."""
        with tempfile.TemporaryDirectory(prefix="headway-") as name, _writing(self.folder):
            write_json(Path(name) / SUMMARY, content)
            (self.folder / SUMMARY).put(Path(name) / SUMMARY)

    def read(self, name: str, *, basis: Basis) -> Record | None:
        """As in ``Results``; the folder is listed once for a run."""
        if self._sizes is None:
            self._sizes = {file.name: file.size_bytes for file in self.folder.files()}
        account = account_file(name).as_posix()
        if account not in self._sizes:
            return None
        try:
            content = (self.folder / account).read()
        except FileNotFoundError:  # another run is at it
            return None
        return checked_record(content, name, basis=basis, size_of=self._sizes.get)

    def tidy(self) -> None:
        """Nothing: stores show objects only when they are whole, and another run may be writing."""


def deliver(staged: Path, name: str, *, out: Place) -> None:
    """Copy a drive's tables and its account from another folder here to where they belong: the account last.

    Raises:
        InputError: They cannot be written there.
    """
    table = table_file(name)
    with _writing(out):
        if isinstance(out, Remote):
            (out / account_file(name).as_posix()).remove()
        else:
            remove_record(out, name)
        for file in (manoeuvres.manoeuvres_file(table), table, account_file(name)):
            if isinstance(out, Remote):
                (out / file.as_posix()).put(staged / file)
            else:
                with whole_file(out / file) as temporary:
                    shutil.copyfile(staged / file, temporary)


def remove_results_in(out: Place, name: str) -> None:
    """As ``remove_results``, wherever they are."""
    if isinstance(out, Path):
        remove_results(out, name)
        return
    table = table_file(name)
    for file in (account_file(name), table, manoeuvres.manoeuvres_file(table)):
        (out / file.as_posix()).remove()


@contextmanager
def _writing(out: Place) -> Generator[None]:
    try:
        yield
    except OSError as error:
        todo = "make room; the same command then goes on" if is_full(error) else "give a folder that can be written to"
        raise InputError(str(out), f"cannot be written to ({error.strerror or error})", todo) from error
