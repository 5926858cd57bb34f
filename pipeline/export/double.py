"""What onnxruntime does not have in double precision, from what it has."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.polynomial import Chebyshev, Polynomial
from onnxscript import opset20 as op
from scipy.special import erfcx

_DEGREE: Final = 24


def _tail(s: np.ndarray) -> np.ndarray:
    """The logarithm of erfc(z) exp(z2) / t with t = 2 / (2 + z) = (s + 1) / 2: smooth for z from 0 to infinity."""
    t = (s + 1.0) / 2.0
    return np.log(erfcx(2.0 / t - 2.0) / t)


TAIL: Final = Chebyshev.interpolate(_tail, _DEGREE).convert(kind=Polynomial).coef


def gelu(x: Any, approximate: str = "none") -> Any:
    """``x Phi(x)`` of doubles, Phi within 1e-15: a polynomial for the tail, for there is no error function.

    Source: the substitution is that of Numerical Recipes, 3rd edition, section 6.2.2; the polynomial is made anew.

    Args:
        x: A value of a graph.
        approximate: As torch has it; only its default is meant.
    """
    assert approximate == "none"
    z = op.Abs(x) * _number(0.5**0.5)
    t = _number(2.0) / (z + _number(2.0))
    s = t * _number(2.0) - _number(1.0)
    power = _number(TAIL[-1])
    for coefficient in TAIL[-2::-1]:
        power = power * s + _number(coefficient)
    tail = t * _number(0.5) * op.Exp(power - z * z)  # Phi(-|x|)
    is_above: Any = op.Greater(x, _number(0.0))
    return x * op.Where(is_above, _number(1.0) - tail, tail)


def _number(value: float) -> Any:
    return op.Constant(value=onnx.helper.make_tensor("number", onnx.TensorProto.DOUBLE, [], [float(value)]))
