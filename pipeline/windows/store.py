"""Windows on disk: one ``.npy`` per array and an ``index.json``, read through memory maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, Final, get_type_hints

import numpy as np
from jaxtyping import jaxtyped

from pipeline.errors import InputError
from pipeline.files import digest, whole_folder, write_json
from pipeline.windows.join import continued
from pipeline.windows.windows import GROUPS, NAMES, SPLITS, UNSPLIT, Future, Observed, SceneIndex, Windows

_INDEX: Final = "index.json"
_TODO: Final = "run the windows stage again"
# The contract's own annotations, which name the axes: "n t 2".
_ARRAYS: Final = {
    (group, f.name): get_type_hints(kind)[f.name]
    for group, kind in GROUPS.items()
    for f in fields(kind)
    if f.name not in NAMES
}


def write_windows(folder: Path, windows: Windows, *, extra: Mapping[str, Any]) -> None:
    """Write windows, whole, in place of whatever the folder held.

    Args:
        folder: The final folder.
        windows: What to write.
        extra: Any JSON that readers want beside the arrays.
    """
    write_joined(folder, [windows], extra=lambda: extra)


def write_joined(folder: Path, parts: Iterable[Windows], *, extra: Callable[[], Mapping[str, Any]]) -> None:
    """As ``write_windows``, of all parts one after the other, each written as it comes.

    Args:
        folder: The final folder.
        parts: Of different drives, with one rate; at least one.
        extra: As in ``write_windows``; asked for once all parts are written.
    """
    with whole_folder(folder) as temporary:
        names: dict[str, list[Any]] = {name: [] for name in NAMES}
        rates_hz: set[float] = set()
        with ExitStack() as stack:
            files = {key: _Growing(stack.enter_context(_file(temporary, *key).open("wb"))) for key in _ARRAYS}
            for part, arrays in continued(parts):
                rates_hz.add(part.rate_hz)
                for key, file in files.items():
                    file.append(arrays[key])
                for name in NAMES:
                    names[name].extend(getattr(part.index, name))
            for file in files.values():
                file.finish()
        [rate_hz] = rates_hz
        write_json(temporary / _INDEX, {"rate_hz": rate_hz, **names, "extra": dict(extra())})


def read_windows(folder: Path) -> Windows:
    """Read windows as read-only memory maps.

    Raises:
        InputError: A file is missing, cannot be read, or does not fit the others; the message names it.
    """
    content = _read_index(folder)
    try:
        drive_names = tuple(str(name) for name in content["drive_names"])
        track_names = tuple((str(drive), str(agent)) for drive, agent in content["track_names"])
        rate_hz = float(content["rate_hz"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(folder / _INDEX, f"lacks names or rate ({error})", _TODO) from error
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    with jaxtyped("context"):  # binds each axis letter to its first length
        for (group, name), kind in _ARRAYS.items():
            file = _file(folder, group, name)
            array = _read_array(file)
            if not isinstance(array, kind):
                what = f"is {array.dtype} {array.shape}, which does not fit [{kind.dim_str}] of the other files"
                raise InputError(file, what, _TODO)
            groups[group][name] = array
    index = SceneIndex(**groups["index"], drive_names=drive_names, track_names=track_names)
    observed = Observed(**groups["observed"])
    _check_index(folder, index, observed)
    return Windows(rate_hz=rate_hz, index=index, observed=observed, future=Future(**groups["future"]))


def read_extra(folder: Path) -> dict[str, Any]:
    """What ``write_windows`` was given as ``extra``.

    Raises:
        InputError: The index is missing or cannot be read.
    """
    extra = _read_index(folder).get("extra")
    if not isinstance(extra, dict):
        raise InputError(folder / _INDEX, "has no extra", _TODO)
    return extra


def windows_digest(folder: Path) -> str:
    """One digest over all that is stored, names and extra included; it changes with any byte of them.

    Raises:
        InputError: A file is missing or cannot be read.
    """
    parts: list[str] = []
    for file in [folder / _INDEX, *(_file(folder, group, name) for group, name in _ARRAYS)]:
        try:
            with file.open("rb") as stream:
                parts += [file.name, hashlib.file_digest(stream, "sha256").hexdigest()]
        except OSError as error:
            raise InputError(file, f"cannot be read ({error.__class__.__name__})", _TODO) from error
    return digest(*parts)


class _Growing:
    """An ``.npy`` file that is written piece by piece, with the bytes that ``np.save`` gives the whole."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._rows = 0

    def append(self, array: np.ndarray) -> None:
        """Go on with rows of the same length and type."""
        if not self._stream.tell():
            self._dtype, self._row = array.dtype, array.shape[1:]
            self._write_header()
        assert (array.dtype, array.shape[1:]) == (self._dtype, self._row), (array.dtype, array.shape)
        self._stream.write(np.ascontiguousarray(array).data)
        self._rows += len(array)

    def finish(self) -> None:
        """Say in the header how many rows there are; NumPy leaves room for that."""
        self._stream.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        descr, shape = np.lib.format.dtype_to_descr(self._dtype), (self._rows, *self._row)
        np.lib.format.write_array_header_1_0(self._stream, {"descr": descr, "fortran_order": False, "shape": shape})


def _file(folder: Path, group: str, name: str) -> Path:
    return folder / f"{group}.{name}.npy"


def _read_index(folder: Path) -> dict[str, Any]:
    file = folder / _INDEX
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(file, f"cannot be read ({error.__class__.__name__})", _TODO) from error
    if not isinstance(content, dict):
        raise InputError(file, "is no JSON object", _TODO)
    return content


def _read_array(file: Path) -> np.ndarray:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(file, f"cannot be read ({error.__class__.__name__})", _TODO) from error
    if not isinstance(array, np.ndarray):
        raise InputError(file, "is an archive, not an array", _TODO)
    return array


def _check_index(folder: Path, index: SceneIndex, observed: Observed) -> None:
    """Every number that points into another array or list must hit."""
    offset = np.asarray(index.agent_offset)
    num_agents = len(observed.scene)
    if offset[0] != 0 or offset[-1] != num_agents or (np.diff(offset) < 0).any():
        raise InputError(_file(folder, "index", "agent_offset"), f"does not run from 0 to {num_agents} agents", _TODO)
    if not np.array_equal(observed.scene, np.repeat(np.arange(len(offset) - 1), np.diff(offset))):
        raise InputError(_file(folder, "observed", "scene"), "does not fit the agents' offsets", _TODO)
    limits = {
        "drive": (index.drive, 0, len(index.drive_names)),
        "track": (index.track, 0, len(index.track_names)),
        "split": (index.split, UNSPLIT, len(SPLITS)),
    }
    for name, (numbers, low, high) in limits.items():
        if len(numbers) and (numbers.min() < low or numbers.max() >= high):
            raise InputError(_file(folder, "index", name), f"has a number outside {low}..{high - 1}", _TODO)
