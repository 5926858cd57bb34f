from pathlib import Path

import numpy as np
import pytest

from pipeline.simulation.network import read_network, read_turns

NETWORK = """<net>
  <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="9.0" length="10" shape="100,-2 110,-2"/></edge>
  <edge id=":J_c0" function="crossing"><lane id=":J_c0_0" index="0" allow="pedestrian" speed="2" length="8" width="4"
    shape="98,4 98,-4"/></edge>
  <edge id=":J_w0" function="walkingarea"><lane id=":J_w0_0" index="0" allow="pedestrian" speed="2" length="4" width="2"
    shape="96,4 100,4 100,8 96,8"/></edge>
  <edge id="in" from="A" to="J">
    <lane id="in_0" index="0" allow="pedestrian" speed="13.9" length="90" width="2.0" shape="0,-5 90,-5"/>
    <lane id="in_1" index="1" disallow="pedestrian bicycle" speed="13.9" length="90" shape="0,-2 90,-2"/>
  </edge>
  <edge id="out" from="J" to="B">
    <lane id="out_0" index="0" allow="pedestrian" speed="13.9" length="90" width="2.0" shape="110,-5 200,-5"/>
    <lane id="out_1" index="1" disallow="pedestrian" speed="13.9" length="90" shape="110,-2 200,-2"/>
  </edge>
  <junction id="A" type="dead_end" shape="0,0 0,-6"/>
  <junction id="J" type="traffic_light" shape="90,8 110,8 110,-8 90,-8"/>
  <junction id=":J_0_0" type="internal" x="1" y="1"/>
  <connection from="in" to="out" fromLane="1" toLane="1" via=":J_0_0" tl="J" linkIndex="0" dir="s" state="O"/>
  <connection from="in" to="out" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from=":J_w0" to=":J_c0" fromLane="0" toLane="0" tl="J" linkIndex="1" dir="s" state="M"/>
  <connection from=":J_0" to="out" fromLane="0" toLane="1" dir="s" state="M"/>
</net>"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.net.xml"
    path.write_text(NETWORK, encoding="utf-8")
    return path


def test_lanes_have_their_kind_and_surface(path: Path) -> None:
    network = read_network(path)
    kinds = {lane.lane_id: lane.kind for lane in network.lanes}
    assert kinds == {
        ":J_0_0": "junction",
        ":J_c0_0": "crossing",
        ":J_w0_0": "walk",
        "in_0": "walk",
        "in_1": "road",
        "out_0": "walk",
        "out_1": "road",
    }
    lanes = {lane.lane_id: lane for lane in network.lanes}
    corners_m = sorted(lanes["in_1"].outline_m.tolist())
    np.testing.assert_allclose(corners_m, [[0, -3.6], [0, -0.4], [90, -3.6], [90, -0.4]])  # 3.2 m wide, flat ends
    assert lanes[":J_w0_0"].outline_m.tolist() == [[96, 4], [100, 4], [100, 8], [96, 8]]
    assert (lanes["in_1"].edge_id, lanes["in_1"].index, lanes["in_1"].speed_mps) == ("in", 1, 13.9)
    assert [len(surface) for surface in network.junctions_m] == [4]


def test_signals_stand_at_the_end_of_their_lane_and_where_their_crossing_begins(path: Path) -> None:
    cars, walkers = read_network(path).signals
    assert (cars.signal_id, cars.lane_id, cars.turn) == ("J:0", "in_1", "s")
    np.testing.assert_array_equal(cars.stop_m, [90, -2])
    assert cars.heading_rad == 0
    assert (walkers.signal_id, walkers.lane_id) == ("J:1", ":J_c0_0")
    np.testing.assert_array_equal(walkers.stop_m, [98, 4])
    assert walkers.heading_rad == pytest.approx(-np.pi / 2)


def test_turns_are_those_of_a_class_of_vehicles(path: Path) -> None:
    assert read_turns(path, vehicle_class="passenger") == {"in": ("out",), "out": ()}
    assert read_turns(path, vehicle_class="bicycle") == {"in": (), "out": ()}  # none may use the lane of `in`
