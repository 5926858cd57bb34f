"""What vehicles of every kind have: wheels, lights and panes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.simulation.detail import Detail
from pipeline.simulation.mesh import MeshBuilder, Point
from pipeline.simulation.roles import Role

Size = tuple[float, float, float]
Window = tuple[float, float, float, float]  # of a pane within a face: from, to along its base; from, to upwards
UNDER, BODY, CABIN, SIDE = range(4)  # layers


def lights(
    builder: MeshBuilder,
    size_m: Size,
    *,
    z: tuple[float, float],
    low: tuple[float, float],
    span: tuple[float, float] | None,
    wide: float,
    detail: Detail,
) -> None:
    """Brake lights and indicators behind, head lights and indicators in front, and where near indicators on the sides.

    ``z`` and ``low`` are the heights of the main lights and of the indicators, as parts of the body's height.
    """
    length, _, height = size_m
    for side, indicator in ((1.0, Role.LEFT), (-1.0, Role.RIGHT)):
        y = (side * (0.96 - wide), side * 0.96) if side > 0 else (side * 0.96, side * (0.96 - wide))
        outer = (side * 0.7, side * 0.985) if side > 0 else (side * 0.985, side * 0.7)
        for at, role in ((-1, Role.BRAKE), (1, Role.HEAD)):
            part = span or ((-length / 2, 0.1 * length) if at < 0 else (0.3 * length, length / 2))
            end_pane(builder, size_m, at=at, y=y, z=(z[0] * height, z[1] * height), role=role, span=part)
            end_pane(builder, size_m, at=at, y=outer, z=(low[0] * height, low[1] * height), role=indicator, span=part)
            if detail == Detail.FAR:
                continue
            x = sorted((at * length / 2, at * (length / 2 - 0.22)))
            flank = [(x[0], low[0] * height), (x[1], low[0] * height), (x[1], z[1] * height), (x[0], z[1] * height)]
            side_pane(builder, flank, y=side * size_m[1] / 2, role=indicator, span=part, layer=SIDE)


def wheels(builder: MeshBuilder, size_m: Size, *, radius: float, places: Sequence[float], detail: Detail) -> None:
    """Tyres under the body, seen from the ends, and on its sides as discs in dark arches; far away all in one."""
    length, width, _ = size_m
    if detail == Detail.FAR:
        builder.box((-0.44 * length, -0.48 * width, 0.0), (0.44 * length, 0.48 * width, 0.4), Role.TYRE, layer=UNDER)
        return
    for place in places:
        x = place * length
        for side in (-1.0, 1.0):
            y = sorted((side * 0.5 * width, side * 0.34 * width))
            builder.box((x - radius * 0.8, y[0], 0.0), (x + radius * 0.8, y[1], 0.4), Role.TYRE, layer=UNDER)
            out = (0.0, side, 0.0)
            middle = (x, side * 0.5 * width, radius)
            wheel = (x - radius, x + radius)  # one span, so that rims are drawn over tyres
            builder.disc(middle, radius, Role.TYRE, layer=SIDE, normal=out, span=wheel)
            if detail == Detail.FINE:
                builder.disc(middle, radius * 0.62, Role.RIM, layer=SIDE, normal=out, span=wheel)
                builder.disc(middle, radius * 0.2, Role.TRIM, layer=SIDE, normal=out, sides=6, span=wheel)


def end_pane(
    builder: MeshBuilder,
    size_m: Size,
    *,
    at: int,
    y: tuple[float, float],
    z: tuple[float, float],
    role: Role,
    span: tuple[float, float],
) -> None:
    """A rectangle on the front (1) or rear (-1) side of the box; y in half widths, z in metres."""
    x, half = at * size_m[0] / 2, size_m[1] / 2
    corners: list[Point] = [
        (x, y[0] * half, z[0]),
        (x, y[1] * half, z[0]),
        (x, y[1] * half, z[1]),
        (x, y[0] * half, z[1]),
    ]
    builder.face(corners, role, layer=BODY, outwards=(at, 0, 0), span=span)


def side_pane(
    builder: MeshBuilder,
    corners_xz: Sequence[tuple[float, float]],
    *,
    y: float,
    role: Role,
    span: tuple[float, float],
    layer: int = BODY,
) -> None:
    """A polygon on the left (y > 0) or right side."""
    builder.face([(x, y, z) for x, z in corners_xz], role, layer=layer, outwards=(0, y, 0), span=span)


def pane(
    builder: MeshBuilder,
    quad: Sequence[Point],
    window: Window,
    *,
    role: Role,
    outwards: Point,
    span: tuple[float, float],
    layer: int = CABIN,
) -> None:
    """A part of a four-cornered face (base start, base end, top end, top start)."""
    low_start, low_end, top_end, top_start = (np.array(corner) for corner in quad)
    u0, u1, v0, v1 = window

    def at(u: float, v: float) -> Point:
        low, top = low_start + u * (low_end - low_start), top_start + u * (top_end - top_start)
        x, y, z = low + v * (top - low)
        return (float(x), float(y), float(z))

    builder.face([at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)], role, layer=layer, outwards=outwards, span=span)
