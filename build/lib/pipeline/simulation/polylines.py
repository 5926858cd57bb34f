"""Lines of points along roads: moved aside, cut by length, made into strips."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Line = Float[np.ndarray, "p 2"]


def lengths_m(line_m: Line) -> Float[np.ndarray, " p"]:
    """The way from the start to each point."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_m, axis=0), axis=1))])


def lefts(line_m: Line) -> Line:
    """A unit vector to the left at every point, longer in bends (mitred), so that a moved line keeps its distance."""
    along = np.diff(line_m, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    before, after = np.vstack([normal[:1], normal]), np.vstack([normal, normal[-1:]])
    middle = before + after
    return middle * (2.0 / np.maximum(np.sum(middle**2, axis=1, keepdims=True), 1.0))


def moved(line_m: Line, left_m: float) -> Line:
    """The line, moved to its left."""
    return line_m + left_m * lefts(line_m)


def points_at(line_m: Line, way_m: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k 2"]:
    """The points after these ways from the start."""
    length_m = lengths_m(line_m)
    return np.column_stack([np.interp(way_m, length_m, line_m[:, axis]) for axis in (0, 1)])


def piece(line_m: Line, *, start_m: float, end_m: float) -> Float[np.ndarray, "_ 2"]:
    """The part between two ways from the start, with the bends between."""
    length_m = lengths_m(line_m)
    inside = length_m[(length_m > start_m + 1e-6) & (length_m < end_m - 1e-6)]
    return points_at(line_m, np.concatenate([[start_m], inside, [end_m]]))


def quads(line_m: Line, *, width_m: float) -> Float[np.ndarray, "k 4 2"]:
    """The strip along a line as one quadrilateral per segment."""
    half = lefts(line_m) * (width_m / 2)
    left_m, right_m = line_m + half, line_m - half
    return np.stack([right_m[:-1], right_m[1:], left_m[1:], left_m[:-1]], axis=1)
