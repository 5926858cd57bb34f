"""The sky around a drive, with clouds and a far skyline, as a panorama."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt32

from pipeline.drives.drive import Camera
from pipeline.simulation.view import View
from pipeline.simulation.weather import Weather

_COLUMNS: Final = 4096  # once around
_COARSE: Final = 2048  # clouds are soft, so fewer columns are made
_HIGH: Final = 1.2  # the panorama's top, as a slope above the horizon
_LOW: Final = -0.05


class Sky:
    """A panorama over bearing and slope."""

    def __init__(self, weather: Weather, *, seed: int) -> None:
        self._weather = weather
        self._panorama = _panorama(weather, seed=seed)
        self._across: dict[Camera, Float[np.ndarray, " x"]] = {}
        self._sized: dict[tuple[float, int, int], UInt32[np.ndarray, "x y"]] = {}

    def draw(self, image: UInt8[np.ndarray, "y x 3"], *, view: View) -> None:
        """Draw the rows above the horizon, and a few below it."""
        camera = view.camera
        num_rows = min(max(int(view.horizon_px()) + 4, 0), image.shape[0])
        if num_rows == 0:
            return
        top = view.horizon_px()
        key = (camera.fy_px, round(top), num_rows)
        if key not in self._sized:
            slopes = np.clip((top - np.arange(num_rows) - 0.5) / camera.fy_px, _LOW, _HIGH)
            rows = (_HIGH - slopes) / (_HIGH - _LOW) * (self._panorama.shape[0] - 1)
            maps = np.broadcast_to(rows.astype(np.float32)[:, None], (num_rows, _COLUMNS))
            columns = np.broadcast_to(np.arange(_COLUMNS, dtype=np.float32), (num_rows, _COLUMNS))
            sized = cv2.remap(self._panorama, columns, np.ascontiguousarray(maps), cv2.INTER_LINEAR)
            # Four bytes a pixel, seen as one number: columns are picked several times faster than with three.
            whole = cv2.cvtColor(sized, cv2.COLOR_BGR2BGRA).view(np.uint32)[..., 0]
            self._sized[key] = np.ascontiguousarray(whole.T)  # columns lie in one piece each
        forward = view.camera_from_world[2]
        yaw_rad = np.arctan2(forward[1], forward[0])
        if camera not in self._across:
            offsets_px = np.arange(camera.width_px) + 0.5 - camera.cx_px
            self._across[camera] = np.arctan(offsets_px / camera.fx_px)
        columns = ((self._across[camera] - yaw_rad) / (2 * np.pi) * _COLUMNS).astype(np.int64) % _COLUMNS
        shown = self._sized[key][columns].view(np.uint8).reshape(-1, num_rows, 4)
        cv2.cvtColor(cv2.transpose(shown), cv2.COLOR_BGRA2BGR, dst=image[:num_rows])


def _panorama(weather: Weather, *, seed: int) -> UInt8[np.ndarray, "y x 3"]:
    rng = np.random.default_rng([seed, 0x5C7])
    num_rows = 420
    slopes = np.linspace(_HIGH, _LOW, num_rows, dtype=np.float32)[:, None, None]
    rise = np.clip(slopes, 0, None) ** 0.55
    top, low = (np.array(colour, dtype=np.float32) for colour in (weather.sky_top, weather.sky_horizon))
    sky = low + (top - low) * np.clip(rise * 1.05, 0, 1) + np.zeros((1, _COARSE, 1), dtype=np.float32)
    clouds = _clouds(num_rows, rng=rng)
    lower = np.float32(np.quantile(clouds[::8, ::8], 1.0 - 0.75 * weather.clouds))
    cover = np.clip((clouds - lower) / 0.9, 0, 1)[..., None] * np.clip(slopes * 9, 0, 1) * 0.8
    light = weather.ambient + 0.45 * weather.sun
    white = np.minimum(np.array([248.0, 246.0, 244.0]) * light, 252.0).astype(np.float32)
    if weather.kind == "dusk":
        white = np.array([136.0, 138.0, 190.0], dtype=np.float32)
    shade = white * (1 - 0.16 * np.clip(np.roll(clouds, -8, axis=0) - clouds + 0.3, 0, 1))[..., None]
    sky = sky * (1 - cover) + shade * cover
    if weather.sun > 0:
        bearings = np.arange(_COARSE, dtype=np.float32) * (
            2 * np.pi / _COARSE
        )  # clockwise, as columns run to the right
        away = ((bearings + weather.sun_azimuth_rad + np.pi) % (2 * np.pi) - np.pi)[None, :, None]
        over = slopes - np.float32(np.tan(weather.sun_height_rad))
        glow = np.exp(-(away**2 + over**2) / 0.05)
        sky += glow * np.array([40.0, 70.0, 90.0], dtype=np.float32)
    haze = 1 - np.exp(-700.0 / weather.haze_m)
    for height, colour in ((0.020, (120, 118, 96)), (0.011, (70, 96, 74))):
        line = _skyline(rng=rng) * height
        far = np.array(colour) * light * (1 - haze) + low * haze
        sky = np.where(slopes < line[None, :, None], far.astype(np.float32), sky)
    whole = np.clip(sky, 0, 255).astype(np.uint8)
    return cv2.resize(whole, (_COLUMNS, num_rows), interpolation=cv2.INTER_LINEAR)


def _clouds(num_rows: int, *, rng: np.random.Generator) -> Float[np.ndarray, "y x"]:
    total = np.zeros((num_rows, _COARSE), dtype=np.float32)
    for rows, columns, weight in ((5, 16, 1.0), (10, 32, 0.6), (24, 64, 0.36), (60, 256, 0.2)):
        noise = np.pad(rng.normal(size=(rows, columns)).astype(np.float32), ((0, 0), (4, 4)), mode="wrap")
        width = _COARSE * (columns + 8) // columns
        start = (width - _COARSE) // 2
        wide = cv2.resize(noise, (width, num_rows), interpolation=cv2.INTER_CUBIC)
        total += weight * wide[:, start : start + _COARSE]
    return total


def _skyline(*, rng: np.random.Generator) -> Float[np.ndarray, " x"]:
    """Heights around the horizon, 0.3 to 1.6."""
    turn = np.arange(_COARSE) * (2 * np.pi / _COARSE)
    waves = sum(np.sin(turn * k + rng.uniform(0, 6.28)) / k**0.7 for k in (2, 3, 5, 9, 17, 31, 60, 111))
    return np.clip(0.9 + 0.35 * np.asarray(waves), 0.3, 1.8)
