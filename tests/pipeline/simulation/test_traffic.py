import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.footprints import overlapping_pairs
from pipeline.simulation.recording import WORLDS, Recording
from pipeline.simulation.stretch import OVERLAP_TOLERANCE_M, PEDESTRIAN_OVERLAP_TOLERANCE_M, REACH_M
from pipeline.simulation.traffic import simulate_traffic

pytest.importorskip("sumo", reason="SUMO is not installed: pip install 'headway[simulation]'")

DURATION_S, RATE_HZ = 30.0, 10.0
STEP_S = 1 / RATE_HZ


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return [
        simulate_traffic(world, seed=seed, duration_s=DURATION_S, rate_hz=RATE_HZ)
        for world in WORLDS
        for seed in (3, 4)
    ]


@pytest.fixture(scope="module")
def vehicles(recordings: list[Recording]) -> pd.DataFrame:
    """All vehicles of all drives, each with its own number, in the order of time."""
    tables = [
        recording.agents.assign(drive=number, world=recording.world) for number, recording in enumerate(recordings)
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table[table["category"] != "pedestrian"]
    table["track"] = table.groupby(["drive", "agent_id"]).ngroup()
    table["edge"] = table["lane_id"].str.rsplit("_", n=1).str[0]
    return table.sort_values(["track", "timestamp_ns"], ignore_index=True)


def follows(table: pd.DataFrame) -> np.ndarray:
    """Rows whose row before is the same vehicle's, one step earlier."""
    same = table["track"].to_numpy()[1:] == table["track"].to_numpy()[:-1]
    near = np.diff(table["timestamp_ns"].to_numpy()) == round(STEP_S * 1e9)
    return np.append(False, same & near)


def wrapped(angle_rad: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * angle_rad))


def test_the_ego_is_a_moving_car_at_every_step_and_all_others_come_near_it(recordings: list[Recording]) -> None:
    num_steps = round(DURATION_S * RATE_HZ)
    for recording in recordings:
        agents = recording.agents
        assert not agents.duplicated(["timestamp_ns", "agent_id"]).any()
        assert agents.notna().all(axis=None)
        ego = agents[agents["agent_id"] == recording.ego_id]
        assert set(ego["category"]) == {"car"}
        assert ego["timestamp_ns"].tolist() == [round(step * STEP_S * 1e9) for step in range(num_steps)]
        assert ego["speed_mps"].mean() >= 3.0
        place = ego.set_index("timestamp_ns")[["x_m", "y_m"]].loc[agents["timestamp_ns"]].to_numpy()
        away_m = np.hypot(*(agents[["x_m", "y_m"]].to_numpy() - place).T)
        assert pd.Series(away_m).groupby(agents["agent_id"]).min().max() < REACH_M


def test_no_footprints_overlap_beyond_what_sumo_lets_happen(recordings: list[Recording]) -> None:
    for recording in recordings:
        agents = recording.agents
        is_pedestrian = (agents["category"] == "pedestrian").to_numpy()
        pairs = overlapping_pairs(
            agents[["x_m", "y_m"]].to_numpy(),
            agents["heading_rad"].to_numpy(),
            agents[["length_m", "width_m"]].to_numpy(),
            step=pd.factorize(agents["timestamp_ns"])[0],
            tolerance_m=np.where(is_pedestrian, PEDESTRIAN_OVERLAP_TOLERANCE_M, OVERLAP_TOLERANCE_M),
        )
        assert len(pairs) == 0


def test_nobody_passes_a_red_light(recordings: list[Recording]) -> None:
    num_passed = 0
    for recording in recordings:
        if not recording.network.signals:
            continue
        held = {signal.signal_id: signal.lane_id for signal in recording.network.signals}
        states = recording.signals.set_index(["timestamp_ns", "signal_id"])["state"]
        for _, track in recording.agents[recording.agents["category"] != "pedestrian"].groupby("agent_id"):
            lanes, times = track["lane_id"].tolist(), track["timestamp_ns"].tolist()
            for before, after, time_ns in zip(lanes[:-1], lanes[1:], times[1:], strict=True):
                if before.startswith(":") or not after.startswith(":"):
                    continue
                # SUMO calls the lanes of a junction `:JUNCTION_LINK_LANE`, LINK that of the first of the road's lanes.
                light, link, lane = after[1:].rsplit("_", 2)
                signal_id = f"{light}:{int(link) + int(lane)}"
                assert held[signal_id].rsplit("_", 1)[0] == before.rsplit("_", 1)[0]
                assert states.loc[time_ns, signal_id] != "r", (signal_id, time_ns)
                num_passed += 1
    assert num_passed > 50


