import numpy as np

from pipeline.drives.categories import Category
from pipeline.evaluation.overlap import forecast_overlap, overlap, path_headings, recorded_overlap
from tests.pipeline.evaluation import made_up


def test_footprints_that_meet_on_the_way() -> None:
    # Two cars, 4 x 2 m, towards each other in lanes 1.9 m apart: they overlap when level. The third is alone.
    observed = made_up.observed([[[0, 0]], [[20, 1.9]], [[50, 50]]], heading_rad=[[0.0], [np.pi], [0.0]])
    path = np.array([[[5, 0], [10, 0], [15, 0]], [[15, 1.9], [10, 1.9], [5, 1.9]], [[50, 50]] * 3], float)
    far = path + np.array([0, 0.2])[None, None] * np.array([0, 1, 0])[:, None, None]
    everywhere = np.ones((3, 3), bool)
    assert overlap(path, observed, valid=everywhere).value.tolist() == [1, 1, 0]
    assert overlap(far, observed, valid=everywhere).value.tolist() == [0, 0, 0]
    # A step that one of them does not have cannot count.
    without = everywhere.copy()
    without[1, 1] = False
    hidden = np.where(without[..., None], path, np.nan)
    assert overlap(hidden, observed, valid=without).value.tolist() == [0, 0, 0]


def test_the_rectangle_turns_with_the_motion() -> None:
    # The car turns to drive along y past a post 1.6 m to the side: along x its 4 m length would reach it.
    observed = made_up.observed(
        [[[0, 0]], [[1.6, 6.0]]], size_m=[[4.0, 2.0], [0.0, 0.0]], category=[Category.CAR, Category.PEDESTRIAN]
    )
    path = np.array([[[0, 3], [0, 6]], [[1.6, 6], [1.6, 6]]], float)
    assert overlap(path, observed, valid=np.ones((2, 2), bool)).value.tolist() == [0, 0]
    sideways = np.array([[[-6, 6], [0, 6]], [[1.6, 6], [1.6, 6]]], float)
    assert overlap(sideways, observed, valid=np.ones((2, 2), bool)).value.tolist() == [1, 1]


def test_who_overlaps_already_does_not_count_and_scenes_are_apart() -> None:
    together = made_up.observed([[[0, 0]], [[1, 0]]])
    path = np.array([[[5, 0]], [[6, 0]]], float)
    assert overlap(path, together, valid=np.ones((2, 1), bool)).value.tolist() == [0, 0]
    apart = made_up.observed([[[0, 0]], [[10, 0]]], scene=[0, 1])
    assert overlap(path, apart, valid=np.ones((2, 1), bool)).value.tolist() == [0, 0]
    same = made_up.observed([[[0, 0]], [[10, 0]]], scene=[0, 0])
    assert overlap(path, same, valid=np.ones((2, 1), bool)).value.tolist() == [1, 1]


def test_static_objects_stand_still_whatever_is_forecast() -> None:
    observed = made_up.observed(
        [[[0, 0]], [[10, 0]], [[30, 0]]], category=[Category.CAR, Category.STATIC, Category.STATIC]
    )
    later = made_up.future([[[5, 0]], [[10, 0]], [[30, 0]]])
    into_each_other = made_up.forecasts([[[9, 0]], [[20, 0]], [[20, 0]]])
    assert forecast_overlap(into_each_other, observed, later).value.tolist() == [1, 1, 0]
    assert recorded_overlap(observed, later).value.tolist() == [0, 0, 0]


def test_one_that_stands_keeps_its_heading() -> None:
    path = np.array([[[0.1, 0.1], [-0.1, 0.0], [0.0, 1.0]]])
    headings = path_headings(path, np.zeros((1, 2)), np.array([0.3]), valid=np.ones((1, 3), bool))
    assert np.allclose(headings, [[0.3, 0.3, np.pi / 2]])
