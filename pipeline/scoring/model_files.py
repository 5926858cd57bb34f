"""The files of a model, to be handed to other machines or fetched from an object store: weights and JSON alone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.remote import Remote
from pipeline.scratch import scratch_folder

_ENDINGS: Final = (".json", ".safetensors")


def model_files(folder: Path) -> dict[str, bytes]:
    """The content of each file by its name.

    Raises:
        InputError: One cannot be read.
    """
    try:
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix in _ENDINGS}
    except OSError as error:
        where = error.filename or folder
        raise InputError(where, f"cannot be read ({error.strerror})", "check its permissions") from error


@contextmanager
def fetched_model(remote: Remote) -> Generator[Path]:
    """Yield a temporary folder with a copy of a model that lies in an object store.

    Raises:
        InputError: There is none, or it cannot be fetched.
    """
    names = [file.name for file in remote.files() if "/" not in file.name and Path(file.name).suffix in _ENDINGS]
    if not names:
        what = "is no model: no weights and JSON lie in it"
        raise InputError(str(remote), what, "point --model at a folder that training wrote")
    with scratch_folder() as folder:
        remote.fetch(names, into=folder)
        yield folder
