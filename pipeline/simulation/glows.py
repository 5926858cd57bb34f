"""The glow around lamps, and their mirror image on a wet road."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.simulation.faces import Bodies
from pipeline.simulation.haze import Haze
from pipeline.simulation.mesh import Mesh
from pipeline.simulation.palettes import LIGHTS
from pipeline.simulation.view import View
from pipeline.simulation.weather import Weather

_SPRITE_PX: Final = 64
_MOST_PX: Final = 90.0
_LEAST_PX: Final = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Glow:
    """A soft round light in the image."""

    middle_px: tuple[float, float]
    radii_px: tuple[float, float]
    colour: tuple[int, int, int]


def glows_of(bodies: Bodies, *, view: View, haze: Haze, weather: Weather) -> list[list[Glow]]:
    """The glows of each body's shining lamps that face the camera."""
    found: list[list[Glow]] = []
    for index, mesh in enumerate(bodies.meshes):
        shining = bodies.shining[index]
        found.append([])
        if not shining.any():
            continue
        middles_m, normals, roles, sizes_m = _lamps(mesh)
        on = np.flatnonzero(shining[roles])
        if not len(on):
            continue
        cos, sin = np.cos(bodies.headings_rad[index]), np.sin(bodies.headings_rad[index])
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        world_m = middles_m[on] @ turn + np.array([*bodies.places_m[index], 0.0])
        away_m = view.position_m - world_m
        facing = np.sum(normals[on] @ turn * away_m, axis=1) / np.linalg.norm(away_m, axis=1)
        local_m = view.local(world_m)
        pixels = view.pixels(local_m)
        for lamp, face, depth_m, middle in zip(on, facing, local_m[:, 2], pixels, strict=True):
            if face < 0.15 or depth_m < 1.0:
                continue
            spread = 2.6 if weather.lamps else 1.3
            radius_px = min(spread * sizes_m[lamp] * view.camera.fx_px / depth_m, _MOST_PX)
            strength = (0.75 if weather.lamps else 0.5) * float(face) * (1.0 - 0.6 * haze.share(float(depth_m)))
            if radius_px < _LEAST_PX:
                continue
            blue, green, red = bodies.colours[index, roles[lamp]] * strength
            colour = (int(blue), int(green), int(red))
            found[-1].append(
                Glow(middle_px=(float(middle[0]), float(middle[1])), radii_px=(radius_px,) * 2, colour=colour)
            )
            if weather.wet:
                foot = view.pixels(view.local(world_m[list(on).index(lamp)] * np.array([1.0, 1.0, -1.0])))
                dim = (colour[0] // 2, colour[1] // 2, colour[2] // 2)
                found[-1].append(
                    Glow(
                        middle_px=(float(foot[0]), float(foot[1])),
                        radii_px=(radius_px * 0.7, radius_px * 2.5),
                        colour=dim,
                    )
                )
    return found


def draw_glow(image: UInt8[np.ndarray, "y x 3"], glow: Glow) -> None:
    """Add one glow to the image."""
    (u, v), (wide, tall) = glow.middle_px, glow.radii_px
    left, top, right, bottom = round(u - wide), round(v - tall), round(u + wide), round(v + tall)
    shown = (max(left, 0), max(top, 0), min(right, image.shape[1]), min(bottom, image.shape[0]))
    if shown[0] >= shown[2] or shown[1] >= shown[3]:
        return
    sprite = cv2.resize(_sprite(glow.colour), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    part = sprite[shown[1] - top : shown[3] - top, shown[0] - left : shown[2] - left]
    region = image[shown[1] : shown[3], shown[0] : shown[2]]
    cv2.add(region, part, dst=region)


@lru_cache(maxsize=4096)
def _sprite(colour: tuple[int, int, int]) -> UInt8[np.ndarray, "y x 3"]:
    line = np.linspace(-1.0, 1.0, _SPRITE_PX)
    square = line[:, None] ** 2 + line[None, :] ** 2
    light = np.clip(np.exp(-square / 0.16) - np.exp(-1 / 0.16), 0.0, 1.0)
    return (light[..., None] * np.array(colour)).astype(np.uint8)


def _lamps(mesh: Mesh) -> tuple[np.ndarray, ...]:
    """Middles, normals, roles and half widths of a mesh's lights."""
    chosen = np.flatnonzero(LIGHTS[mesh.roles] & mesh.normals.any(axis=1))
    corners_m = mesh.corners_m[mesh.faces[chosen]]
    sizes_m = np.ptp(corners_m, axis=1).max(axis=1) / 2 if len(chosen) else np.zeros(0)
    return (corners_m.min(axis=1) + corners_m.max(axis=1)) / 2, mesh.normals[chosen], mesh.roles[chosen], sizes_m
