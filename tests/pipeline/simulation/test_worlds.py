import numpy as np
import pytest

from pipeline.simulation.recording import WORLDS, World
from pipeline.simulation.worlds.plan import arc
from pipeline.simulation.worlds.worlds import plan_world


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", range(8))
def test_plans_hang_together(world: World, seed: int) -> None:
    plan = plan_world(world, rng=np.random.default_rng([seed, 0]), duration_s=40.0)
    places = {junction.name: junction.place_m for junction in plan.junctions}
    roads = {road.name: road for road in plan.roads}
    assert len(places) == len(plan.junctions)
    assert len(roads) == len(plan.roads)
    assert len(plan.entries) >= 3
    assert len(plan.exits) >= 3
    for road in plan.roads:
        lengths_m = np.hypot(*np.diff(road.shape_m, axis=0).T)
        assert lengths_m.min() > 0.5
        assert road.start in places
        assert road.end in places
    for link in plan.links:
        assert roads[link.start].end == roads[link.end].start
    for crosswalk in plan.crosswalks:
        assert all(crosswalk.junction in (roads[name].start, roads[name].end) for name in crosswalk.roads)


@pytest.mark.parametrize("world", WORLDS)
def test_seeds_vary_the_geometry(world: World) -> None:
    plans = [plan_world(world, rng=np.random.default_rng([seed, 0]), duration_s=40.0) for seed in range(6)]
    assert len({(len(plan.roads), round(plan.roads[0].speed_mps, 3), plan.roads[0].num_lanes) for plan in plans}) > 2
    first_m = np.stack([plan.roads[0].shape_m[0] for plan in plans])
    assert np.unique(first_m.round(1), axis=0).shape == first_m.shape


def test_an_arc_ends_where_it_should_and_bends_to_the_left() -> None:
    curve = arc(np.array([0.0, 0.0]), np.array([80.0, 0.0]), bend=0.1)
    np.testing.assert_allclose(curve[[0, -1]], [[0, 0], [80, 0]], atol=1e-12)
    assert curve[:, 1].max() == pytest.approx(8.0, abs=0.2)
