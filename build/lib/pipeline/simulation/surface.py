"""What the ground is made of, from above, at one resolution: an image of material numbers, then of colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.beam import ground_light
from pipeline.simulation.polylines import moved
from pipeline.simulation.recording import Network
from pipeline.simulation.weather import Weather

GRASS, WALK, ASPHALT, KERB, WORN, PATCH = range(6)
_COLOURS: Final = {  # blue, green, red in full light
    GRASS: (52, 112, 92),
    WALK: (150, 158, 164),
    ASPHALT: (88, 88, 90),
    KERB: (186, 190, 192),
    WORN: (76, 76, 78),
    PATCH: (66, 65, 66),
}
_SPREADS: Final = {GRASS: 0.36, WALK: 0.22, ASPHALT: 0.26, KERB: 0.10, WORN: 0.24, PATCH: 0.2}
_PAINT: Final = (226, 230, 232)
_SHADES: Final = 16  # of each material, by its grain
_SHADOW: Final = 128  # added to a material's number where the sun does not reach
_ALIKE: Final = {WORN: ASPHALT, PATCH: ASPHALT}
# By a material's number, one number for each surface and light; asphalt is one surface, whatever its state.
SURFACES: Final = np.array(
    [
        _ALIKE.get(number % _SHADOW // _SHADES, number % _SHADOW // _SHADES) + (number & _SHADOW)
        for number in range(256)
    ],
    dtype=np.uint8,
)
TILE_PX: Final = 512
_KERB_M: Final = 0.16
_TRACK_M: Final = 0.8  # wheels run this far from the middle of a lane


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A rectangle of ground seen from above.

    Attributes:
        low_m: The corner with the smallest x and y; the image's first row is there.
        px_per_m: Resolution.
        size_px: Columns (along x) and rows (along y).
    """

    low_m: Float[np.ndarray, "2"]
    px_per_m: float
    size_px: tuple[int, int]

    def fixed(self, points_m: Float[np.ndarray, "*p 2"]) -> np.ndarray:
        """World points as OpenCV's fixed-point pixels, four bits."""
        return np.rint(((points_m - self.low_m) * self.px_per_m - 0.5) * 16).astype(np.int32)

    def plan_from_world(self) -> Float[np.ndarray, "3 3"]:
        """From (x, y, 1) to pixels, where whole numbers are the pixels' middles."""
        x, y = -self.low_m * self.px_per_m - 0.5
        return np.array([[self.px_per_m, 0.0, x], [0.0, self.px_per_m, y], [0.0, 0.0, 1.0]])


def materials(
    network: Network, *, shadows_m: list[Float[np.ndarray, "_ 2"]], plan: Plan, seed: int
) -> UInt8[np.ndarray, "y x"]:
    """The numbers of ``palette``'s colours, over the plan."""
    rng = np.random.default_rng([seed, 0x6D])
    road = _blank(plan)
    walks = _blank(plan)
    ways = [lane for lane in network.lanes if lane.kind != "walk"]
    for outline in (lane.outline_m for lane in network.lanes if lane.kind == "walk"):
        _fill(walks, outline, plan=plan)
    for outline in network.junctions_m:
        _fill(road, outline, plan=plan)
    road[walks > 0] = 0
    for lane in ways:
        _fill(road, lane.outline_m, plan=plan)
    kind = _blank(plan)
    kind[walks > 0] = WALK
    reach_px = max(round(_KERB_M * plan.px_per_m), 1) if plan.px_per_m > 1.5 else 0
    if reach_px:
        kind[cv2.dilate(road, np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)) > 0] = KERB
    kind[road > 0] = ASPHALT
    if plan.px_per_m > 3.0:
        worn = _blank(plan)
        for lane in ways:
            if lane.kind in ("road", "junction"):
                lines = [plan.fixed(moved(lane.centre_m, left)) for left in (-_TRACK_M, _TRACK_M)]
                cv2.polylines(worn, lines, False, 255, max(round(0.4 * plan.px_per_m), 1), cv2.LINE_8, 4)
        kind[(worn > 0) & (road > 0)] = WORN
        patches = _blank(plan)
        for lane in ways:
            if lane.kind == "road":
                _fill(patches, _patch(lane.centre_m, width_m=lane.width_m, rng=rng), plan=plan)
        kind[(patches > 0) & (road > 0)] = PATCH
    _grain(kind, plan=plan, rng=rng)
    dark = _blank(plan)
    for outline in shadows_m:
        _fill(dark, outline, plan=plan)
    return cv2.bitwise_or(kind, cv2.bitwise_and(dark, _SHADOW))  # type: ignore[call-overload]


