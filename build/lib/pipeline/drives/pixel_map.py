"""Polygons from pictures: the exact outlines of pixels, in whole pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from jaxtyping import Bool
from shapely import MultiPolygon

MAX_SIDES: Final = 400_000  # of pixels along the outlines; they take some 10 s. Real maps have some 20,000


def pixel_polygons(mask: Bool[np.ndarray, "v u"]) -> MultiPolygon:
    """The surface that the pixels of a mask cover, holes left out.

    The pixel in row v and column u covers v to v + 1 and u to u + 1, so that the polygons' area is the number of
    pixels. (``cv2.findContours`` goes through the pixels' middles instead, and loses half a pixel all round.)
    Pixels that touch at a corner alone do not hang together.

    Returns:
        Polygons in (u, v), their corners on whole numbers; none where no pixel is set.

    Raises:
        ValueError: The outlines have more than ``MAX_SIDES`` sides of pixels: noise, not a map.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    v_across, u_across = np.nonzero(np.diff(padded, axis=0)[:, 1:-1])  # sides along u
    v_along, u_along = np.nonzero(np.diff(padded, axis=1)[1:-1])  # sides along v
    if len(v_across) + len(v_along) > MAX_SIDES:
        raise ValueError("outlines without end")
    sides = np.concatenate(
        [
            np.stack([u_across, v_across, u_across + 1, v_across], axis=-1),
            np.stack([u_along, v_along, u_along, v_along + 1], axis=-1),
        ]
    )
    lines = np.asarray(shapely.linestrings(sides.reshape(-1, 2, 2).astype(np.float64)), dtype=object)
    faces = shapely.get_parts(shapely.polygonize(lines))
    inside = np.floor(shapely.get_coordinates(shapely.point_on_surface(faces))).astype(np.int64)
    faces = faces[mask[inside[:, 1], inside[:, 0]]]  # the others are holes
    return MultiPolygon(shapely.simplify(faces, 0.0).tolist())  # corners in the middle of straight sides go
