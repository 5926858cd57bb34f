"""What runs the network: torch, or onnxruntime."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.training.bundle import Bundle

TORCH: Final = "torch"
ONNX: Final = "onnx"
_FOLDER: Final = "onnx"  # in the cache


def runtime_device(runtime: str, *, device: str) -> str:
    """The device that is meant with this runtime: onnxruntime is used on the CPU.

    Raises:
        InputError: There is no such runtime, its packages are not there, or not on this device.
    """
    if runtime == TORCH:
        return device
    if runtime != ONNX:
        raise InputError("--runtime", f"'{runtime}' is not known", f"choose {TORCH} or {ONNX}")
    from pipeline.export.graph import require_packages  # noqa: PLC0415  # torch's own take a moment

    require_packages("--runtime onnx")
    if device == "cuda":
        raise InputError("--runtime", "onnx runs on the CPU", "leave --device cuda out, or choose torch")
    return "cpu" if device == "auto" else device


@contextmanager
def runtime_file(runtime: str, bundle: Bundle, *, digest: str, cache: Path | None) -> Generator[Path | None]:
    """Yield the model's ONNX file, made before any drive is read; None where torch runs.

    Args:
        runtime: ``torch`` or ``onnx``.
        bundle: The model.
        digest: Of it.
        cache: The file is kept here between runs; without, it is temporary.

    Raises:
        InputError: The model cannot be written as ONNX, or nothing can be written there.
    """
    if runtime == TORCH:
        yield None
        return
    from pipeline.export.export import onnx_file  # noqa: PLC0415  # its packages are an extra

    with tempfile.TemporaryDirectory(prefix="headway-onnx-") as temporary:
        folder = Path(temporary) if cache is None else cache / _FOLDER
        try:
            file = onnx_file(bundle, key=digest, folder=folder)
        except OSError as error:
            what = f"cannot be written to ({error.strerror or error})"
            raise InputError(folder, what, "make room, or give another --cache") from error
        yield file
