"""Buildings and trees stand beside the roads, never on them."""

import numpy as np
import pytest
import shapely

from pipeline.simulation.recording import Network
from pipeline.simulation.scenery import Scenery, place_scenery
from tests.pipeline.simulation.made_up_recording import made_up_network


@pytest.fixture(scope="module")
def network() -> Network:
    return made_up_network()


@pytest.fixture(scope="module", params=(0, 1, 2))
def scenery(network, request) -> Scenery:
    return place_scenery(network, seed=request.param)


def test_nothing_stands_on_a_lane_a_walk_a_crossing_or_a_junction(network, scenery):
    ways = [shapely.Polygon(lane.outline_m) for lane in network.lanes]
    ways += [shapely.Polygon(outline_m) for outline_m in network.junctions_m]
    ground = shapely.union_all(ways)
    for building in scenery.buildings:
        assert shapely.Polygon(building.corners_m).distance(ground) > 1.0
    for tree in scenery.trees:
        assert shapely.Point(tree.place_m).distance(ground) > 0.3


def test_buildings_are_convex_counter_clockwise_and_apart(scenery):
    shapes = [shapely.Polygon(building.corners_m) for building in scenery.buildings]
    assert len(shapes) > 20
    for index, shape in enumerate(shapes):
        assert shape.exterior.is_ccw
        assert shape.area == pytest.approx(shape.convex_hull.area)
        assert not any(shape.overlaps(other) or shape.contains(other) for other in shapes[index + 1 :])


def test_no_trunk_is_in_a_building(scenery):
    walls = shapely.union_all([shapely.Polygon(building.corners_m) for building in scenery.buildings])
    assert len(scenery.trees) > 20
    assert all(shapely.Point(tree.place_m).distance(walls) > 0.5 for tree in scenery.trees)


def test_the_seed_decides(network):
    first, again, other = (place_scenery(network, seed=seed) for seed in (5, 5, 6))
    corners = [np.array([building.corners_m for building in scenery.buildings]) for scenery in (first, again, other)]
    np.testing.assert_array_equal(corners[0], corners[1])
    assert corners[0].shape != corners[2].shape or not np.array_equal(corners[0], corners[2])
