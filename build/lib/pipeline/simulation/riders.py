"""The bodies of those without a cabin: pedestrians, and riders on their bicycles and motorcycles."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pipeline.simulation.detail import Detail
from pipeline.simulation.mesh import MeshBuilder
from pipeline.simulation.roles import Role

Size = tuple[float, float, float]
_STRIDES: Final = (0.0, 0.85, 0.0, -0.85)


def pedestrian(builder: MeshBuilder, size_m: Size, detail: Detail, *, stride: int) -> None:
    """Legs in stride, a torso between arms that reach the box's sides, and a head up to its top."""
    length, width, height = size_m
    swing = _STRIDES[stride % 4] * length / 2
    hip, shoulder = 0.48 * height, 0.83 * height
    if detail == Detail.FAR:
        _far_person(builder, size_m, feet=(0.0, 0.0), seat=(0.0, hip), shoulder=(0.0, shoulder), behind=Role.HELMET)
        return
    for side in (-1.0, 1.0):
        foot = side * swing
        y = side * 0.19 * width
        _limb(builder, (foot, y, 0.0), (0.0, y * 0.9, hip), half=0.085, role=Role.TROUSERS, layer=0)
        builder.box((foot - 0.1, y - 0.05, 0.0), (foot + 0.15, y + 0.05, 0.08), Role.TRIM, layer=0)
        hand = -side * swing * 0.7
        y = side * 0.42 * width
        _limb(builder, (hand, side * (0.5 * width - 0.05), 0.45 * height), (0, y, shoulder), half=0.05, role=Role.CLOTH)
    builder.frustum(
        bottom=(-0.11, 0.11, 0.32 * width, hip - 0.06),
        top=(-0.12, 0.12, 0.42 * width, shoulder),
        roles=(Role.CLOTH,) * 5,
        layer=1,
    )
    _head(builder, x=0.02, top=height, layer=2, cap=Role.HELMET)


