"""Road users: their bodies, and how each of them drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.simulation.worlds.build import element

# Length, width and height in metres of common makes; a two-wheeler's height includes its rider.
_BODIES_M: Final[dict[str, tuple[tuple[float, float, float], ...]]] = {
    "car": ((3.6, 1.64, 1.49), (4.05, 1.74, 1.45), (4.28, 1.79, 1.46), (4.5, 1.84, 1.65), (4.7, 1.83, 1.47),
            (4.75, 1.89, 1.69), (4.9, 1.88, 1.43)),
    "van": ((4.5, 1.83, 1.82), (5.1, 1.95, 1.97), (5.55, 2.0, 2.5), (5.95, 2.02, 2.6)),
    "truck": ((6.9, 2.25, 2.7), (7.6, 2.35, 3.2), (8.6, 2.5, 3.5), (9.6, 2.5, 3.6)),
    "bus": ((9.5, 2.45, 3.0), (10.6, 2.55, 3.1), (12.0, 2.55, 3.2)),
    "motorcycle": ((1.95, 0.75, 1.55), (2.15, 0.8, 1.6), (2.25, 0.9, 1.6)),
    "bicycle": ((1.7, 0.55, 1.7), (1.8, 0.6, 1.75), (1.85, 0.65, 1.8)),
    "pedestrian": ((0.35, 0.48, 1.62), (0.35, 0.5, 1.7), (0.4, 0.52, 1.78), (0.4, 0.55, 1.86), (0.3, 0.4, 1.25)),
}  # fmt: skip
_LORRIES_M: Final = ((9.6, 2.5, 3.6), (11.0, 2.55, 3.8), (12.0, 2.55, 3.9), (16.5, 2.55, 4.0))  # on motorways

_CLASSES: Final[dict[str, str]] = {
    "car": "passenger",
    "van": "delivery",
    "truck": "truck",
    "bus": "bus",
    "motorcycle": "motorcycle",
    "bicycle": "bicycle",
    "pedestrian": "pedestrian",
}
# Usual acceleration, comfortable and hardest deceleration, m/s^2; top speed, m/s.
_MOTION: Final[dict[str, tuple[float, float, float, float]]] = {
    "car": (2.4, 3.2, 8.0, 50.0),
    "van": (2.0, 3.0, 7.5, 40.0),
    "truck": (1.1, 2.6, 6.5, 25.0),
    "bus": (1.1, 2.4, 6.5, 24.0),
    "motorcycle": (3.2, 3.6, 8.0, 50.0),
    "bicycle": (1.0, 2.4, 5.0, 6.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RoadUser:
    """One road user: a type of its own in SUMO.

    Attributes:
        name: Its id in SUMO, and that of its type.
        category: A word of the neutral layout.
        length_m: Of its box.
        width_m: Of its box.
        height_m: Of its box.
        type_line: SUMO's ``vType``.
    """

    name: str
    category: str
    length_m: float
    width_m: float
    height_m: float
    type_line: str


def make_user(name: str, *, category: str, on_motorway: bool, rng: np.random.Generator) -> RoadUser:
    """A road user with a body and a way of driving drawn at random.

    Args:
        name: Its id.
        category: A word of the neutral layout.
        on_motorway: Trucks are longer there, and nobody is in town.
        rng: What is drawn comes from here.
    """
    bodies = _LORRIES_M if category == "truck" and on_motorway else _BODIES_M[category]
    length_m, width_m, height_m = (float(side) for side in bodies[int(rng.integers(len(bodies)))])
    attributes: dict[str, object] = {"id": name, "vClass": _CLASSES[category]}
    attributes |= {"length": length_m, "width": width_m, "height": height_m}
    attributes |= _walker(rng) if category == "pedestrian" else _driver(category, on_motorway=on_motorway, rng=rng)
    return RoadUser(
        name=name,
        category=category,
        length_m=length_m,
        width_m=width_m,
        height_m=height_m,
        type_line=element("vType", **attributes),
    )


def _walker(rng: np.random.Generator) -> dict[str, object]:
    speed_mps = float(np.clip(rng.normal(1.34, 0.26), 0.7, 2.2))  # Weidmann 1993: 1.34 +- 0.26 m/s
    return {"maxSpeed": speed_mps, "minGap": 0.25, "speedFactor": 1.0, "speedDev": 0.0}


def _driver(category: str, *, on_motorway: bool, rng: np.random.Generator) -> dict[str, object]:
    accel, decel, hardest, top_mps = _MOTION[category]
    eager = float(
        rng.beta(2, 2)
    )  # 0 calm, 1 hurried: the same driver keeps less distance, goes faster and changes more
    if category == "bicycle":
        top_mps = float(np.clip(rng.normal(4.8, 0.8), 3.2, 7.0))
    if category in ("truck", "bus"):
        factor = float(rng.uniform(0.85, 1.0))
        top_mps = float(rng.uniform(22.5, 25.0))
    else:
        factor = float(np.clip(0.86 + 0.26 * eager + rng.normal(0, 0.04), 0.75, 1.25))
    scale, imperfection = float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.3, 2.0))
    attributes: dict[str, object] = {
        "maxSpeed": top_mps,
        "accel": accel * scale,
        "decel": decel * scale,
        "emergencyDecel": hardest,
        "minGap": float(rng.uniform(1.2, 2.0) if category in ("motorcycle", "bicycle") else rng.uniform(1.2, 2.6)),
        "tau": float(np.clip(1.6 - 0.8 * eager + rng.normal(0, 0.15), 0.7, 1.9)),
        "speedFactor": factor,
        "speedDev": 0.0,
        # The extended intelligent driver model (Salles, Kaufmann and Reuss 2020): bounded jerk and misjudged gaps and
        # speeds. With SUMO's default model acceleration jumps between its bounds several times a second.
        "carFollowModel": "EIDM",
        "sigmaleader": 0.02 * imperfection,
        "sigmagap": 0.1 * imperfection,
        "sigmaerror": 0.04 * imperfection,
        "treaction": float(rng.uniform(0.3, 0.8)),
        "lcStrategic": float(rng.uniform(1.0, 2.0 if on_motorway else 3.0)),
        "lcSpeedGain": float(0.4 + 2.4 * eager),
        "lcKeepRight": float(rng.uniform(0.2, 1.2)),
        "lcAssertive": float(1.0 + 0.6 * eager),
        "lcCooperative": float(rng.uniform(0.6, 1.0)),
        "lcSublane": 0.2,  # little drifting within a lane
        "latAlignment": "right" if category == "bicycle" else "center",
        "minGapLat": 0.4,
        "maxSpeedLat": float(0.9 + 0.5 * eager),
        "lcMaxSpeedLatStanding": 0.0,  # nobody slides sideways
        "lcMaxSpeedLatFactor": 0.3,
        "jmTimegapMinor": float(np.clip(1.6 - 0.7 * eager, 0.8, 1.8)),
        "impatience": float(0.2 + 0.4 * eager),
    }
    return attributes
