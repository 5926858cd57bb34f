"""What is hidden is missing, what is sensed is noisy as stated, and nothing depends on what comes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.categories import Category
from pipeline.simulation.recording import AGENT_COLUMNS, Recording
from pipeline.simulation.scenery import Building, Scenery
from pipeline.simulation.sensing import Sensed, sense
from tests.pipeline.simulation.made_up_recording import made_up_recording

OPEN = Scenery(buildings=(), trees=())


def _steps_of(sensed: Sensed, agent: str) -> list[int]:
    rows = np.array(sensed.agent_ids) == agent
    return (sensed.tracks.timestamp_ns[rows] // 100_000_000).tolist()


def _around(recording: Recording, *, places_m: np.ndarray, category: str, speed_mps: float = 0.0) -> Recording:
    """The ego stands at the origin among agents that stand, too."""
    steps = recording.agents.timestamp_ns.unique()
    rows = [("ego", "car", 0.0, 0.0), *((f"x{i:02}", category, *place) for i, place in enumerate(places_m))]
    one = pd.DataFrame(rows, columns=["agent_id", "category", "x_m", "y_m"]).sort_values("agent_id")
    one = one.assign(heading_rad=3.1, speed_mps=speed_mps, accel_mps2=0.0, length_m=1.0, width_m=1.0, height_m=1.5)
    one = one.assign(brake=False, left=False, right=False, lane_id="east_in_1")
    agents = pd.concat([one.assign(timestamp_ns=time) for time in steps], ignore_index=True)
    return replace(recording, agents=agents[list(AGENT_COLUMNS)].astype(AGENT_COLUMNS))


def test_hidden_behind_a_truck_or_a_building_until_it_comes_out():
    sensed = sense(made_up_recording(num_steps=45), OPEN, range_m=70.0, seed=0)
    seen = _steps_of(sensed, "hidden")
    assert seen
    assert 15 <= min(seen) <= 20  # the line of sight past the truck reaches it
    assert min(_steps_of(sensed, "truck")) == 0
    wall = Building(corners_m=np.array([[20.0, -9], [45, -9], [45, -3.5], [20, -3.5]]), height_m=9.0, style=0)
    walled = sense(made_up_recording(num_steps=10), Scenery(buildings=(wall,), trees=()), range_m=70.0, seed=0)
    assert _steps_of(walled, "truck") == []
    assert _steps_of(walled, "car")


def test_beyond_the_range_is_missing():
    recording = made_up_recording(num_steps=60)
    sensed = sense(recording, OPEN, range_m=40.0, seed=0)
    true = recording.agents.set_index(["timestamp_ns", "agent_id"])[["x_m", "y_m"]]
    here = true.loc[list(zip(sensed.tracks.timestamp_ns, sensed.agent_ids, strict=True))].to_numpy()
    ego = true.xs("ego", level="agent_id").loc[sensed.tracks.timestamp_ns].to_numpy()
    distance = np.hypot(*(here - ego).T)
    assert 30.0 < distance.max() <= 40.0
    assert min(_steps_of(sensed, "bus")) > 0  # it comes from 110 m away


def test_the_ego_is_always_there_and_known_to_centimetres():
    sensed = sense(made_up_recording(num_steps=400), OPEN, range_m=70.0, seed=0)
    ego = sensed.tracks[sensed.tracks.is_ego]
    assert len(ego) == 400
    assert set(ego.track_id) == set(ego.raw_category) == {"ego"}
    error = np.stack([ego.x_m - np.arange(400), ego.y_m + 1.6], axis=1)
    assert 0.005 < error.std() < 0.06
    assert (ego[["length_m", "width_m", "height_m", "z_m"]].to_numpy() == [4.6, 1.8, 1.5, 0.75]).all()


@pytest.mark.parametrize(("category", "heading_deg"), [("car", 1.12), ("pedestrian", 20.1)])
def test_noise_has_the_stated_size_and_no_bias(category: str, heading_deg: float):
    angle = np.arange(0.0, 2 * np.pi, 2 * np.pi / 48)
    places = 40.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    recording = _around(made_up_recording(num_steps=400), places_m=places, category=category)
    sensed = sense(recording, OPEN, range_m=70.0, seed=5)
    rows = sensed.tracks[~sensed.tracks.is_ego]
    which = [int(agent[1:]) for agent in sensed.agent_ids if agent != "ego"]
    error_m = rows[["x_m", "y_m"]].to_numpy() - places[which]
    jitter, slow = 0.02 + 0.0004 * 40, 0.03 + 0.002 * 40
    assert np.abs(error_m.mean(axis=0)).max() < 0.02
    assert error_m.std() == pytest.approx(np.hypot(jitter, slow), rel=0.1)
    assert np.diff(error_m[np.array(which) == 3], axis=0).std() < 0.08  # from one step to the next
    off_deg = np.rad2deg((rows.heading_rad - 3.1 + np.pi) % (2 * np.pi) - np.pi)
    assert off_deg.std() == pytest.approx(heading_deg, rel=0.15)
    assert rows.heading_rad.abs().max() <= 3.1416
    sizes = rows.groupby("track_id")[["length_m", "width_m", "height_m"]]
    assert (sizes.nunique() == 1).all(axis=None)
    assert (sizes.first() - [1.0, 1.0, 1.5]).std().between(0.015, 0.07).all()
    np.testing.assert_allclose(rows.z_m, rows.height_m / 2, atol=0.006)


def test_nothing_sensed_depends_on_what_comes_later():
    recording = made_up_recording(num_steps=60)
    late = recording.agents.timestamp_ns > 2_900_000_000
    agents = recording.agents[~(late & recording.agents.agent_id.isin(["car", "bicycle"]))].copy()
    agents["y_m"] += np.where(agents.timestamp_ns > 2_900_000_000, 5.0, 0.0)
    agents = pd.concat(
        [agents, agents[agents.timestamp_ns > 2_900_000_000].query("agent_id == 'van'").assign(agent_id="a new one")]
    ).sort_values(["timestamp_ns", "agent_id"], ignore_index=True)
    before = sense(recording, OPEN, range_m=70.0, seed=1).tracks.query("timestamp_ns <= 2_900_000_000")
    after = sense(replace(recording, agents=agents), OPEN, range_m=70.0, seed=1).tracks
    pd.testing.assert_frame_equal(before, after.query("timestamp_ns <= 2_900_000_000"), check_exact=True)
    short = sense(made_up_recording(num_steps=30), OPEN, range_m=70.0, seed=1).tracks
    pd.testing.assert_frame_equal(before, short, check_exact=True)
    assert len(after) > len(before)


def test_ids_number_the_tracks_and_tell_nothing_of_the_simulation():
    sensed = sense(made_up_recording(num_steps=50), OPEN, range_m=70.0, seed=0)
    ids = [name for name in sensed.tracks.track_id.unique() if name != "ego"]
    assert ids == [str(i + 1) for i in range(len(ids))]
    again = made_up_recording(num_steps=50)
    names = {name: f"n{i}" for i, name in enumerate(sorted(again.agents.agent_id.unique(), reverse=True))}
    renamed = replace(again, ego_id=names["ego"], agents=again.agents.assign(agent_id=again.agents.agent_id.map(names)))
    other = sense(renamed, OPEN, range_m=70.0, seed=0)
    pd.testing.assert_frame_equal(sensed.tracks, other.tracks)
    assert [names[agent] for agent in sensed.agent_ids] == other.agent_ids
    pedestrian = np.array(sensed.agent_ids) == "pedestrian"
    assert set(sensed.tracks.category[pedestrian]) == {int(Category.PEDESTRIAN)}
