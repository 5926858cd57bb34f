"""From many bodies at their places to flat polygons in the image, in drawing order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from pipeline.simulation.haze import Haze
from pipeline.simulation.mesh import Mesh
from pipeline.simulation.view import NEAR_M, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

Polygon = tuple[np.ndarray, list[float]]
_LEAST_PX: Final = 0.35  # smaller faces are left out


@dataclass(frozen=True, kw_only=True, slots=True)
class Bodies:
    """Bodies to be drawn.

    Attributes:
        meshes: Their shapes.
        places_m: Where their origins stand on the ground.
        headings_rad: Which way their x axes point.
        colours: Blue, green, red of each role in white light.
        shining: Roles that give light themselves.
        light: A gain for each body, from head lights.
    """

    meshes: list[Mesh]
    places_m: Float[np.ndarray, "n 2"]
    headings_rad: Float[np.ndarray, " n"]
    colours: Float[np.ndarray, "n roles 3"]
    shining: Bool[np.ndarray, "n roles"]
    light: Float[np.ndarray, " n"]


def together(first: Bodies, second: Bodies) -> Bodies:
    """All of them, the first ones first."""
    if not second.meshes:
        return first
    return Bodies(
        meshes=first.meshes + second.meshes,
        places_m=np.concatenate([first.places_m, second.places_m]),
        headings_rad=np.concatenate([first.headings_rad, second.headings_rad]),
        colours=np.concatenate([first.colours, second.colours]),
        shining=np.concatenate([first.shining, second.shining]),
        light=np.concatenate([first.light, second.light]),
    )


def polygons_of(bodies: Bodies, *, view: View, haze: Haze, weather: Weather) -> list[list[Polygon]]:
    """The faces of each body that the camera sees, as OpenCV's fixed-point polygons with colours, far ones first."""
    if not bodies.meshes:
        return []
    meshes = bodies.meshes
    num_faces = np.array([len(mesh.roles) for mesh in meshes])
    whose = np.repeat(np.arange(len(meshes)), num_faces)
    num_corners = np.concatenate([mesh.num_corners for mesh in meshes])
    first_corner = np.cumsum(num_corners) - num_corners
    normals = np.concatenate([mesh.normals for mesh in meshes])
    # Which faces look at the camera is seen in the bodies' own frames, before any corner is turned.
    cos, sin = np.cos(bodies.headings_rad), np.sin(bodies.headings_rad)
    offset_m = view.position_m[:2] - bodies.places_m
    along_m = offset_m[:, 0] * cos + offset_m[:, 1] * sin
    left_m = offset_m[:, 1] * cos - offset_m[:, 0] * sin
    eyes_m = np.column_stack([along_m, left_m, np.full(len(meshes), view.position_m[2])])
    heights_m = np.concatenate([mesh.heights_m for mesh in meshes])
    facing = np.flatnonzero(np.einsum("fd,fd->f", normals, eyes_m[whose]) > heights_m)
    whose, num_corners = whose[facing], num_corners[facing]
    if not len(facing):
        return [[] for _ in meshes]

    ends = np.cumsum(num_corners)
    starts = ends - num_corners
    rows = np.arange(ends[-1]) + np.repeat(first_corner[facing] - starts, num_corners)
    owners = np.repeat(whose, num_corners)
    world_m = turned(np.concatenate([mesh.corners_m for mesh in meshes])[rows], heading_rad=bodies.headings_rad[owners])
    world_m[:, :2] += bodies.places_m[owners]
    local_m = view.local(world_m)
    pixels = view.pixels(local_m)
    low_px, high_px = np.minimum.reduceat(pixels, starts), np.maximum.reduceat(pixels, starts)
    least_m, most_m = np.minimum.reduceat(local_m[:, 2], starts), np.maximum.reduceat(local_m[:, 2], starts)
    inside = (high_px > 0.0).all(axis=1) & (low_px < (view.camera.width_px, view.camera.height_px)).all(axis=1)
    shown = np.flatnonzero(inside & ((high_px - low_px).max(axis=1) > _LEAST_PX) & (most_m > NEAR_M))

    layers = np.concatenate([mesh.layers for mesh in meshes])[facing[shown]]
    spans_m = np.concatenate([mesh.spans_m for mesh in meshes])[facing[shown]]
    place_m = along_m[whose[shown]]
    apart_m = np.maximum(np.maximum(spans_m[:, 0] - place_m, place_m - spans_m[:, 1]), 0.0)
    chosen = shown[np.lexsort((-np.round(apart_m, 3), layers, whose[shown]))]
    keep, whose = facing[chosen], whose[chosen]
    roles = np.concatenate([mesh.roles for mesh in meshes])[keep]
    colours = _shaded(
        bodies.colours[whose, roles],
        normals=turned(normals[keep], heading_rad=bodies.headings_rad[whose]),
        shining=bodies.shining[whose, roles],
        light=bodies.light[whose],
        weather=weather,
    )
    colours = haze.over(colours, depths_m=(least_m + most_m)[chosen] / 2)
    colours = np.minimum(np.maximum(colours, 0.0), 255.0).tolist()
    points = fixed_point(pixels)
    found: list[list[Polygon]] = [[] for _ in meshes]
    cut = (least_m[chosen] < NEAR_M).tolist()
    for owner, start, end, colour, is_cut in zip(
        whose.tolist(), starts[chosen].tolist(), ends[chosen].tolist(), colours, cut, strict=True
    ):
        if is_cut:
            found[owner].append((fixed_point(view.pixels(cut_near(local_m[None, start:end])[0])), colour))
        else:
            found[owner].append((points[start:end], colour))
    return found


def turned(vectors: Float[np.ndarray, "v 3"], *, heading_rad: Float[np.ndarray, " v"]) -> Float[np.ndarray, "v 3"]:
    """Vectors of bodies' own frames, turned about the vertical by the bodies' headings."""
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    x, y, z = vectors.T
    return np.column_stack([cos * x - sin * y, sin * x + cos * y, z])


def _shaded(
    colours: Float[np.ndarray, "f 3"],
    *,
    normals: Float[np.ndarray, "f 3"],
    shining: Bool[np.ndarray, " f"],
    light: Float[np.ndarray, " f"],
    weather: Weather,
) -> Float[np.ndarray, "f 3"]:
    """Lambert's law, with more light from above than from below."""
    level = np.cos(weather.sun_height_rad)
    sun = np.array(
        [
            level * np.cos(weather.sun_azimuth_rad),
            level * np.sin(weather.sun_azimuth_rad),
            np.sin(weather.sun_height_rad),
        ]
    )
    flat = ~normals.any(axis=1)
    from_sun = np.where(flat, 0.5, np.maximum(normals @ sun, 0.0))
    gain = (
        weather.ambient * (0.86 + 0.16 * normals[:, 2] + 0.05 * normals[:, 0]) + 1.05 * weather.sun * from_sun + light
    )
    return np.where(shining[:, None], colours, colours * gain[:, None])