def test_signals_have_a_state_at_every_step_and_change_by_way_of_yellow(recordings: list[Recording]) -> None:
    for recording in recordings:
        assert (recording.world == "grid") == bool(recording.network.signals)
        if recording.world != "grid":
            continue
        table = recording.signals.pivot_table(
            index="timestamp_ns", columns="signal_id", values="state", aggfunc="first"
        )
        assert set(table.columns) == {signal.signal_id for signal in recording.network.signals}
        assert table.notna().all(axis=None)
        assert len(table) == round(DURATION_S * RATE_HZ)
        crossings = {lane.lane_id for lane in recording.network.lanes if lane.kind == "crossing"}
        for signal in recording.network.signals:
            column = table[signal.signal_id]
            changes = set(itertools.pairwise(column))
            assert set(column) <= set("ruygG")
            if signal.lane_id not in crossings:
                assert not changes & {("G", "r"), ("g", "r")}


def test_motion_is_plausible(vehicles: pd.DataFrame) -> None:
    moving = vehicles[vehicles["speed_mps"] > 0.5]
    assert np.percentile(moving["accel_mps2"], 1) > -4.0
    assert np.percentile(moving["accel_mps2"], 99) < 3.5
    assert moving["accel_mps2"].min() >= -8.1
    fastest = vehicles.groupby("world")["speed_mps"].quantile(0.99)
    assert fastest["motorway"] < 45
    assert all(6 < fastest[world] < 22 for world in ("grid", "crossing", "roundabout"))
    assert vehicles.loc[vehicles["category"] == "bicycle", "speed_mps"].max() < 8
    assert vehicles["length_m"].between(1.6, 17).all()
    assert vehicles["width_m"].between(0.5, 2.6).all()


def test_followers_keep_a_headway(vehicles: pd.DataFrame) -> None:
    roads = vehicles[~vehicles["lane_id"].str.startswith(":")].copy()
    lane = ["drive", "timestamp_ns", "lane_id"]
    direction_rad = roads.groupby(lane)["heading_rad"].transform("first")
    roads["along_m"] = roads["x_m"] * np.cos(direction_rad) + roads["y_m"] * np.sin(direction_rad)
    roads = roads.sort_values([*lane, "along_m"])
    ahead = roads.groupby(lane)[["x_m", "y_m", "length_m"]].shift(-1)
    between_m = np.hypot(ahead["x_m"] - roads["x_m"], ahead["y_m"] - roads["y_m"])
    gap_m = between_m - (ahead["length_m"] + roads["length_m"]) / 2
    headway_s = (gap_m / roads["speed_mps"])[(roads["speed_mps"] > 5) & gap_m.notna()]
    headway_s = headway_s[headway_s < 6]  # beyond, nobody follows
    assert len(headway_s) > 1000
    assert np.percentile(headway_s, 2) > 0.3
    assert 1.0 < np.median(headway_s) < 3.5


def test_everything_that_happens_on_roads_occurs(recordings: list[Recording], vehicles: pd.DataFrame) -> None:
    categories = {category for recording in recordings for category in recording.agents["category"]}
    assert categories == {"car", "van", "truck", "bus", "motorcycle", "bicycle", "pedestrian"}
    tracks = vehicles.groupby("track")
    turned_rad = tracks["heading_rad"].agg(lambda heading: np.unwrap(heading)[-1] - np.unwrap(heading)[0])
    in_grids = tracks["world"].first() == "grid"
    assert (turned_rad[in_grids] > np.pi / 3).sum() >= 5
    assert (turned_rad[in_grids] < -np.pi / 3).sum() >= 5
    changed = follows(vehicles) & (vehicles["edge"] == vehicles["edge"].shift())
    changed &= (vehicles["lane_id"] != vehicles["lane_id"].shift()) & ~vehicles["edge"].str.startswith(":")
    assert changed.sum() >= 20
    stopped = tracks["speed_mps"].agg(lambda speed: (speed.max() > 5) & (speed.min() < 0.1))
    assert stopped.sum() >= 30
    walkers = pd.concat([recording.agents for recording in recordings])
    walkers = walkers[walkers["category"] == "pedestrian"]
    assert walkers["lane_id"].str.contains(r"_c\d+_0$").any()  # SUMO's name of a crossing


def test_drivers_yield_without_signals(recordings: list[Recording]) -> None:
    num_yielding = 0
    for recording in recordings:
        if recording.world not in ("crossing", "roundabout"):
            continue
        ends = {lane.lane_id: lane.centre_m[-1] for lane in recording.network.lanes if lane.kind == "road"}
        agents = recording.agents[
            recording.agents["lane_id"].isin(ends) & (recording.agents["category"] != "pedestrian")
        ]
        heading = np.stack([np.cos(agents["heading_rad"]), np.sin(agents["heading_rad"])], axis=-1)
        front_m = agents[["x_m", "y_m"]].to_numpy() + agents[["length_m"]].to_numpy() / 2 * heading
        left_m = np.hypot(*(np.stack([ends[lane] for lane in agents["lane_id"]]) - front_m).T)
        first = agents[(left_m < 6) & (agents["speed_mps"] < 0.5)]
        num_yielding += first["agent_id"].nunique()
    assert num_yielding >= 10


