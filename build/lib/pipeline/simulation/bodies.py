"""The bodies of vehicles: meshes that fill their box, from bumper to bumper and up to the roof."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.simulation.detail import Detail
from pipeline.simulation.fittings import (
    BODY,
    CABIN,
    UNDER,
    Size,
    Window,
    end_pane,
    lights,
    pane,
    side_pane,
    wheels,
)
from pipeline.simulation.mesh import Mesh, MeshBuilder, Point
from pipeline.simulation.riders import bicycle, motorcycle, pedestrian
from pipeline.simulation.roles import Role


def body(category: str, *, size_m: Size, detail: Detail, stride: int) -> Mesh:
    """The mesh of a category, reaching the sides of its box.

    Args:
        category: A word of the neutral layout; one without a body of its own is drawn as a car.
        size_m: Length, width, height of the box.
        detail: For bodies far away less of it; main lights are always there.
        stride: Of a pedestrian's legs, 0 to 3.
    """
    return _body(
        category, size_m, detail=detail, stride=stride if category == "pedestrian" and detail != Detail.FAR else 0
    )


@lru_cache(maxsize=512)
def _body(category: str, size_m: Size, *, detail: Detail, stride: int) -> Mesh:
    builder = MeshBuilder()
    if category == "pedestrian":
        pedestrian(builder, size_m, detail, stride=stride)
    else:
        _BUILDERS.get(category, _car)(builder, size_m, detail)
    return builder.build()


def _car(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    length, width, height = size_m
    half = width / 2
    wheels(builder, size_m, radius=0.32, places=(-0.30, 0.31), detail=detail)
    profile = [(-0.5, 0.2), (0.5, 0.2), (0.5, 0.4 * height), (0.46, 0.48 * height), (0.2, 0.60 * height)]
    profile += [(-0.46, 0.63 * height), (-0.5, 0.55 * height)]
    hull = [(x * length, z) for x, z in profile]
    builder.prism(hull, Role.PAINT, half_m=half, layer=BODY)
    span = (-0.5 * length, 0.5 * length)
    if detail == Detail.FINE:
        end_pane(builder, size_m, at=-1, y=(-1, 1), z=(0.2, 0.2 + 0.09 * height), role=Role.TRIM, span=span)
        end_pane(builder, size_m, at=1, y=(-1, 1), z=(0.2, 0.2 + 0.08 * height), role=Role.TRIM, span=span)
        end_pane(builder, size_m, at=1, y=(-0.45, 0.45), z=(0.27 * height, 0.38 * height), role=Role.TRIM, span=span)
        end_pane(builder, size_m, at=-1, y=(-0.27, 0.27), z=(0.33 * height, 0.41 * height), role=Role.PLATE, span=span)
        for side in (-1.0, 1.0):
            sill = [(-0.5 * length, 0.2), (0.5 * length, 0.2), (0.5 * length, 0.3), (-0.5 * length, 0.3)]
            side_pane(builder, sill, y=side * half, role=Role.TRIM, span=span)
    lights(builder, size_m, z=(0.36, 0.52), low=(0.27, 0.36), span=span, wide=0.42, detail=detail)
    _cabin(
        builder,
        bottom=(-0.44 * length, 0.235 * length, 0.475 * width, 0.59 * height),
        top=(-0.29 * length, 0.04 * length, 0.395 * width, height),
        detail=detail,
    )
    if detail == Detail.FINE:
        for side in (-1.0, 1.0):  # mirrors, within the box
            low = (0.13 * length, min(side * 0.44 * width, side * half), 0.60 * height)
            high = (0.16 * length, max(side * 0.44 * width, side * half), 0.69 * height)
            builder.box(low, high, Role.PAINT, layer=BODY)  # before the cabin, which hides the far one


def _cabin(builder: MeshBuilder, *, bottom: Window, top: Window, detail: Detail) -> None:
    span = (min(bottom[0], top[0]), max(bottom[1], top[1]))
    if detail != Detail.FINE:
        roles = (Role.GLASS, Role.GLASS, Role.GLASS, Role.GLASS, Role.PAINT)
        builder.frustum(bottom=bottom, top=top, roles=roles, layer=CABIN)
        return
    builder.frustum(bottom=bottom, top=top, roles=(Role.PAINT,) * 5, layer=CABIN)
    for x_at, direction in ((0, -1.0), (1, 1.0)):
        quad = [(bottom[x_at], -bottom[2], bottom[3]), (bottom[x_at], bottom[2], bottom[3])]
        quad += [(top[x_at], top[2], top[3]), (top[x_at], -top[2], top[3])]
        pane(builder, quad, (0.06, 0.94, 0.06, 0.9), role=Role.GLASS, outwards=(direction, 0, 0.3), span=span)
    for side in (-1.0, 1.0):
        quad = [(bottom[0], side * bottom[2], bottom[3]), (bottom[1], side * bottom[2], bottom[3])]
        quad += [(top[1], side * top[2], top[3]), (top[0], side * top[2], top[3])]
        for window in ((0.09, 0.47, 0.1, 0.88), (0.51, 0.93, 0.1, 0.88)):
            pane(builder, quad, window, role=Role.GLASS, outwards=(0, side, 0), span=span)


def _van(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    length, width, height = size_m
    half = width / 2
    wheels(builder, size_m, radius=0.35, places=(-0.30, 0.33), detail=detail)
    profile = [(-0.5, 0.22), (0.5, 0.22), (0.5, 0.42 * height), (0.43, 0.54 * height), (0.28, 0.96 * height)]
    profile += [(0.23, height), (-0.5, height)]
    builder.prism([(x * length, z) for x, z in profile], Role.PAINT, half_m=half, layer=BODY)
    span = (-0.5 * length, 0.5 * length)
    screen: list[Point] = [(0.43 * length, y, 0.54 * height) for y in (-half, half)]
    screen += [(0.28 * length, y, 0.96 * height) for y in (half, -half)]
    pane(builder, screen, (0.07, 0.93, 0.05, 0.93), role=Role.GLASS, outwards=(1, 0, 0.5), span=span, layer=BODY)
    for side in (-1.0, 1.0):
        window = [(0.16, 0.55), (0.40, 0.55), (0.28, 0.88), (0.16, 0.88)]
        side_pane(builder, [(x * length, z * height) for x, z in window], y=side * half, role=Role.GLASS, span=span)
    for y in ((-0.9, -0.04), (0.04, 0.9)):
        end_pane(builder, size_m, at=-1, y=y, z=(0.58 * height, 0.9 * height), role=Role.GLASS, span=span)
    if detail == Detail.FINE:
        end_pane(builder, size_m, at=-1, y=(-1, 1), z=(0.22, 0.36), role=Role.TRIM, span=span)
        end_pane(builder, size_m, at=-1, y=(-0.25, 0.25), z=(0.42, 0.54), role=Role.PLATE, span=span)
        end_pane(builder, size_m, at=1, y=(-0.9, 0.9), z=(0.22, 0.4), role=Role.TRIM, span=span)
        end_pane(builder, size_m, at=1, y=(-0.5, 0.5), z=(0.48, 0.68), role=Role.TRIM, span=span)
    lights(builder, size_m, z=(0.34, 0.5), low=(0.24, 0.34), span=span, wide=0.3, detail=detail)


def _truck(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    length, width, height = size_m
    half = width / 2
    split = length / 2 - min(1.9, 0.3 * length)
    wheels(builder, size_m, radius=0.48, places=(-0.33, 0.5 - 1.15 / length), detail=detail)
    chassis = (-length / 2, split)
    builder.box((-length / 2, -0.48 * width, 0.35), (split, 0.48 * width, 0.95), Role.TRIM, layer=UNDER, span=chassis)
    builder.box((-length / 2, -half, 0.9), (split - 0.12, half, height), Role.CARGO, layer=BODY)
    cargo = (-length / 2, split - 0.12)
    tall = min(height, 2.9)
    profile = [(split, 0.35), (length / 2, 0.35), (length / 2, 0.5 * tall), (length / 2 - 0.12, 0.86 * tall)]
    profile += [(split + 0.5 * (length / 2 - split), height), (split, height)]
    builder.prism(profile, Role.PAINT, half_m=half, layer=BODY)
    cab = (split, length / 2)
    screen: list[Point] = [(length / 2, y, 0.5 * tall) for y in (-half, half)]
    screen += [(length / 2 - 0.12, y, 0.86 * tall) for y in (half, -half)]
    pane(builder, screen, (0.05, 0.95, 0.05, 0.95), role=Role.GLASS, outwards=(1, 0, 0), span=cab, layer=BODY)
    for side in (-1.0, 1.0):
        window = [(split + 0.45, 0.52), (length / 2 - 0.1, 0.52), (length / 2 - 0.18, 0.82), (split + 0.45, 0.82)]
        side_pane(builder, [(x, z * tall) for x, z in window], y=side * half, role=Role.GLASS, span=cab)
    end_pane(builder, size_m, at=-1, y=(-1, 1), z=(0.42, 0.9), role=Role.TRIM, span=cargo)
    if detail == Detail.FINE:
        for y in ((-0.93, -0.02), (0.02, 0.93)):
            z = (1.02, height - 0.12)
            end_pane(builder, size_m, at=-1, y=y, z=z, role=Role.RIM, span=cargo)
        end_pane(builder, size_m, at=-1, y=(-0.22, 0.22), z=(0.5, 0.62), role=Role.PLATE, span=cargo)
        end_pane(builder, size_m, at=1, y=(-1, 1), z=(0.35, 0.55), role=Role.TRIM, span=cab)
        end_pane(builder, size_m, at=1, y=(-0.6, 0.6), z=(0.8, 1.15), role=Role.TRIM, span=cab)
    lights(
        builder,
        size_m,
        z=(0.58 / height, 0.84 / height),
        low=(0.42 / height, 0.57 / height),
        span=None,
        wide=0.36,
        detail=detail,
    )


def _bus(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    length, width, height = size_m
    half = width / 2
    wheels(builder, size_m, radius=0.48, places=(-0.24, 0.5 - 2.7 / length), detail=detail)
    ends = (-length / 2, length / 2)
    profile = [(ends[0], 0.25), (ends[1], 0.25), (ends[1], 0.82 * height), (ends[1] - 0.12, height), (ends[0], height)]
    builder.prism(profile, Role.PAINT, half_m=half, layer=BODY)
    end_pane(builder, size_m, at=1, y=(-0.94, 0.94), z=(0.36 * height, 0.8 * height), role=Role.GLASS, span=ends)
    end_pane(builder, size_m, at=1, y=(-0.6, 0.6), z=(0.83 * height, 0.92 * height), role=Role.TRIM, span=ends)
    end_pane(builder, size_m, at=-1, y=(-0.8, 0.8), z=(0.56 * height, 0.86 * height), role=Role.GLASS, span=ends)
    count = max(int(length / 1.6), 2) if detail == Detail.FINE else 1
    cuts = np.linspace(ends[0] + 0.3, ends[1] - 0.25, count + 1)
    gap = 0.05 if detail == Detail.FINE else 0.0
    for side in (-1.0, 1.0):
        for start, end in pairwise(cuts.tolist()):
            door = detail == Detail.FINE and side < 0 and (end > cuts[-2] or abs(start + end) < 1.6)
            low = 0.3 if door else 0.40 * height
            window = [(start + gap, low), (end - gap, low), (end - gap, 0.84 * height), (start + gap, 0.84 * height)]
            side_pane(builder, window, y=side * half, role=Role.GLASS, span=ends)
    if detail == Detail.FINE:
        end_pane(builder, size_m, at=-1, y=(-1, 1), z=(0.25, 0.5), role=Role.TRIM, span=ends)
        end_pane(builder, size_m, at=1, y=(-1, 1), z=(0.25, 0.45), role=Role.TRIM, span=ends)
        end_pane(builder, size_m, at=-1, y=(-0.2, 0.2), z=(0.6, 0.72), role=Role.PLATE, span=ends)
    lights(builder, size_m, z=(0.25, 0.36), low=(0.17, 0.25), span=ends, wide=0.26, detail=detail)


_BUILDERS: Final[dict[str, Callable[[MeshBuilder, Size, Detail], None]]] = {
    "car": _car,
    "van": _van,
    "truck": _truck,
    "bus": _bus,
    "motorcycle": motorcycle,
    "bicycle": bicycle,
}
