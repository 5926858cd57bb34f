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


def polygons_of(bodies: Bodies, *, view: View, haze: Haze, weather: Weather) -> list[list[Polygon]]:
    """The faces of each body that the camera sees, as OpenCV's fixed-point polygons with colours, far ones first."""
    if not bodies.meshes:
        return []
    meshes = bodies.meshes
    num_corners = np.array([len(mesh.corners_m) for mesh in meshes])
    num_faces = np.array([len(mesh.faces) for mesh in meshes])
    whose_corner = np.repeat(np.arange(len(meshes)), num_corners)
    whose = np.repeat(np.arange(len(meshes)), num_faces)
    cos, sin = np.cos(bodies.headings_rad), np.sin(bodies.headings_rad)
    own_m = np.concatenate([mesh.corners_m for mesh in meshes])
    world_m = turned(own_m, heading_rad=bodies.headings_rad[whose_corner])
    world_m[:, :2] += bodies.places_m[whose_corner]
    local_m = view.local(world_m)
    pixels = view.pixels(local_m)

    first_corner = np.concatenate([[0], np.cumsum(num_corners)[:-1]])
    faces = np.concatenate([mesh.faces for mesh in meshes]) + np.repeat(first_corner, num_faces)[:, None]
    normals = turned(np.concatenate([mesh.normals for mesh in meshes]), heading_rad=bodies.headings_rad[whose])
    roles = np.concatenate([mesh.roles for mesh in meshes])
    facing = np.einsum("fd,fd->f", normals, view.position_m - world_m[faces[:, 0]])
    turned_here = np.flatnonzero((facing > 0.0) | ~normals.any(axis=1))
    # Corners first, faces second: numpy reduces over a long last axis much faster than over a short one.
    corners = faces[turned_here].T
    u, v, depth_m = pixels[:, 0][corners], pixels[:, 1][corners], local_m[:, 2][corners]
    left, right, top, bottom = u.min(axis=0), u.max(axis=0), v.min(axis=0), v.max(axis=0)
    least_m, most_m = depth_m.min(axis=0), depth_m.max(axis=0)
    inside = (right > 0) & (left < view.camera.width_px) & (bottom > 0) & (top < view.camera.height_px)
    big = np.maximum(right - left, bottom - top) > _LEAST_PX
    shown = inside & big & (most_m > NEAR_M)
    keep = turned_here[shown]

    colours = _shaded(
        bodies.colours[whose[keep], roles[keep]],
        normals=normals[keep],
        shining=bodies.shining[whose[keep], roles[keep]],
        light=bodies.light[whose[keep]],
        weather=weather,
    )
    colours = haze.over(colours, depths_m=(least_m + most_m)[shown] / 2)
    np.clip(colours, 0.0, 255.0, out=colours)
    spans_m = np.concatenate([mesh.spans_m for mesh in meshes])[keep]
    layers = np.concatenate([mesh.layers for mesh in meshes])[keep]
    offset_m = view.position_m[:2] - bodies.places_m
    along_m = (offset_m[:, 0] * cos + offset_m[:, 1] * sin)[whose[keep]]
    apart_m = np.maximum(np.maximum(spans_m[:, 0] - along_m, along_m - spans_m[:, 1]), 0.0)
    order = np.lexsort((-np.round(apart_m, 3), layers, whose[keep]))

    chosen = keep[order]
    points = fixed_point(pixels)[faces[chosen]]
    counts = np.concatenate([mesh.num_corners for mesh in meshes])[chosen]
    cut = (least_m[shown] < NEAR_M)[order]
    found: list[list[Polygon]] = [[] for _ in meshes]
    rows = zip(whose[chosen].tolist(), counts.tolist(), colours[order].tolist(), cut.tolist(), strict=True)
    for row, (owner, count, colour, is_cut) in enumerate(rows):
        if is_cut:
            corners_m = local_m[faces[chosen[row], :count]]
            found[owner].append((fixed_point(view.pixels(cut_near(corners_m[None])[0])), colour))
        else:
            found[owner].append((points[row, :count], colour))
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
