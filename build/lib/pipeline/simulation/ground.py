"""The flat ground as a camera sees it: warped from views from above, coarser the further away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.simulation.markings import kerbs_m, markings_m
from pipeline.simulation.recording import Network
from pipeline.simulation.surface import KERB, SURFACES, TILE_PX, Plan, materials, paint_colour, palette
from pipeline.simulation.view import NEAR_M, SHIFT, View, cut_near, fixed_point
from pipeline.simulation.weather import Weather

# Up to which depth a level is used, its pixels per metre, its reach around the ego's path, rows drawn per image row.
# Far rows see many metres of road each: drawing several and averaging them keeps dashes from flickering.
_LEVELS: Final = ((24.0, 10.0, 40.0, 1), (60.0, 5.0, 85.0, 3), (140.0, 2.5, 190.0, 5), (1500.0, 1.0, 420.0, 6))
_MOTORWAY: Final = 0.5  # of the pixels per metre: long paths
_MOST_PX: Final = 40_000_000  # of one level: memory for drives of minutes, more than drives of 40 s ever need
_FAR_M: Final = 1500.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    plan: Plan
    image: UInt8[np.ndarray, "y x 4"]
    most_depth_m: float
    num_rows: int


class Ground:
    """The ground around one path."""

    def __init__(
        self,
        network: Network,
        *,
        path_m: Float[np.ndarray, "p 2"],
        motorway: bool,
        shadows_m: list[Float[np.ndarray, "_ 2"]],
        weather: Weather,
        seed: int,
    ) -> None:
        self._markings_m = markings_m(network)
        self._paint = paint_colour(weather)
        colours = palette(weather)
        stones = tuple(float(value) for value in colours[KERB * 16 + 12])
        # Drawn in every frame, with sharp edges, near the camera: the kerbs' stones, then the paint.
        sharp = (kerbs_m(network), self._markings_m)
        self._sharp_m = np.concatenate(sharp)
        self._is_paint = np.repeat([False, True], [len(quads_m) for quads_m in sharp])
        self._stones = stones
        self._grass = tuple(float(value) for value in colours[7])
        levels: list[_Level] = []
        for most_depth_m, px_per_m, reach_m, num_rows in _LEVELS:
            plan = _plan(path_m, px_per_m=px_per_m * (_MOTORWAY if motorway else 1.0), reach_m=reach_m)
            numbers = materials(network, shadows_m=shadows_m, plan=plan, seed=seed)
            image = _coloured(numbers, colours=colours)
            if levels:  # not on the nearest, whose paint is drawn in every frame
                self._paint_on(image, plan=plan)
            # Four bytes a pixel are warped twice as fast as three.
            image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
            levels.append(_Level(plan=plan, image=image, most_depth_m=most_depth_m, num_rows=num_rows))
        self._levels = tuple(levels)

    def _paint_on(self, image: UInt8[np.ndarray, "y x 3"], *, plan: Plan) -> None:
        """The markings; thin ones fainter where a pixel is wider than they are."""
        thin = np.minimum(
            np.linalg.norm(self._markings_m[:, 0] - self._markings_m[:, 3], axis=1),
            np.linalg.norm(self._markings_m[:, 0] - self._markings_m[:, 1], axis=1),
        )
        for wide, strength in (
            (False, min(0.16 * plan.px_per_m + 0.1, 0.9)),
            (True, min(0.3 * plan.px_per_m + 0.1, 0.95)),
        ):
            chosen = self._markings_m[(thin > 0.3) == wide]
            if len(chosen):
                mask = np.zeros(image.shape[:2], dtype=np.uint8)
                cv2.fillPoly(mask, list(plan.fixed(chosen)), 255, cv2.LINE_8, 4)
                there = mask > 0
                image[there] = (image[there] * (1 - strength) + np.array(self._paint) * strength).astype(np.uint8)

    def draw(self, image: UInt8[np.ndarray, "y x 3"], *, view: View) -> None:
        """Draw the ground into the rows below the horizon."""
        num_rows = image.shape[0]
        depth_scale = view.camera.fy_px * max(float(view.position_m[2]), 0.1)
        horizon = view.horizon_px()
        start = min(max(int(np.ceil(horizon + depth_scale / _FAR_M)), 0), num_rows)
        world_from_image = np.linalg.inv(view.image_from_ground())
        nearer_m = (0.0, *(level.most_depth_m for level in self._levels[:-1]))
        for level, least_depth_m in zip(reversed(self._levels), reversed(nearer_m), strict=True):
            end = num_rows
            if least_depth_m > 0.0:
                end = min(max(int(np.ceil(horizon + depth_scale / least_depth_m)), start), num_rows)
            if end > start:
                band = image[start:end]
                self._warp(band, level=level, first_row=start, world_from_image=world_from_image)
                if least_depth_m == 0.0:
                    self._draw_sharp(band, first_row=start, view=view)
            start = end

    def _warp(
        self, band: UInt8[np.ndarray, "y x 3"], *, level: _Level, first_row: int, world_from_image: np.ndarray
    ) -> None:
        rows, columns = band.shape[:2]
        many = level.num_rows
        image_from_band = np.array([[1.0, 0.0, 0.5], [0.0, 1.0 / many, first_row + 0.5 / many], [0.0, 0.0, 1.0]])
        matrix = level.plan.plan_from_world() @ world_from_image @ image_from_band
        size = (columns, rows * many)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        wide = cv2.warpPerspective(
            level.image, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=self._grass
        )
        if many > 1:  # means of ``many`` rows each; several times faster than INTER_AREA
            wide = cv2.blur(wide, (1, many))[many // 2 :: many]
        cv2.cvtColor(wide, cv2.COLOR_BGRA2BGR, dst=band)

    def _draw_sharp(self, band: UInt8[np.ndarray, "y x 3"], *, first_row: int, view: View) -> None:
        most_m = self._levels[0].most_depth_m
        reach_m = most_m * 1.5 + 4.0
        offset_m = self._sharp_m[:, 0] - view.position_m[:2]
        near = np.flatnonzero(offset_m[:, 0] ** 2 + offset_m[:, 1] ** 2 < reach_m**2)
        local_m = view.local_ground(self._sharp_m[near])
        depth_m = local_m[..., 2]
        least_m, right_m = depth_m.min(axis=1), local_m[..., 0]
        wide = view.camera.width_px / view.camera.fx_px  # more than half the image, wherever its middle is
        aside = (np.abs(right_m) - wide * depth_m).min(axis=1) > 1.0
        shown = (depth_m.max(axis=1) > NEAR_M) & (least_m < 1.1 * most_m) & ~aside
        whole, cut = np.flatnonzero(shown & (least_m >= NEAR_M)), np.flatnonzero(shown & (least_m < NEAR_M))
        polygons: list[np.ndarray] = []
        for points_m in (local_m[whole], cut_near(local_m[cut])):
            pixels = view.pixels(points_m)
            pixels[..., 1] -= first_row
            polygons += list(fixed_point(pixels))
        is_paint = self._is_paint[near[np.concatenate([whole, cut])]].tolist()
        for paint, colour in ((False, self._stones), (True, self._paint)):
            chosen = [polygon for polygon, painted in zip(polygons, is_paint, strict=True) if painted == paint]
            if chosen:
                cv2.fillPoly(band, chosen, colour, cv2.LINE_AA, SHIFT)


def _coloured(numbers: UInt8[np.ndarray, "y x"], *, colours: UInt8[np.ndarray, "256 3"]) -> UInt8[np.ndarray, "y x 3"]:
    """The colours of materials, softened where two of them meet, so that kerbs near the camera show no steps."""
    image = cv2.LUT(cv2.merge([numbers] * 3), colours[None])
    edges = cv2.morphologyEx(cv2.LUT(numbers, SURFACES), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    cv2.copyTo(cv2.blur(image, (3, 3)), edges, image)
    return image


def _plan(path_m: Float[np.ndarray, "p 2"], *, px_per_m: float, reach_m: float) -> Plan:
    """A rectangle along x and y around the path.

    Its corner lies on a lattice of whole tiles of grain, so that the ground at a place looks the same wherever the
    path goes on to: a frame must not tell what comes after it.
    """
    low_m, high_m = path_m.min(axis=0) - reach_m, path_m.max(axis=0) + reach_m
    size_m = high_m - low_m + TILE_PX / px_per_m
    px_per_m = min(px_per_m, float(np.sqrt(_MOST_PX / size_m.prod())), 32000.0 / float(size_m.max()))
    tile_m = TILE_PX / px_per_m
    low_m = np.floor(low_m / tile_m) * tile_m
    size_m = high_m - low_m
    columns, rows = np.ceil(size_m * px_per_m).astype(int)
    return Plan(low_m=low_m, px_per_m=px_per_m, size_px=(int(columns), int(rows)))
