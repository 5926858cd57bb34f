"""The forecaster as a graph: a program of ``torch.export``, and ONNX from it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from torch.export import Dim, ExportedProgram

from models.batch import Observed
from models.flat import FlatForecaster, input_names, output_names
from models.forecaster import Forecaster
from pipeline.errors import InputError
from pipeline.windows.windows import PER_SCENE

OPSET: Final = 20  # of ONNX; sums and maxima over pairs of neighbours need 18
AGENTS: Final = "agents"  # the sizes that are not fixed
SCENES: Final = "scenes"
_PACKAGES: Final = ("onnx", "onnxscript", "onnxruntime")


def require_packages(where: str) -> None:
    """See that what the extra ``export`` brings is there.

    Args:
        where: The command or option that needs it.

    Raises:
        InputError: It is not.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        what = f"needs {', '.join(missing)}, not installed here"
        raise InputError(where, what, "install the extra: pip install -c constraints.txt -e '.[export]'")


def trace(forecaster: Forecaster, example: Observed) -> ExportedProgram:
    """The program that forecasts any number of agents in any number of scenes, on the CPU.

    Args:
        forecaster: In evaluation mode, of ``models.flat.steady``.
        example: Agents in several scenes, with neighbours; the numbers do not matter.
    """
    names = input_names(forecaster.config)
    agents, scenes = Dim(AGENTS), Dim(SCENES)
    sizes = tuple({0: scenes if name in PER_SCENE else agents} for name in names)
    values = tuple(getattr(example, name) for name in names)
    with torch.no_grad(), _quietly():
        program = torch.export.export(FlatForecaster(forecaster).eval(), values, dynamic_shapes=(sizes,))
    for part in program.graph_module.modules():
        if isinstance(part, torch.fx.GraphModule):
            for node in part.graph.nodes:
                node.meta.pop("stack_trace", None)  # the paths of this machine
    return program


def write_onnx(program: ExportedProgram, path: Path, *, forecaster: Forecaster) -> None:
    """Write a program as one ONNX file, weights included.

    Args:
        program: Of ``trace``.
        path: The file.
        forecaster: That the program was made of.
    """
    from onnxscript import optimizer  # noqa: PLC0415  # an extra: see require_packages

    from pipeline.export.double import gelu  # noqa: PLC0415  # likewise

    config, is_double = forecaster.config, next(forecaster.parameters()).dtype == torch.float64
    names = input_names(config)
    sizes = tuple({0: SCENES if name in PER_SCENE else AGENTS} for name in names)
    with torch.no_grad(), _quietly():
        # All of its optimizer takes minutes and gains nothing: onnxruntime has one, which takes a second.
        written = torch.onnx.export(
            program,
            dynamo=True,
            dynamic_shapes=(sizes,),
            input_names=names,
            output_names=output_names(config),
            opset_version=OPSET,
            optimize=False,
            verbose=False,
            custom_translation_table={torch.ops.aten.gelu.default: gelu} if is_double else None,
        )
        assert written is not None
        optimizer.fold_constants(written.model)
        optimizer.remove_unused_nodes(written.model)
    written.save(path, external_data=False)


@contextmanager
def _quietly() -> Generator[None]:
    """Without the exporters' remarks about themselves and about packages that are not there."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
