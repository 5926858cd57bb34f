"""A model as files that other programs run, each tried against the model before it gets its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from torch.export import ExportedProgram

import models
from models.config import ForecasterConfig
from models.flat import input_names, steady
from pipeline.errors import one_line
from pipeline.export import graph
from pipeline.export.agreement import agreement
from pipeline.export.description import description
from pipeline.export.runtime import OnnxForecaster
from pipeline.export.scenes import made_up_scenes
from pipeline.files import digest, whole_file, whole_folder, write_json
from pipeline.progress import progress_bar
from pipeline.training.bundle import Bundle, bundle_digest, load_bundle
from pipeline.training.predict import Network

ONNX: Final = "forecaster.onnx"
PROGRAM: Final = "forecaster.pt2"
DESCRIPTION: Final = "forecaster.json"
_EXAMPLE: Final = (5, 3, 7)  # agents of the scenes that the graph is traced on


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What ``export`` wrote.

    Attributes:
        folder: Where.
        sizes_bytes: By file.
        onnx: The largest difference between onnxruntime and the model, in metres.
        program: Likewise of the program of ``torch.export``.
    """

    folder: Path
    sizes_bytes: Mapping[str, int]
    onnx: float
    program: float

    def lines(self) -> list[str]:
        """For people."""
        files = [
            f"{one_line(str(self.folder / name))}  {size / 1e3:,.0f} kB" for name, size in self.sizes_bytes.items()
        ]
        largest = f"onnxruntime {self.onnx:.1e} m, torch.export {self.program:.1e} m"
        return [*files, f"largest difference from the model on made-up scenes: {largest}"]


def export(model_dir: Path, *, out: Path, origin: Mapping[str, object] | None = None) -> Exported:
    """Write a model's forecaster as ONNX, as a program of ``torch.export`` and with a description of both, or nothing.

    Args:
        model_dir: A folder that training wrote.
        out: Folder for the three files; replaced whole.
        origin: Where the model came from, if other than from this folder.

    Raises:
        InputError: The model cannot be used, the packages are not there, or what was exported forecasts otherwise.
    """
    graph.require_packages("headway export")
    key = bundle_digest(model_dir)
    bundle = load_bundle(model_dir)
    with progress_bar() as bar, whole_folder(out) as temporary:
        task = bar.add_task("exporting", total=4)
        program = _traced(bundle)
        bar.advance(task)
        graph.write_onnx(program, temporary / ONNX, forecaster=bundle.model)
        bar.advance(task)
        by_onnx = _agreement(bundle, OnnxForecaster(temporary / ONNX), name=ONNX)
        bar.advance(task)
        torch.export.save(program, temporary / PROGRAM)
        by_program = _agreement(bundle, _run(program, config=bundle.model.config), name=PROGRAM)
        about: dict[str, Any] = {
            "headway": version("headway"),
            "model": {**(origin or {}), "digest": key},
            "largest_difference_m": {ONNX: by_onnx, PROGRAM: by_program},
            **description(bundle, opset=graph.OPSET),
        }
        write_json(temporary / DESCRIPTION, about)
        bar.advance(task)
        sizes = {name: (temporary / name).stat().st_size for name in (ONNX, PROGRAM, DESCRIPTION)}
    return Exported(folder=out, sizes_bytes=sizes, onnx=by_onnx, program=by_program)


def onnx_file(bundle: Bundle, *, key: str, folder: Path) -> Path:
    """A model's ONNX file in a folder, made and tried if it is not there yet; whole, whenever it is seen.

    Args:
        bundle: The model.
        key: Its digest.
        folder: Where files of other models may lie too.

    Raises:
        InputError: The packages are not there, what was exported forecasts otherwise, or the file there is broken.
    """
    graph.require_packages("--runtime onnx")
    code = [file for part in (models, graph) for file in sorted(Path(str(part.__file__)).parent.glob("*.py"))]
    made_by = [version(name) for name in ("headway", "torch", "onnx", "onnxscript")]
    path = folder / f"{digest(key, *made_by, *code)}.onnx"
    if path.is_file():
        OnnxForecaster(path)  # a broken one is told of now, not drive by drive
        return path
    with progress_bar() as bar, whole_file(path) as temporary:
        task = bar.add_task("exporting to ONNX", total=3)
        program = _traced(bundle)
        bar.advance(task)
        graph.write_onnx(program, temporary, forecaster=bundle.model)
        bar.advance(task)
        _agreement(bundle, OnnxForecaster(temporary), name="--runtime onnx")
        bar.advance(task)
    return path


def _traced(bundle: Bundle) -> ExportedProgram:
    example = made_up_scenes(bundle.model, windows=bundle.windows, num_agents=_EXAMPLE, seed=0)
    return graph.trace(steady(bundle.model), example)


def _run(program: ExportedProgram, *, config: ForecasterConfig) -> Network:
    module, names = program.module(), input_names(config)
    return lambda observed: module(*(getattr(observed, name) for name in names))


def _agreement(bundle: Bundle, network: Network, *, name: str) -> float:
    return agreement(network, steady(bundle.model), windows=bundle.windows, name=name)