def bicycle(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    """Two wheels from end to end of the box, a frame, handlebars as wide as the box, and a rider."""
    length, width, height = size_m
    radius = min(0.34, 0.2 * length)
    for x in (-length / 2 + radius, length / 2 - radius):
        _wheel(builder, x=x, radius=radius, half=0.025, detail=detail)
    hub, front = -length / 2 + radius, length / 2 - radius
    saddle, bar = (-0.16 * length, 0.0, 0.52 * height), (0.27 * length, 0.0, 0.58 * height)
    pedals = (-0.02, 0.0, 0.3)
    bars = [((hub, 0.0, radius), saddle), (saddle, bar), ((front, 0.0, radius), bar)]
    if detail != Detail.FAR:
        bars += [((hub, 0.0, radius), pedals), (saddle, pedals), (pedals, bar)]
    for start, end in bars:
        _limb(builder, start, end, half=0.022, role=Role.PAINT, layer=0)
    x, _, z = bar
    builder.box((x - 0.02, -width / 2, z), (x + 0.03, width / 2, z + 0.05), Role.TRIM, layer=1)
    builder.box((hub - 0.05, -0.04, 0.42 * height), (hub, 0.04, 0.47 * height), Role.BRAKE, layer=1)
    _rider(builder, size_m, seat=saddle, bar=bar, foot_z=0.22, behind=Role.SKIN, detail=detail)


def motorcycle(builder: MeshBuilder, size_m: Size, detail: Detail) -> None:
    """Thick wheels from end to end, a tank and tail with lights, and a rider with a helmet."""
    length, width, height = size_m
    radius = min(0.32, 0.18 * length)
    for x in (-length / 2 + radius, length / 2 - radius):
        _wheel(builder, x=x, radius=radius, half=0.08, detail=detail)
    hull = [(-0.3, 0.26), (0.22, 0.22), (0.33, 0.5), (0.2, 0.62), (-0.2, 0.56), (-0.42, 0.54)]
    builder.prism([(x * length, z * height) for x, z in hull], Role.PAINT, half_m=0.16, layer=1)
    bar = (0.24 * length, 0.0, 0.64 * height)
    builder.box((bar[0] - 0.03, -width / 2, bar[2]), (bar[0] + 0.03, width / 2, bar[2] + 0.06), Role.TRIM, layer=1)
    _limb(builder, (length / 2 - radius, 0.0, radius), bar, half=0.06, role=Role.METAL, layer=1)
    _rider(
        builder,
        size_m,
        seat=(-0.14 * length, 0.0, 0.55 * height),
        bar=bar,
        foot_z=0.3,
        behind=Role.HELMET,
        detail=detail,
    )
    tail, nose = -0.42 * length, 0.33 * length
    _lamp(builder, x=tail, y=(-0.1, 0.1), z=(0.46 * height, 0.55 * height), role=Role.BRAKE)
    _lamp(builder, x=nose, y=(-0.1, 0.1), z=(0.47 * height, 0.6 * height), role=Role.HEAD)
    for y, role in ((0.2, Role.LEFT), (-0.2, Role.RIGHT)):
        for x in (tail, nose):
            _lamp(builder, x=x, y=(y - 0.07, y + 0.07), z=(0.47 * height, 0.56 * height), role=role)


def _rider(
    builder: MeshBuilder,
    size_m: Size,
    *,
    seat: tuple[float, float, float],
    bar: tuple[float, float, float],
    foot_z: float,
    behind: Role,
    detail: Detail,
) -> None:
    _, width, height = size_m
    shoulder = (seat[0] + 0.22, 0.0, 0.83 * height)
    if detail == Detail.FAR:
        feet, lap = (seat[0] + 0.2, foot_z), (seat[0], seat[2])
        _far_person(builder, size_m, feet=feet, seat=lap, shoulder=(shoulder[0], shoulder[2]), behind=behind)
        return
    half = 0.36 * width
    for side in (-1.0, 1.0):
        knee = (seat[0] + 0.36, side * 0.15, 0.5 * (seat[2] + foot_z) + 0.1)
        _limb(builder, (seat[0], side * 0.1, seat[2]), knee, half=0.08, role=Role.TROUSERS)
        _limb(builder, knee, (seat[0] + 0.2, side * 0.15, foot_z), half=0.07, role=Role.TROUSERS)
        hand = (bar[0], side * 0.42 * width, bar[2] + 0.05)
        _limb(builder, (shoulder[0], side * half, shoulder[2] - 0.06), hand, half=0.05, role=Role.CLOTH)
    builder.frustum(
        bottom=(seat[0] - 0.12, seat[0] + 0.12, 0.24 * width, seat[2]),
        top=(shoulder[0] - 0.14, shoulder[0] + 0.08, half, shoulder[2]),
        roles=(Role.CLOTH,) * 5,
        layer=2,
    )
    _head(builder, x=shoulder[0] + 0.07, top=height, layer=3, cap=Role.HELMET, behind=behind)


def _far_person(
    builder: MeshBuilder,
    size_m: Size,
    *,
    feet: tuple[float, float],
    seat: tuple[float, float],
    shoulder: tuple[float, float],
    behind: Role,
) -> None:
    """Legs, a torso as wide as the arms, and a head; each place is x, z."""
    _, width, height = size_m
    parts = (
        (feet, seat, (0.26 * width, 0.3 * width), (Role.TROUSERS,) * 5),
        (seat, shoulder, (0.42 * width, 0.46 * width), (Role.CLOTH,) * 5),
        (shoulder, (shoulder[0] + 0.05, height), (0.1, 0.1), (behind, Role.SKIN, behind, behind, Role.HELMET)),
    )
    for layer, ((low_x, low_z), (top_x, top_z), (low_half, top_half), roles) in enumerate(parts, start=1):
        bottom, top = (low_x - 0.12, low_x + 0.12, low_half, low_z), (top_x - 0.12, top_x + 0.12, top_half, top_z)
        builder.frustum(bottom=bottom, top=top, roles=roles, layer=layer)


def _head(builder: MeshBuilder, *, x: float, top: float, layer: int, cap: Role, behind: Role = Role.SKIN) -> None:
    """A head under hair or a helmet, which may cover it all but the face."""
    low = top - 0.27
    face = (behind, Role.SKIN, behind, behind, behind)
    middle = (x - 0.1, x + 0.1, 0.09, low + 0.15)
    builder.frustum(bottom=(x - 0.06, x + 0.08, 0.06, low), top=middle, roles=face, layer=layer)
    crown = (x - 0.07, x + 0.05, 0.06, top)
    builder.frustum(bottom=(x - 0.115, x + 0.085, 0.095, low + 0.13), top=crown, roles=(cap,) * 5, layer=layer + 1)


def _wheel(builder: MeshBuilder, *, x: float, radius: float, half: float, detail: Detail) -> None:
    if detail == Detail.FAR:
        builder.box((x - 0.92 * radius, -half, 0.0), (x + 0.92 * radius, half, 1.9 * radius), Role.TYRE, layer=0)
        return
    sides = 10 if detail == Detail.FINE else 6
    angles = np.arange(sides) * (2 * np.pi / sides) + np.pi / sides
    stretch = 1.0 / np.cos(np.pi / sides)  # flat sides touch the ground and the box's ends
    rim = [(x + radius * stretch * float(np.cos(a)), radius + radius * stretch * float(np.sin(a))) for a in angles]
    rim = [(min(max(px, x - radius), x + radius), min(max(pz, 0.0), 2 * radius)) for px, pz in rim]
    builder.prism(rim, Role.TYRE, half_m=half, layer=0)
    if detail == Detail.FINE:
        for side in (-1.0, 1.0):
            rim = (x, side * half, radius)
            span = (x - radius, x + radius)
            builder.disc(rim, radius * 0.72, Role.RIM, layer=0, normal=(0.0, side, 0.0), span=span)


def _limb(
    builder: MeshBuilder,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    *,
    half: float,
    role: Role,
    layer: int = 1,
) -> None:
    """A straight bar between two points, as two crossed plates that are seen from everywhere."""
    for aside in ((half, 0.0, 0.0), (0.0, half, 0.0), (0.0, 0.0, half)):
        x, y, z = aside
        along = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
        # The plate is as wide as the bar is seen from its side, unless it runs along the bar.
        onto = (along[0] * x + along[1] * y + along[2] * z) / half
        if math.hypot(*along) ** 2 - onto**2 < 0.25 * math.hypot(*along) ** 2:
            continue
        corners = [
            (px + sign * x, py + sign * y, pz + sign * z)
            for (px, py, pz), sign in ((start, -1.0), (start, 1.0), (end, 1.0), (end, -1.0))
        ]
        builder.face([(px, py, max(pz, 0.0)) for px, py, pz in corners], role, layer=layer)


def _lamp(builder: MeshBuilder, *, x: float, y: tuple[float, float], z: tuple[float, float], role: Role) -> None:
    out = (1.0 if x > 0 else -1.0, 0.0, 0.0)
    corners = [(x, y[0], z[0]), (x, y[1], z[0]), (x, y[1], z[1]), (x, y[0], z[1])]
    builder.face(corners, role, layer=4, outwards=out)
