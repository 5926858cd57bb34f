from __future__ import annotations

import numpy as np
import pytest

from pipeline.simulation.occlusion import Boxes, footprints, view

SENSOR_M = np.array([100.0, -50.0, 1.75])


def _boxes(*rows: tuple[float, float, float, float, float], hides: tuple[bool, ...] | None = None) -> Boxes:
    """Rows of x and y from the sensor, length, width, height; all along x."""
    x, y, length, width, height = np.array(rows, dtype=np.float64).T
    corners = footprints(
        np.stack([x, y], axis=1) + SENSOR_M[:2], heading_rad=np.zeros(len(x)), length_m=length, width_m=width
    )
    return Boxes(corners_m=corners, height_m=height, hides=np.array(hides or [True] * len(x)))


def test_what_stands_alone_is_seen_whole_under_its_angle():
    views = view(_boxes((20.5, 0.0, 1.0, 2.0, 1.5), (-20.5, 0.0, 1.0, 2.0, 1.5)), sensor_m=SENSOR_M)
    np.testing.assert_array_equal(views.share, 1.0)
    np.testing.assert_allclose(views.width_rad, 2 * np.arctan(1 / 20))  # also astride the cut behind the sensor


def test_a_car_hides_the_lower_part_of_a_bus_and_a_truck_all_of_a_car():
    bus = (25.0, 0.0, 6.0, 2.0, 3.4)  # its face is at 22 m
    low, tall = (11.0, 0.0, 2.0, 8.0, 1.5), (11.0, 0.0, 2.0, 8.0, 3.0)  # from 10 to 12 m
    over_the_roof = 1.75 - 0.25 * 22 / 12
    views = view(_boxes(bus, low), sensor_m=SENSOR_M)
    np.testing.assert_allclose(views.share, [1 - over_the_roof / 3.4, 1.0])
    # From 10 m the truck's top is above the line of sight to the car behind.
    views = view(_boxes((25.0, 0.0, 4.0, 2.0, 1.5), tall), sensor_m=SENSOR_M)
    np.testing.assert_array_equal(views.share, [0.0, 1.0])


def test_half_hidden_from_the_side_and_not_by_who_stands_behind_or_hides_nobody():
    target = (20.0, 0.0, 0.01, 4.0, 1.5)
    wall = (10.0, 2.5, 0.01, 5.0, 9.0)  # covers everything to the left
    share = view(_boxes(target, wall), sensor_m=SENSOR_M).share[0]
    assert share == pytest.approx(0.5, abs=0.03)
    behind = (30.0, 2.5, 0.01, 5.0, 9.0)
    assert view(_boxes(target, behind), sensor_m=SENSOR_M).share[0] == 1.0
    assert view(_boxes(target, wall, hides=(True, False)), sensor_m=SENSOR_M).share[0] == 1.0


def test_a_turn_of_the_world_changes_next_to_nothing():
    rng = np.random.default_rng(0)
    place = rng.uniform(-60, 60, (40, 2))
    place = place[np.hypot(*place.T) > 8]
    size, heading = rng.uniform(1, 8, (2, len(place))), rng.uniform(-4, 4, len(place))
    shares: list[np.ndarray] = []
    for turn in (0.0, 2.2):
        turned = place @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        corners = footprints(turned + SENSOR_M[:2], heading_rad=heading + turn, length_m=size[0], width_m=size[1])
        boxes = Boxes(corners_m=corners, height_m=np.full(len(place), 2.0), hides=np.ones(len(place), bool))
        shares.append(view(boxes, sensor_m=SENSOR_M).share)
    np.testing.assert_allclose(shares[0], shares[1], atol=0.08)  # a sector at either side
    assert shares[0].min() == 0.0


def test_nobody_around():
    none = Boxes(corners_m=np.zeros((0, 4, 2)), height_m=np.zeros(0), hides=np.zeros(0, bool))
    assert len(view(none, sensor_m=SENSOR_M).share) == 0
