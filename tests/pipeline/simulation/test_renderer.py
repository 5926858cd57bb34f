"""What must be seen in a frame, and where."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.drives.drive import project
from pipeline.simulation.heads import HEAD_MIDDLE_M, LAMP_BEFORE_M, LAMP_STEP_M, posts_of
from pipeline.simulation.renderer import Renderer
from pipeline.simulation.rig import CAMERAS, camera_of, camera_pose
from pipeline.simulation.scenery import Building, Scenery, place_scenery
from pipeline.simulation.weather import pick_weather, weather_of
from tests.pipeline.simulation.made_up_recording import made_up_recording

CAMERA = camera_of(width_px=640, height_px=360)
EMPTY = Scenery(buildings=(), trees=())
PLAIN = replace(weather_of("overcast", seed=0), noise=0.0, contrast=1.0, cast=(1.0, 1.0, 1.0))
SIZES_M = {
    "car": (4.6, 1.8, 1.5),
    "van": (5.2, 2.0, 2.2),
    "truck": (7.1, 2.4, 3.0),
    "bus": (12.0, 2.5, 3.4),
    "motorcycle": (2.2, 0.9, 1.6),
    "bicycle": (1.8, 0.65, 1.75),
    "pedestrian": (0.5, 0.5, 1.75),
}


def only(recording, *agent_ids, **changes):
    """The recording with the ego and these agents alone, the latter changed."""
    agents = recording.agents[recording.agents.agent_id.isin(["ego", *agent_ids])].reset_index(drop=True)
    for column, value in changes.items():
        agents.loc[agents.agent_id != "ego", column] = value
    return replace(recording, agents=agents)


def draw(recording, *, scenery=EMPTY, weather=PLAIN, step=0, mount="front", seed=0):
    timestamp_ns = int(sorted(set(recording.agents.timestamp_ns))[step])
    ego = recording.agents[(recording.agents.agent_id == "ego") & (recording.agents.timestamp_ns == timestamp_ns)].iloc[
        0
    ]
    pose = camera_pose(CAMERAS[mount], x_m=ego.x_m, y_m=ego.y_m, heading_rad=ego.heading_rad)
    return Renderer(recording, scenery, weather=weather, seed=seed).frame(timestamp_ns, CAMERA, *pose), pose


def rectangle_of(agent, pose):
    """Left, top, right and bottom of the projected box."""
    signs = np.array([(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (0, 1)])
    own = signs * np.array([agent["length_m"] / 2, agent["width_m"] / 2, agent["height_m"]])
    cos, sin = np.cos(agent["heading_rad"]), np.sin(agent["heading_rad"])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    corners_m = own @ turn.T + np.array([agent["x_m"], agent["y_m"], 0.0])
    u, v, depth_m = project(corners_m, camera=CAMERA, position_m=pose[0], quaternion_wxyz=pose[1]).T
    assert depth_m.min() > 0
    return np.array([u.min(), v.min(), u.max(), v.max()])


def changed(first, second):
    """The rectangle of what two images do not share."""
    rows, columns = np.nonzero(np.abs(first.astype(int) - second.astype(int)).max(axis=2) > 6)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.fixture(scope="module")
def recording():
    return made_up_recording()


PLACES = ((12.0, -1.6, 0.0, True), (25.0, 1.6, 180.0, True), (18.0, 4.0, 40.0, False), (30.0, -8.0, -110.0, False))


@pytest.fixture(scope="module")
def empty_image(recording):
    return draw(only(recording))[0]


@pytest.mark.parametrize("category", SIZES_M)
def test_a_body_fills_its_projected_box(recording, empty_image, category):
    length_m, width_m, height_m = SIZES_M[category]
    size = {"length_m": length_m, "width_m": width_m, "height_m": height_m}
    agents = only(
        recording, "car", category=category, brake=False, left=False, right=False, speed_mps=0.0, **size
    ).agents
    is_ego = (agents.agent_id == "ego").to_numpy()
    agents.loc[is_ego, "x_m"] = 0.0
    for step, (x_m, y_m, heading_deg, _) in enumerate(PLACES):  # one after the other, each at a step of its own
        row = ~is_ego & (agents.timestamp_ns == step * 100_000_000)
        agents.loc[row, ["x_m", "y_m", "heading_rad"]] = (x_m, y_m, np.radians(heading_deg))
    renderer = Renderer(replace(recording, agents=agents), EMPTY, weather=PLAIN, seed=0)
    pose = camera_pose(CAMERAS["front"], x_m=0.0, y_m=-1.6, heading_rad=0.0)
    for step, (*_, level) in enumerate(PLACES):
        row = agents[~is_ego & (agents.timestamp_ns == step * 100_000_000)].iloc[0]
        found = changed(renderer.frame(step * 100_000_000, CAMERA, *pose), empty_image)
        expected = rectangle_of(row, pose)
        sides = [0, 2, 3]
        np.testing.assert_allclose(found[sides], expected[sides], atol=2.0)
        if level:  # seen from behind or from the front, the roof's edge is the box's; from the side roofs are narrower
            assert found[1] == pytest.approx(expected[1], abs=2.0)


def rear_colour(recording, *, side=None, step=0, **changes):
    """The most of red or amber over the rear of the car, 12 m ahead."""
    lights = {"brake": False, "left": False, "right": False} | changes
    image, pose = draw(only(recording, "car", x_m=14.0, y_m=-1.6, **lights), step=step)
    left, top, right, bottom = (
        rectangle_of({"x_m": 14.0, "y_m": -1.6, "heading_rad": 0.0, **BOX}, pose).round().astype(int)
    )
    middle = (left + right) // 2
    if side is not None:
        left, right = (left, middle) if side == "left" else (middle, right)
    return image[top:bottom, left:right].astype(int)


BOX = {"length_m": 4.6, "width_m": 1.8, "height_m": 1.5}


def test_brake_lights_are_red_only_when_on(recording):
    def reds(image):
        return int(((image[..., 2] > 220) & (image[..., :2].max(axis=-1) < 130)).sum())

    assert reds(rear_colour(recording, brake=True)) > 60
    assert reds(rear_colour(recording)) == 0


def test_indicators_blink_on_their_side(recording):
    def ambers(image):
        return int(((image[..., 2] > 200) & (np.abs(image[..., 1] - 165) < 45) & (image[..., 0] < 90)).sum())

    assert ambers(rear_colour(recording, left=True, side="left")) > 15
    assert ambers(rear_colour(recording, left=True, side="right")) == 0
    assert ambers(rear_colour(recording, right=True, side="right")) > 15
    # At 1.5 Hz the light is off from a third of a second on, for a third: the ego drives on, but does not come near.
    standing = only(recording, "car")
    standing.agents["x_m"] = np.where(standing.agents.agent_id == "ego", 0.0, standing.agents.x_m)
    assert ambers(rear_colour(standing, left=True, side="left", step=4)) == 0


@pytest.mark.parametrize(("state", "lit"), [("r", (1,)), ("u", (1, 0)), ("y", (0,)), ("G", (-1,)), ("g", (-1,))])
def test_a_signal_at_40_m_shows_its_state(recording, state, lit):
    (post,) = [post for post in posts_of(recording.network) if post.signal_id == "j:1"]
    agents = recording.agents.assign(x_m=np.where(recording.agents.agent_id == "ego", post.place_m[0] - 40.0, 0.0))
    alone = only(replace(recording, agents=agents, signals=recording.signals.assign(state=state)))
    image, pose = draw(alone)
    colours = {1: lambda b, g, r: r - max(g, b), 0: lambda b, g, r: min(r, g) - b, -1: lambda b, g, r: g - max(r, b)}
    for step, excess in colours.items():
        lamp_m = np.array([*post.place_m, HEAD_MIDDLE_M + step * LAMP_STEP_M]) - np.array([LAMP_BEFORE_M, 0.0, 0.0])
        u, v, _ = project(lamp_m[None], camera=CAMERA, position_m=pose[0], quaternion_wxyz=pose[1])[0]
        colour = image[int(v), int(u)].astype(int)
        assert (excess(*colour) > 90) == (step in lit), (step, colour)
        assert (colour.max() > 180) == (step in lit), (step, colour)


def test_what_is_hidden_leaves_no_pixel(recording):
    with_both, _ = draw(only(recording, "truck", "hidden"))
    with_truck, _ = draw(only(recording, "truck"))
    with_hidden, _ = draw(only(recording, "hidden"))
    alone, _ = draw(only(recording))
    np.testing.assert_array_equal(with_both, with_truck)
    assert not np.array_equal(with_hidden, alone)


def test_a_building_hides_what_is_behind_it_and_not_what_is_before(recording):
    wall = Building(corners_m=np.array([(20.0, -6.0), (24.0, -6.0), (24.0, 6.0), (20.0, 6.0)]), height_m=9.0, style=0)
    scenery = Scenery(buildings=(wall,), trees=())
    without, _ = draw(only(recording), scenery=scenery)
    for x_m, is_seen in ((35.0, False), (14.0, True)):
        image, _ = draw(only(recording, "car", x_m=x_m, y_m=0.0), scenery=scenery)
        assert np.array_equal(image, without) != is_seen


def test_same_inputs_same_bytes_in_any_order(recording):
    scenery = place_scenery(recording.network, seed=1)
    weather = pick_weather(3)
    poses = [camera_pose(CAMERAS["front"], x_m=step, y_m=-1.6, heading_rad=0.0) for step in range(3)]
    times = [int(step * 1e8) for step in range(3)]
    first, again = (Renderer(recording, scenery, weather=weather, seed=4) for _ in range(2))
    forwards = [first.frame(time, CAMERA, *pose) for time, pose in zip(times, poses, strict=True)]
    backwards = [again.frame(time, CAMERA, *pose) for time, pose in zip(times[::-1], poses[::-1], strict=True)]
    for one, other in zip(forwards, backwards[::-1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_weathers_differ_and_the_night_is_dark(recording):
    frames = [draw(recording, weather=weather_of(kind, seed=1))[0] for kind in ("clear", "rain", "fog", "night")]
    means = [float(frame.mean()) for frame in frames]
    assert means[3] < 0.5 * min(means[:3])
    assert all(np.abs(frames[0].astype(int) - frame.astype(int)).mean() > 5 for frame in frames[1:])


def test_the_left_camera_sees_what_the_front_one_does_not(recording):
    aside = only(recording, "car", x_m=6.0, y_m=10.0)
    for mount, is_seen in (("front", False), ("front_left", True), ("front_right", False)):
        with_car, _ = draw(aside, mount=mount)
        without, _ = draw(only(recording), mount=mount)
        assert np.array_equal(with_car, without) != is_seen


def test_other_sizes_and_a_step_that_is_not_there(recording):
    renderer = Renderer(recording, EMPTY, weather=PLAIN, seed=0)
    pose = camera_pose(CAMERAS["front"], x_m=0.0, y_m=-1.6, heading_rad=0.3)
    assert renderer.frame(0, camera_of(width_px=333, height_px=201), *pose).shape == (201, 333, 3)
    with pytest.raises(ValueError, match="timestamp_ns"):
        renderer.frame(1, CAMERA, *pose)


def test_a_frame_does_not_tell_what_comes_after_it() -> None:
    recording = made_up_recording()
    later = recording.agents["timestamp_ns"] > 500_000_000
    agents = recording.agents.copy()
    agents["x_m"] += 150.0 * later
    agents["y_m"] += 190.0 * later
    newcomer = agents[later & (agents["agent_id"] == "ego")].assign(agent_id="a newcomer")
    agents = pd.concat([agents, newcomer]).sort_values(["timestamp_ns", "agent_id"], ignore_index=True)
    expected, _ = draw(replace(recording, agents=recording.agents[~later].reset_index(drop=True)))
    found, _ = draw(replace(recording, agents=agents))
    # Not a texture shifted or another resolution (tens of grey levels): the rounding of other coordinates alone.
    assert np.abs(found.astype(int) - expected).max() <= 4
