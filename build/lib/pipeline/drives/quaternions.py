"""Rotations as sources write them: quaternions w, x, y, z, of length one but for rounding."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def unit_quaternions(quaternion_wxyz: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Brought to length one; NaN throughout where the length is over a tenth off it, or a number is missing."""
    norm = np.linalg.norm(np.where(np.abs(quaternion_wxyz) < 2.0, quaternion_wxyz, 2.0), axis=1, keepdims=True)
    return np.where(np.abs(norm - 1.0) < 0.1, quaternion_wxyz / np.maximum(norm, 0.5), np.nan)


def headings_rad(quaternion_wxyz: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Where the turned x axis points to, seen from above: counter-clockwise from +x, in -pi to pi."""
    w, x, y, z = quaternion_wxyz.T
    return np.arctan2(2.0 * (w * z + x * y), w**2 + x**2 - y**2 - z**2)