def palette(weather: Weather) -> UInt8[np.ndarray, "256 3"]:
    """The colours of materials, shades and shadows in this weather."""
    colours = np.zeros((256, 3))
    lit = ground_light(weather)
    shade = weather.ambient / (weather.ambient + weather.sun * np.sin(weather.sun_height_rad))
    grain = np.linspace(-0.5, 0.5, _SHADES)[:, None]
    for kind, colour in _COLOURS.items():
        own = np.array(colour, dtype=np.float64)
        if weather.wet and kind != GRASS:
            own *= 0.68
        rows = own * (1.0 + _SPREADS[kind] * grain)
        if kind == GRASS:  # dry blades are yellower
            rows += grain * np.array([-6.0, 4.0, 16.0])
        colours[kind * _SHADES : (kind + 1) * _SHADES] = rows * lit
        dark = slice(_SHADOW + kind * _SHADES, _SHADOW + (kind + 1) * _SHADES)
        colours[dark] = rows * lit * shade * np.array([1.06, 0.98, 0.93])  # shadows are lit by the blue sky
    return np.clip(colours, 0, 255).astype(np.uint8)


def paint_colour(weather: Weather) -> tuple[float, float, float]:
    """Of markings in this weather."""
    lit = min(ground_light(weather), 1.05)
    return (_PAINT[0] * lit, _PAINT[1] * lit, _PAINT[2] * lit)


def _grain(kind: UInt8[np.ndarray, "y x"], *, plan: Plan, rng: np.random.Generator) -> None:
    """Turn kinds into kind x 16 + shade, in place: grass in tufts, asphalt in specks, sidewalks in slabs."""
    rows, columns = kind.shape
    fine = rng.normal(size=(TILE_PX, TILE_PX)).astype(np.float32)
    clumps = _clouds(TILE_PX, step_px=max(round(1.6 * plan.px_per_m), 2), rng=rng)
    broad = _clouds(TILE_PX, step_px=64, rng=rng)
    grass = 7.5 + 2.2 * fine + 2.6 * clumps + 1.6 * broad
    asphalt = 7.5 + 2.0 * fine + 1.0 * clumps + 1.8 * broad
    slabs = 9.0 + 1.2 * fine + 1.0 * broad
    if plan.px_per_m > 3.0:
        joint_px = max(round(0.8 * plan.px_per_m), 3)
        slabs[::joint_px, :] -= 6.0
        slabs[:, ::joint_px] -= 6.0
    repeat = (-(-rows // TILE_PX), -(-columns // TILE_PX))
    tiles = {GRASS: grass, WALK: slabs, ASPHALT: asphalt}
    shades = {number: np.clip(tile, 0, 15).astype(np.uint8) for number, tile in tiles.items()}
    out = np.tile(shades[ASPHALT], repeat)[:rows, :columns]
    for number in (GRASS, WALK):
        np.copyto(out, np.tile(shades[number], repeat)[:rows, :columns], where=kind == number)
    kind *= _SHADES
    kind += out


def _clouds(size_px: int, *, step_px: int, rng: np.random.Generator) -> Float[np.ndarray, "y x"]:
    """Smooth noise of deviation about one that repeats without a seam."""
    count = max(size_px // step_px, 2)
    coarse = rng.normal(size=(count, count)).astype(np.float32)
    padded = np.pad(coarse, 2, mode="wrap")
    scale = size_px / count
    big = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    start = round(2 * scale)
    return big[start : start + size_px, start : start + size_px] * 1.3


def _patch(centre_m: Float[np.ndarray, "p 2"], *, width_m: float, rng: np.random.Generator) -> np.ndarray:
    """A mended rectangle somewhere on a lane."""
    at = int(rng.integers(len(centre_m) - 1))
    start_m, end_m = centre_m[at], centre_m[at + 1]
    length_m = max(float(np.linalg.norm(end_m - start_m)), 1e-3)
    along = (end_m - start_m) / length_m
    side = np.array([-along[1], along[0]])
    middle_m = start_m + along * rng.uniform(0, length_m) + side * rng.uniform(-0.6, 0.6)
    half_m, wide_m = rng.uniform(0.6, 3.0), rng.uniform(0.3, 0.35 * width_m)
    return middle_m + np.array(
        [s * along * half_m + t * side * wide_m for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )


def _blank(plan: Plan) -> UInt8[np.ndarray, "y x"]:
    return np.zeros((plan.size_px[1], plan.size_px[0]), dtype=np.uint8)


def _fill(image: UInt8[np.ndarray, "y x"], outline_m: Float[np.ndarray, "p 2"], *, plan: Plan) -> None:
    cv2.fillPoly(image, [plan.fixed(outline_m)], 255, cv2.LINE_8, 4)
