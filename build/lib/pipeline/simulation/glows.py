"""The glow around lamps, and their mirror image on a wet road."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.simulation.faces import Bodies, turned
from pipeline.simulation.haze import Haze
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
    found: list[list[Glow]] = [[] for _ in bodies.meshes]
    lit = np.flatnonzero(bodies.shining.any(axis=1))
    if not len(lit):
        return found
    lamps = [bodies.meshes[index].lamps for index in lit]
    whose = np.repeat(lit, [len(part.roles) for part in lamps])
    roles = np.concatenate([part.roles for part in lamps])
    on = bodies.shining[whose, roles]
    whose, roles = whose[on], roles[on]
    heading_rad = bodies.headings_rad[whose]
    places_m = np.column_stack([bodies.places_m[whose], np.zeros(len(whose))])
    world_m = places_m + turned(np.concatenate([part.middles_m for part in lamps])[on], heading_rad=heading_rad)
    normals = turned(np.concatenate([part.normals for part in lamps])[on], heading_rad=heading_rad)
    away_m = view.position_m - world_m
    facing = np.sum(normals * away_m, axis=1) / np.linalg.norm(away_m, axis=1)
    local_m = view.local(world_m)
    depth_m = local_m[:, 2]
    spread = 2.6 if weather.lamps else 1.3
    radii_m = np.concatenate([part.radii_m for part in lamps])[on]
    radii_px = np.minimum(spread * radii_m * view.camera.fx_px / np.maximum(depth_m, 1.0), _MOST_PX)
    kept = np.flatnonzero((facing > 0.15) & (depth_m > 1.0) & (radii_px > _LEAST_PX))
    strength = (0.75 if weather.lamps else 0.5) * facing[kept] * np.exp(-0.6 * depth_m[kept] / haze.reach_m)
    # In steps, so that few different sprites are made.
    colours = (np.round(strength * 12)[:, None] / 12 * bodies.colours[whose[kept], roles[kept]]).astype(int)
    mirrored_px = view.pixels(view.local(world_m[kept] * np.array([1.0, 1.0, -1.0])))
    for row, pixel, mirrored, colour in zip(
        kept.tolist(), view.pixels(local_m[kept]).tolist(), mirrored_px.tolist(), colours.tolist(), strict=True
    ):
        radius_px, (blue, green, red) = float(radii_px[row]), colour
        glows = found[int(whose[row])]
        if weather.wet:
            dim = (blue // 2, green // 2, red // 2)
            radii = (0.7 * radius_px, 2.5 * radius_px)
            glows.append(Glow(middle_px=(mirrored[0], mirrored[1]), radii_px=radii, colour=dim))
        glows.append(Glow(middle_px=(pixel[0], pixel[1]), radii_px=(radius_px, radius_px), colour=(blue, green, red)))
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
