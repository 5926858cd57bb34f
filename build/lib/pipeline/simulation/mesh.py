"""A body made of flat convex faces, built part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline.simulation.roles import Role

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lamps:
    """The lights of a mesh, in its own frame."""

    middles_m: Float[np.ndarray, "k 3"]
    normals: Float[np.ndarray, "k 3"]
    roles: Int[np.ndarray, " k"]
    radii_m: Float[np.ndarray, " k"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mesh:
    """Faces in the body's own frame: x ahead, y to the left, z up, metres, the origin on the ground in its middle.

    Attributes:
        corners_m: Around one face after another.
        num_corners: Of each face.
        normals: Outwards; zero where a face is seen from both sides.
        heights_m: Of each face's plane along its normal, from the origin; negative where the normal is zero, so that
            every camera is above it.
        roles: What a face is, a row of the palette.
        layers: Drawn in this order; within a layer, what lies further along x first, then in the order given.
        spans_m: From where to where along x the face's part reaches, to order parts of one layer.
        lamps: The lights among the faces.
    """

    corners_m: Float[np.ndarray, "v 3"]
    num_corners: Int[np.ndarray, " f"]
    normals: Float[np.ndarray, "f 3"]
    heights_m: Float[np.ndarray, " f"]
    roles: Int[np.ndarray, " f"]
    layers: Int[np.ndarray, " f"]
    spans_m: Float[np.ndarray, "f 2"]
    lamps: Lamps


class MeshBuilder:
    """Collects faces."""

    def __init__(self) -> None:
        self._corners: list[Point] = []
        self._counts: list[int] = []
        self._outwards: list[Point] = []
        self._roles: list[int] = []
        self._layers: list[int] = []
        self._spans: list[tuple[float, float]] = []

    def face(
        self,
        corners: Sequence[Point],
        role: int,
        *,
        layer: int,
        outwards: Point | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        """Add a convex face; ``outwards`` is a rough direction that its normal is turned to, None: two-sided."""
        self._corners += corners
        self._counts.append(len(corners))
        self._outwards.append(outwards or (0.0, 0.0, 0.0))
        self._roles.append(role)
        self._layers.append(layer)
        self._spans.append(span or (min(x for x, _, _ in corners), max(x for x, _, _ in corners)))

    def prism(self, profile: Sequence[tuple[float, float]], role: int, *, half_m: float, layer: int) -> None:
        """A convex (x, z) profile, as wide as twice ``half_m``; the profile runs counter-clockwise seen from -y."""
        span = (min(x for x, _ in profile), max(x for x, _ in profile))
        middle_x, middle_z = sum(x for x, _ in profile) / len(profile), sum(z for _, z in profile) / len(profile)
        for start, end in zip(profile, [*profile[1:], profile[0]], strict=True):
            out_x, out_z = (start[0] + end[0]) / 2 - middle_x, (start[1] + end[1]) / 2 - middle_z
            edge = [(start[0], -half_m, start[1]), (end[0], -half_m, end[1])]
            edge += [(end[0], half_m, end[1]), (start[0], half_m, start[1])]
            normal = (end[1] - start[1], 0.0, start[0] - end[0])
            sign = 1.0 if normal[0] * out_x + normal[2] * out_z > 0 else -1.0
            self.face(edge, role, layer=layer, outwards=(sign * normal[0], 0.0, sign * normal[2]), span=span)
        for y in (-half_m, half_m):
            self.face([(x, y, z) for x, z in profile], role, layer=layer, outwards=(0.0, y, 0.0), span=span)

    def frustum(
        self,
        *,
        bottom: tuple[float, float, float, float],
        top: tuple[float, float, float, float],
        roles: Sequence[int],
        layer: int,
    ) -> None:
        """Between two levels (rear x, front x, half width, z); roles of the rear, front, right, left and top."""
        span = (min(bottom[0], top[0]), max(bottom[1], top[1]))

        def corner(level: tuple[float, float, float, float], x_at: int, y_sign: float) -> Point:
            return (level[x_at], y_sign * level[2], level[3])

        def side(first: tuple[int, float], second: tuple[int, float]) -> list[Point]:
            return [corner(bottom, *first), corner(bottom, *second), corner(top, *second), corner(top, *first)]

        self.face(side((0, 1.0), (0, -1.0)), roles[0], layer=layer, outwards=(-1, 0, 0), span=span)
        self.face(side((1, -1.0), (1, 1.0)), roles[1], layer=layer, outwards=(1, 0, 0), span=span)
        self.face(side((0, -1.0), (1, -1.0)), roles[2], layer=layer, outwards=(0, -1, 0), span=span)
        self.face(side((1, 1.0), (0, 1.0)), roles[3], layer=layer, outwards=(0, 1, 0), span=span)
        lid = [corner(top, 0, -1.0), corner(top, 1, -1.0), corner(top, 1, 1.0), corner(top, 0, 1.0)]
        self.face(lid, roles[4], layer=layer, outwards=(0, 0, 1), span=span)

    def box(self, low: Point, high: Point, role: int, *, layer: int, span: tuple[float, float] | None = None) -> None:
        """A box along the axes."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        quads: tuple[tuple[list[Point], Point], ...] = (
            ([(x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)], (-1, 0, 0)),
            ([(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)], (1, 0, 0)),
            ([(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)], (0, -1, 0)),
            ([(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)], (0, 1, 0)),
            ([(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)], (0, 0, 1)),
            ([(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)], (0, 0, -1)),
        )
        for corners, outwards in quads:
            self.face(corners, role, layer=layer, outwards=outwards, span=span)

    def disc(
        self,
        middle: Point,
        radius: float,
        role: int,
        *,
        layer: int,
        normal: Point,
        sides: int = 10,
        span: tuple[float, float] | None = None,
    ) -> None:
        """A round upright plate that faces along x or along y, as its normal does."""
        angles = np.arange(sides) * (2 * np.pi / sides) + np.pi / sides
        across, up = np.cos(angles) * radius, np.sin(angles) * radius
        x, y, z = middle
        if abs(normal[0]) > 0.5:
            corners = [(x, y + c, z + s) for c, s in zip(across, up, strict=True)]
        else:
            corners = [(x + c, y, z + s) for c, s in zip(across, up, strict=True)]
        self.face(corners, role, layer=layer, outwards=normal, span=span)

    def build(self) -> Mesh:
        """All faces so far."""
        corners_m, num_corners = np.array(self._corners, dtype=np.float64), np.array(self._counts)
        first = np.cumsum(num_corners) - num_corners
        outwards, roles = np.array(self._outwards, dtype=np.float64), np.array(self._roles)
        normals = _normals(corners_m[first[:, None] + np.arange(3)], outwards=outwards)
        heights_m = np.sum(normals * corners_m[first], axis=1)
        heights_m[~normals.any(axis=1)] = -1.0
        lamps = np.flatnonzero((roles >= Role.BRAKE) & normals.any(axis=1))
        low_m = np.minimum.reduceat(corners_m, first, axis=0)[lamps]
        high_m = np.maximum.reduceat(corners_m, first, axis=0)[lamps]
        return Mesh(
            corners_m=corners_m,
            num_corners=num_corners,
            normals=normals,
            heights_m=heights_m,
            roles=roles,
            layers=np.array(self._layers),
            spans_m=np.array(self._spans),
            lamps=Lamps(
                middles_m=(low_m + high_m) / 2,
                normals=normals[lamps],
                roles=roles[lamps],
                radii_m=(high_m - low_m).max(axis=1, initial=0.0) / 2,
            ),
        )


def _normals(corners_m: Float[np.ndarray, "f 3 3"], *, outwards: Float[np.ndarray, "f 3"]) -> Float[np.ndarray, "f 3"]:
    """Unit normals of faces, by three corners of each, turned to where they shall point; zero where that is nowhere."""
    normals = np.cross(corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normals[np.sum(normals * outwards, axis=1) < 0.0] *= -1.0
    normals[~outwards.any(axis=1)] = 0.0
    return normals
