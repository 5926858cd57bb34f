"""The cases by name, and scenes of them as they come to be recorded: mirrored, turned and placed at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from pipeline.evaluation.cases.bystanders import touches, with_bystanders
from pipeline.evaluation.cases.crossing import crossing
from pipeline.evaluation.cases.leader import leader_brakes
from pipeline.evaluation.cases.merge import merge
from pipeline.evaluation.cases.pedestrian import pedestrian_steps_out
from pipeline.evaluation.cases.scenes import Scenes, Track

CASES: Final[dict[str, Callable[[np.random.Generator, int], Scenes]]] = {
    "leader": leader_brakes,
    "merge": merge,
    "crossing": crossing,
    "pedestrian": pedestrian_steps_out,
}
_SPARE: Final = 1.1  # scenes drawn for each that is wanted
_AREA_M: Final = 300.0


def make_scenes(case: str, *, num: int, rng: np.random.Generator) -> Scenes:
    """Scenes of one case with bystanders, anywhere and turned anyhow.

    The few in which footprints intersect are left out, so that a forecast that overlaps is always wrong.

    Args:
        case: One of ``CASES``.
        num: How many.
        rng: Of everything.
    """
    drawn = with_bystanders(CASES[case](rng, int(num * _SPARE) + 10), rng=rng)
    clear = np.flatnonzero(~touches(drawn.reacting, drawn.partner))
    assert len(clear) >= num, f"{case}: footprints intersect in {len(drawn.reacts) - len(clear)} of {len(drawn.reacts)}"
    scenes = drawn.take(clear[:num])
    mirror = np.where(rng.random(num) < 0.5, -1.0, 1.0)
    turn, origin = rng.uniform(-np.pi, np.pi, num), rng.uniform(-_AREA_M, _AREA_M, (num, 2))
    placed = {"mirror": mirror, "turn_rad": turn, "origin_m": origin}
    return replace(
        scenes,
        reacting=_placed(scenes.reacting, **placed),
        partner=_placed(scenes.partner, **placed),
        others=tuple(_placed(track, **placed) for track in scenes.others),
    )


def _placed(
    track: Track,
    *,
    mirror: Float[np.ndarray, " s"],
    turn_rad: Float[np.ndarray, " s"],
    origin_m: Float[np.ndarray, "s 2"],
) -> Track:
    """From the road's frame into the world's."""
    x, y = track.xy_m[..., 0], track.xy_m[..., 1] * mirror[:, None]
    cos, sin = np.cos(turn_rad)[:, None], np.sin(turn_rad)[:, None]
    xy = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1) + origin_m[:, None]
    heading = track.heading_rad * mirror[:, None] + turn_rad[:, None]
    return replace(track, xy_m=xy, heading_rad=(heading + np.pi) % (2.0 * np.pi) - np.pi)
