import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.drives.pixel_map import pixel_polygons


def _mask(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def test_a_ring_of_pixels_is_a_square_with_a_hole_its_corners_on_the_pixels_edges():
    polygons = pixel_polygons(_mask(".....", ".###.", ".#.#.", ".###."))
    assert polygons.equals(shapely.box(1, 1, 4, 4) - shapely.box(2, 2, 3, 3))
    (ring,) = polygons.geoms
    assert (len(ring.exterior.coords), len(ring.interiors[0].coords)) == (5, 5)


def test_pixels_that_touch_at_a_corner_are_two_and_an_island_in_a_hole_is_kept():
    assert [part.bounds for part in sorted(pixel_polygons(_mask("#.", ".#")).geoms, key=lambda part: part.bounds)] == [
        (0, 0, 1, 1),
        (1, 1, 2, 2),
    ]
    polygons = pixel_polygons(_mask("#####", "#...#", "#.#.#", "#...#", "#####"))
    assert sorted(part.area for part in polygons.geoms) == [1, 16]


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_whatever_the_mask_the_polygons_are_valid_and_hold_its_pixels_and_no_other(mask: np.ndarray):
    polygons = pixel_polygons(mask)
    assert polygons.is_valid
    assert polygons.area == mask.sum()
    v, u = np.indices(mask.shape)
    np.testing.assert_array_equal(shapely.contains_xy(polygons, u + 0.5, v + 0.5), mask)


def test_noise_is_refused_before_it_takes_for_ever():
    checkers = np.indices((400, 400)).sum(axis=0) % 2 == 0
    with pytest.raises(ValueError, match="outlines without end"):
        pixel_polygons(np.tile(checkers, (2, 2)))
