"""The colours of road users: paint and clothes by chance, lights by what is on."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from pipeline.simulation.roles import Role
from pipeline.simulation.weather import Weather

NUM_ROLES: Final = len(Role)
BLINK_HZ: Final = 1.5
# Blue, green, red. Paints of road cars: mostly white, black, grey and silver, then blue and red.
_PAINTS: Final = (
    (232, 234, 235), (216, 220, 222), (40, 38, 38), (58, 56, 54), (120, 118, 116), (172, 172, 170), (190, 192, 192),
    (150, 84, 36), (110, 58, 24), (36, 34, 168), (30, 30, 130), (66, 96, 48), (60, 140, 200), (148, 176, 196),
    (80, 160, 226),
)  # fmt: skip
_VAN_PAINTS: Final = ((236, 238, 238), (224, 228, 230), (70, 68, 66), (150, 90, 40), (40, 180, 236), (40, 40, 170))
_BUS_PAINTS: Final = ((40, 170, 226), (46, 44, 190), (96, 140, 40), (170, 104, 40), (214, 218, 220))
_CARGOS: Final = ((226, 228, 228), (200, 204, 206), (140, 96, 50), (60, 66, 170), (96, 130, 70), (120, 180, 214))
_CLOTHES: Final = (
    (44, 42, 40),
    (150, 80, 46),
    (60, 60, 178),
    (96, 128, 70),
    (200, 200, 198),
    (60, 150, 210),
    (120, 70, 120),
)
_TROUSERS: Final = ((92, 62, 42), (50, 48, 46), (110, 104, 98), (90, 120, 150))
_SKINS: Final = ((150, 180, 222), (110, 146, 196), (70, 96, 140), (46, 64, 96))
_HELMETS: Final = ((30, 32, 40), (40, 60, 90), (226, 226, 226), (40, 40, 190), (90, 110, 130))

_OFF: Final = {
    Role.BRAKE: (34, 26, 118),
    Role.LEFT: (52, 104, 168),
    Role.RIGHT: (52, 104, 168),
    Role.HEAD: (206, 214, 216),
}
_TAIL: Final = (34, 26, 170)
_BRAKING: Final = (48, 44, 255)
_BLINKING: Final = (20, 170, 255)
_HEAD_LIT: Final = (238, 252, 255)


def palette_of(category: str, *, rng: np.random.Generator) -> Float[np.ndarray, "roles 3"]:
    """An agent's own colours in white light."""

    def one_of(colours: tuple[tuple[int, int, int], ...]) -> Float[np.ndarray, "3"]:
        return np.array(colours[int(rng.integers(len(colours)))], dtype=np.float64)

    colours = np.zeros((NUM_ROLES, 3))
    paints = {"van": _VAN_PAINTS, "bus": _BUS_PAINTS}.get(category, _PAINTS)
    colours[Role.PAINT] = one_of(paints)
    colours[Role.TRIM] = (44, 42, 42)
    colours[Role.GLASS] = (74, 64, 54)
    colours[Role.TYRE] = (34, 33, 33)
    colours[Role.RIM] = (168, 168, 166)
    colours[Role.PLATE] = (214, 226, 228)
    colours[Role.CARGO] = one_of(_CARGOS)
    colours[Role.CLOTH] = one_of(_CLOTHES)
    colours[Role.TROUSERS] = one_of(_TROUSERS)
    colours[Role.SKIN] = one_of(_SKINS)
    colours[Role.HELMET] = one_of(_HELMETS)
    colours[Role.METAL] = (128, 128, 126)
    return colours


def switch_lights(
    colours: Float[np.ndarray, "n roles 3"],
    *,
    brake: Bool[np.ndarray, " n"],
    left: Bool[np.ndarray, " n"],
    right: Bool[np.ndarray, " n"],
    timestamp_ns: int,
    weather: Weather,
) -> Bool[np.ndarray, "n roles"]:
    """Set the lights' colours in place.

    Returns:
        Which rows shine by themselves.
    """
    shining = np.zeros(colours.shape[:2], dtype=np.bool_)
    for role, colour in _OFF.items():
        colours[:, role] = colour
    if weather.lamps:
        colours[:, Role.BRAKE], colours[:, Role.HEAD] = _TAIL, _HEAD_LIT
        shining[:, [Role.BRAKE, Role.HEAD]] = True
    colours[brake, Role.BRAKE] = _BRAKING
    shining[brake, Role.BRAKE] = True
    if timestamp_ns * 1e-9 * BLINK_HZ % 1.0 < 0.5:
        for role, is_on in ((Role.LEFT, left), (Role.RIGHT, right)):
            colours[is_on, role] = _BLINKING
            shining[is_on, role] = True
    return shining
