"""Light on the ground in one camera: the ego's head lights, haze, and the sky mirrored by a wet road."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.simulation.haze import Haze
from pipeline.simulation.view import View
from pipeline.simulation.weather import Weather

_BEAM: Final = 0.8  # the beam's light at its brightest
_REACH_M: Final = 28.0
_OPEN_RAD: Final = 0.62  # half its angle
_DARK: Final = 0.5  # with less light than this from the sky, the beam is seen


def beam_light(ahead_m: np.ndarray, left_m: np.ndarray, *, weather: Weather) -> np.ndarray:
    """Light from the ego's head lights at places in the ego's frame, on the scale of ``Weather.ambient``."""
    if not weather.lamps or weather.ambient + weather.sun > _DARK + 0.2:
        return np.zeros_like(ahead_m)
    distance_m = np.hypot(ahead_m, left_m)
    angle = np.abs(np.arctan2(left_m, ahead_m)) / _OPEN_RAD
    wide = np.clip(1.25 - angle, 0.0, 1.0) ** 1.5
    return _BEAM * wide / (1.0 + (distance_m / _REACH_M) ** 2) * np.clip(distance_m / 5.0, 0.2, 1.0)


def ground_light(weather: Weather) -> float:
    """The light that ground colours are made for; frames only darken it."""
    return max(weather.ambient + weather.sun * float(np.sin(weather.sun_height_rad)), 0.9 if weather.lamps else 0.0)


class GroundLight:
    """What haze, beams and wetness do to the ground; kept for each camera, as it hardly changes."""

    def __init__(self, weather: Weather, *, haze: Haze) -> None:
        self._weather = weather
        self._haze = haze
        self._known: dict[tuple[object, ...], tuple[int, UInt8[np.ndarray, "y x 3"], UInt8[np.ndarray, "y x 3"]]] = {}

    def apply(self, image: UInt8[np.ndarray, "y x 3"], *, view: View, ego_heading_rad: float) -> None:
        """Change the rows below the horizon in place."""
        forward = view.camera_from_world[2]
        yaw_rad = float(np.arctan2(forward[1], forward[0])) - ego_heading_rad
        yaw_rad = float(np.angle(np.exp(1j * yaw_rad)))
        key = (view.camera, round(yaw_rad, 2), round(view.horizon_px(), 0), round(float(view.position_m[2]), 2))
        if key not in self._known:
            self._known[key] = self._maps(view, yaw_rad=round(yaw_rad, 2))
        first, gain, offset = self._known[key]
        if first < image.shape[0]:
            band = image[first:]
            cv2.multiply(band, gain, dst=band, scale=1 / 255)
            cv2.add(band, offset, dst=band)

    def _maps(
        self, view: View, *, yaw_rad: float
    ) -> tuple[int, UInt8[np.ndarray, "y x 3"], UInt8[np.ndarray, "y x 3"]]:
        camera, weather = view.camera, self._weather
        first = min(max(int(np.ceil(view.horizon_px())), 0), camera.height_px)
        below_px = np.maximum(np.arange(first, camera.height_px) + 0.5 - view.horizon_px(), 0.25)
        depth_m = camera.fy_px * float(view.position_m[2]) / below_px[:, None]
        right_m = depth_m * (np.arange(camera.width_px) + 0.5 - camera.cx_px)[None, :] / camera.fx_px
        cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
        ahead_m, left_m = depth_m * cos + right_m * sin, depth_m * sin - right_m * cos
        lit = weather.ambient + weather.sun * np.sin(weather.sun_height_rad)
        light = (lit + beam_light(ahead_m, left_m, weather=weather)) / ground_light(weather)
        share = 1.0 - np.exp(-depth_m / self._haze.reach_m) + np.zeros_like(ahead_m)
        if weather.wet:  # Schlick's law: the flatter the view, the more of the sky is mirrored
            flat = (1.0 - np.sin(np.arctan2(float(view.position_m[2]), depth_m))) ** 5
            share = 1.0 - (1.0 - share) * (1.0 - 0.5 * flat)
        gain = np.clip(light * (1.0 - share), 0.0, 1.0) * 255
        offset = share[..., None] * np.array(self._haze.colour)
        return first, np.repeat(gain[..., None], 3, axis=2).astype(np.uint8), offset.astype(np.uint8)