def test_vehicles_move_smoothly_and_where_they_point(vehicles: pd.DataFrame) -> None:
    step = follows(vehicles)
    half_m = (vehicles["length_m"] / 2).to_numpy()[:, None]
    heading_rad = vehicles["heading_rad"].to_numpy()
    along = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=-1)
    centre_m = vehicles[["x_m", "y_m"]].to_numpy()
    moved_m = np.diff(centre_m, axis=0, prepend=centre_m[:1])[step]
    speed_mps = vehicles["speed_mps"].to_numpy()[step]
    # Nobody jumps: no further than the speed carries, but for the little that a corner of the lane's line adds.
    assert (np.hypot(*moved_m.T) <= speed_mps * STEP_S + 0.35).all()
    # Lane changes take their time: the front leaves the line that it points along by no more than 0.25 m a step,
    # where the road is straight.
    front_m = centre_m + half_m * along
    shift_m = np.diff(front_m, axis=0, prepend=front_m[:1])[step]
    before = np.roll(along, 1, axis=0)[step]
    aside_m = np.abs(before[:, 0] * shift_m[:, 1] - before[:, 1] * shift_m[:, 0])
    is_straight = np.abs(wrapped(np.diff(heading_rad, prepend=heading_rad[0])))[step] < 0.01
    assert aside_m[is_straight].max() < 0.25
    moving = speed_mps > 3
    course_rad = np.arctan2(moved_m[moving, 1], moved_m[moving, 0])
    slip_rad = np.abs(wrapped(course_rad - heading_rad[step][moving]))
    assert np.percentile(slip_rad, 99) < np.deg2rad(8)
    assert slip_rad.max() < np.deg2rad(30)


def test_brake_lights_and_indicators_say_what_happens(vehicles: pd.DataFrame) -> None:
    table = vehicles[follows(vehicles)]
    lately_mps2 = table.groupby("track")["accel_mps2"].rolling(5).mean().droplevel(0).reindex(table.index)
    assert table.loc[lately_mps2 < -1.2, "brake"].mean() > 0.99
    assert table.loc[table["speed_mps"] < 0.1, "brake"].all()
    assert table.loc[(lately_mps2 > 0) & (table["speed_mps"] > 0.5), "brake"].mean() < 0.01
    switched = (table["brake"] != table["brake"].shift()) & (table["track"] == table["track"].shift())
    assert switched.mean() * RATE_HZ < 0.5  # times a second: nobody's light flickers
    turns = vehicles[vehicles["lane_id"].str.startswith(":") & (vehicles["world"] == "grid")]
    turned_rad = turns.groupby("track")["heading_rad"].agg(
        lambda heading: np.unwrap(heading)[-1] - np.unwrap(heading)[0]
    )
    lights = turns.groupby("track")[["left", "right"]].mean()
    assert lights.loc[turned_rad > 1.0, "left"].mean() > 0.6
    assert lights.loc[turned_rad < -1.0, "right"].mean() > 0.6


DIGEST = """
import hashlib
from pipeline.simulation.traffic import simulate_traffic
recording = simulate_traffic("crossing", seed=5, duration_s=20.0, rate_hz=10.0)
tables = recording.agents.to_csv(), recording.signals.to_csv(), recording.ego_id
lanes = [lane.outline_m.tobytes() for lane in recording.network.lanes]
print(hashlib.sha256("".join(tables).encode() + b"".join(lanes)).hexdigest())
"""


def digests() -> Iterator[str]:
    for hash_seed in ("1", "2"):
        run = [sys.executable, "-W", "error", "-c", DIGEST]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed})
        yield done.stdout.strip()


def test_the_same_seed_gives_the_same_bytes_in_two_processes() -> None:
    one, other = digests()
    assert one == other
    assert len(one) == len(hashlib.sha256().hexdigest())


def test_other_seeds_have_other_roads(recordings: list[Recording]) -> None:
    first, second = recordings[::2], recordings[1::2]
    for one, other in zip(first, second, strict=True):
        assert one.world == other.world
        assert not np.array_equal(one.network.lanes[0].outline_m, other.network.lanes[0].outline_m)


def test_a_step_is_a_whole_number_of_milliseconds() -> None:
    with pytest.raises(ValueError, match="rate_hz"):
        simulate_traffic("grid", seed=0, duration_s=1.0, rate_hz=7.0)
