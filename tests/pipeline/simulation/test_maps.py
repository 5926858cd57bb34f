from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from pipeline.simulation.maps import map_of
from tests.pipeline.simulation.made_up_recording import made_up_network, made_up_recording


def test_traffic_is_on_the_drivable_area_and_pavements_are_not():
    recording = made_up_recording(num_steps=60)
    area = map_of(recording.network).drivable_area
    drivers = recording.agents.query("category != 'pedestrian'")
    assert shapely.contains_xy(area, drivers.x_m, drivers.y_m).all()
    assert not shapely.contains_xy(area, [-50.0, -50.0, 55.8], [7.4, -7.4, 50.0]).any()
    assert not shapely.contains_xy(area, 0.0, 30.0)


def test_lanes_crossings_and_slivers():
    network = made_up_network()
    drive_map = map_of(network)
    kinds = [lane.kind for lane in network.lanes]
    assert len(drive_map.lanes) == kinds.count("road") + kinds.count("junction")
    (crossing,) = drive_map.crossings
    np.testing.assert_allclose(crossing.bounds, (46.5, -6.4, 49.5, 6.4))
    first = network.lanes[0]
    apart = replace(first, outline_m=first.outline_m + np.array([0.0, -3.2 - 0.1]), lane_id="apart")
    whole = map_of(replace(network, lanes=(apart, first), junctions_m=())).drivable_area
    assert len(whole.geoms) == 1  # ten centimetres between two lanes are no gap
    np.testing.assert_allclose(whole.area, 2 * first.width_m * 196 + 0.1 * 196, rtol=1e-6)
