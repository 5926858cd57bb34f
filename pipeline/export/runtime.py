"""Forecasts by onnxruntime: on the CPU, on one thread."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile
from torch import Tensor

from models.batch import Observed
from pipeline.errors import InputError


class OnnxForecaster:
    """An ONNX file of ``graph.write_onnx``, ready to run; called as ``models.flat.columns`` of the forecaster would be.

    Args:
        path: The file.

    Raises:
        InputError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors alone
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
            raise InputError(path, "is no ONNX file that can be run", "remove it, it will be made again") from error
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]

    def __call__(self, observed: Observed) -> dict[str, Tensor]:
        """Forecast every agent."""
        given = {name: getattr(observed, name).numpy() for name in self._inputs}
        found = self._session.run(self._outputs, given)
        return {name: torch.from_numpy(value) for name, value in zip(self._outputs, found, strict=True)}
