"""Forecasts bent to a road: which way, and when not at all."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from pipeline.drives.map import DriveMap
from pipeline.evaluation.road_bend import bent_to_road
from tests.pipeline.evaluation import made_up

AHEAD_M = np.arange(1.0, 41.0)[:, None] * [1.0, 0.0]
ORIGIN_M = np.array([200.0, -300.0])


def bent(*boxes_m: tuple[float, float, float, float], path_m: np.ndarray = AHEAD_M, drive: str = "a") -> np.ndarray:
    """The single path and the only mode of one agent that was last seen at the origin of its scene."""
    seen = made_up.observed(np.array([[[-1.0, 0.0], [0.0, 0.0]]]))
    windows = made_up.windows(seen, made_up.future(path_m[None]))
    windows = replace(windows, index=replace(windows.index, origin_m=ORIGIN_M[None]))
    road = shapely.MultiPolygon([shapely.box(*(np.array(box) + np.tile(ORIGIN_M, 2))) for box in boxes_m])
    maps = {drive: DriveMap(lanes=(), crossings=(), drivable_area=road)}
    found = bent_to_road(made_up.forecasts(path_m[None]), windows, maps=maps)
    np.testing.assert_array_equal(found.mode_xy_m[0, 0], found.single_xy_m[0])
    return found.single_xy_m[0]


def test_where_the_road_lies_to_the_left_the_path_turns_left() -> None:
    found = bent((0, 0, 50, 50))
    # The end lies 40 m ahead, so a deviation is 3 / 40 rad. On the road are the candidates bent by 0, 1/2, ... 5
    # of them, which weigh 1, 0.8825, 0.6065, 0.3247, 0.1353 and so on.
    bends = np.arange(0.0, 5.1, 0.5)
    angles, weights = 3.0 / 40.0 * bends, np.exp(-0.5 * bends**2)
    expected = weights @ np.stack([np.cos(angles), np.sin(angles)], axis=-1) / weights.sum()
    np.testing.assert_allclose(found[-1], 40.0 * expected, atol=1e-6)
    right = bent((0, -50, 50, -0.25))
    assert right[-1, 1] < -1.5


@pytest.mark.parametrize(
    ("boxes_m", "drive"),
    [([(-100, -100, 100, 100)], "a"), ([(500, 500, 600, 600)], "a"), ([], "a"), ([(0, 0, 50, 50)], "another")],
    ids=["all road", "no road near", "no drivable area", "no map"],
)
def test_where_the_map_does_not_tell_the_direction_stays(
    boxes_m: list[tuple[float, float, float, float]], drive: str
) -> None:
    found = bent(*boxes_m, drive=drive)
    np.testing.assert_allclose(found[:, 1], 0.0, atol=1e-9)
    # Bends to both sides shorten the way in the mean: by a little where a deviation is 3 / 40 rad.
    np.testing.assert_allclose(found[:, 0], AHEAD_M[:, 0], rtol=0.003)


def test_who_stays_is_not_moved() -> None:
    np.testing.assert_array_equal(bent((5, 5, 50, 50), path_m=np.zeros((40, 2))), np.zeros((40, 2)))
