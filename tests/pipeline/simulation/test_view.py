import cv2
import numpy as np

from pipeline.simulation.view import NEAR_M, cut_near


def test_polygons_are_cut_at_the_near_plane_all_at_once():
    square_m = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 4.0], [-1.0, 0.0, 4.0]])
    corner_m = np.array([[0.0, 0.0, -2.0], [2.0, 0.0, 2.0], [0.0, 0.0, 6.0], [-2.0, 0.0, 2.0]])
    whole_m = square_m + np.array([0.0, 0.0, 1.0])
    found = cut_near(np.stack([square_m, np.roll(corner_m, 1, axis=0), whole_m]))
    assert found.shape == (3, 8, 3)
    areas = [cv2.contourArea(polygon[:, [0, 2]].astype(np.float32)) for polygon in found]
    slanted = (NEAR_M + 2.0) ** 2 / 2.0  # a right-angled corner, as wide as twice its depth
    np.testing.assert_allclose(areas, [2.0 * (4.0 - NEAR_M), 16.0 - slanted, 8.0], rtol=1e-5)
    assert (found[..., 2] >= NEAR_M - 1e-12).all()


def test_nothing_is_cut_into_nothing():
    assert cut_near(np.zeros((0, 4, 3))).shape == (0, 8, 3)
