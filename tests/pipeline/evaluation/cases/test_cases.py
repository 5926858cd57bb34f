"""What the constructed scenes promise: the partner alone decides, and it shows before the forecast time."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import IngestConfig, WindowsConfig
from pipeline.evaluation.cases.bystanders import touches
from pipeline.evaluation.cases.cases import CASES, make_scenes
from pipeline.evaluation.cases.crossing import crossing
from pipeline.evaluation.cases.leader import leader_brakes
from pipeline.evaluation.cases.made import Constructed, construct
from pipeline.evaluation.cases.pedestrian import pedestrian_steps_out
from pipeline.evaluation.cases.recording import HEADING_NOISE_RAD, POSITION_NOISE_M, record
from pipeline.evaluation.cases.scenes import FUTURE_S, NOW, RATE_HZ, TIMES_S
from pipeline.evaluation.overlap import recorded_overlap
from pipeline.params import load_section

PARAMS = Path(__file__).parents[4] / "params.yaml"
NOBODY: dict[str, float] = {}


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def made(*, train: int = 6, seed: int = 0) -> Constructed:
    return construct(
        {"train": train, "validation": 3, "test": 4},
        seed=seed,
        ingest=load_section("ingest", IngestConfig, path=PARAMS),
        windows=load_section("windows", WindowsConfig, path=PARAMS),
    )


@pytest.mark.parametrize("case", CASES)
def test_without_the_partner_the_past_is_the_same_and_the_future_is_not(case: str) -> None:
    scenes, alone = CASES[case](rng(), 300), CASES[case](rng(), 300, shares=NOBODY)
    assert not alone.partner.there.any()
    past = slice(None, NOW + 1)
    np.testing.assert_array_equal(scenes.reacting.xy_m[:, past], alone.reacting.xy_m[:, past])
    np.testing.assert_array_equal(scenes.reacting.heading_rad[:, past], alone.reacting.heading_rad[:, past])
    apart = np.linalg.norm(scenes.reacting.xy_m - alone.reacting.xy_m, axis=-1)
    assert apart[~scenes.reacts].max() < 1e-6
    assert np.median(apart[scenes.reacts, -1]) > 8.0
    assert (apart[scenes.reacts, -1] > 1.0).mean() > 0.97


@pytest.mark.parametrize("case", CASES)
def test_who_reacts_shows_in_nothing_that_the_reacting_agent_has_done(case: str) -> None:
    """Speeds, sizes and headings of those who have to react are distributed as those of the others."""
    scenes = CASES[case](rng(), 3000)
    speed = np.linalg.norm(np.diff(scenes.reacting.xy_m[:, : NOW + 1], axis=1), axis=-1) * RATE_HZ
    assert np.ptp(speed, axis=1).max() < 0.5, "a constant speed, but for the bend of a ramp"
    for value in (speed[:, -1], *scenes.reacting.size_m.T, scenes.reacting.heading_rad[:, NOW]):
        means = [value[scenes.reacts].mean(), value[~scenes.reacts].mean()]
        assert abs(means[0] - means[1]) < 5.0 * value.std() * (2.0 / len(value)) ** 0.5 + 1e-12
    assert 0.35 < scenes.reacts.mean() < 0.5, "so rare that to go on is the best forecast of who sees nobody"
    assert 0.5 < scenes.partner.there.mean() < 0.9


@pytest.mark.parametrize("case", CASES)
def test_going_on_would_hit_the_partner(case: str) -> None:
    scenes, alone = CASES[case](rng(), 600), CASES[case](rng(), 600, shares=NOBODY)
    hits = touches(alone.reacting, scenes.partner)
    assert hits[scenes.reacts].mean() > 0.5
    assert hits[~scenes.reacts].mean() == 0.0


@pytest.mark.parametrize("case", CASES)
def test_nobody_touches_anybody_and_all_drive_as_vehicles_can(case: str) -> None:
    scenes = make_scenes(case, num=200, rng=rng())
    assert not any(touches(one, other).any() for one, other in combinations(scenes.tracks.values(), 2))
    assert all(track.there.any() for track in scenes.others)
    for track in scenes.tracks.values():
        accelerations = np.linalg.norm(np.diff(track.xy_m[track.there], n=2, axis=1), axis=-1) * RATE_HZ**2
        on_wheels = track.size_m[track.there, 0] > 1.0
        assert accelerations[on_wheels].max(initial=0.0) < 8.0
        assert (np.linalg.norm(np.diff(track.xy_m[track.there], axis=1), axis=-1) * RATE_HZ).max() < 16.0


def test_scenes_lie_anywhere_and_are_turned_anyhow() -> None:
    scenes = make_scenes("leader", num=200, rng=rng())
    heading = scenes.reacting.heading_rad[:, NOW]
    assert (np.histogram(heading, bins=8, range=(-np.pi, np.pi))[0] > 8).all()
    assert (np.abs(scenes.reacting.xy_m[:, NOW]).max(axis=0) > 200.0).all()


def test_the_leader_has_begun_to_brake_and_goes_on() -> None:
    scenes = leader_brakes(rng(), 200)
    speed = np.linalg.norm(np.diff(scenes.partner.xy_m, axis=1), axis=-1) * RATE_HZ
    braked = speed[:, 0] - speed[:, NOW - 1]
    assert braked[scenes.reacts].min() > 1.0
    assert (np.diff(speed[scenes.reacts][:, NOW - 5 :], axis=1) <= 1e-9).all()
    follower = np.linalg.norm(np.diff(scenes.reacting.xy_m, axis=1), axis=-1) * RATE_HZ
    assert (follower[scenes.reacts, NOW + 15] < follower[scenes.reacts, NOW]).all()


def test_the_crossing_is_free_when_it_is_driven_over() -> None:
    """Who gives way has not reached the partner's way before that one has left the crossing."""
    scenes = crossing(rng(), 300, shares={"conflict": 1.0})
    along = np.linalg.norm(np.diff(scenes.reacting.xy_m, axis=1), axis=-1) * RATE_HZ
    assert (along.min(axis=1) < along[:, 0] - 0.5).all()
    assert not touches(scenes.reacting, scenes.partner).any()


def test_the_pedestrian_walks_before_the_forecast_time_and_into_the_way() -> None:
    scenes = pedestrian_steps_out(rng(), 200, shares={"steps_out": 1.0})
    y = scenes.partner.xy_m[..., 1]
    assert (y[:, NOW] < y[:, 0] - 0.5).all()
    assert (np.abs(y).min(axis=1) < 1.2).all()


def test_light_noise_is_all_that_recording_adds() -> None:
    scenes = make_scenes("merge", num=50, rng=rng())
    tracks = record(scenes, name="drive", rng=rng()).tracks
    own = tracks[tracks["track_id"] == "00007-reacting"]
    assert len(own) == len(TIMES_S)
    error = own[["x_m", "y_m"]].to_numpy() - scenes.reacting.xy_m[7]
    assert 0.5 * POSITION_NOISE_M < error.std() < 1.5 * POSITION_NOISE_M
    turned = own["heading_rad"].to_numpy() - scenes.reacting.heading_rad[7]
    assert 0.5 * HEADING_NOISE_RAD < turned.std() < 1.5 * HEADING_NOISE_RAD


def test_windows_hold_each_scene_once_at_its_forecast_time() -> None:
    found = made()
    windows = found.windows
    assert len(windows.index.t0_ns) == len(CASES) * (6 + 3 + 4)
    assert np.bincount(found.case).tolist() == [13] * len(CASES)
    assert np.bincount(windows.index.split).tolist() == [24, 12, 16]
    assert np.bincount(windows.observed.scene[found.reacting]).tolist() == [1] * len(windows.index.t0_ns)
    assert windows.observed.valid.all()
    assert windows.future.valid.all()
    assert windows.future.valid.shape[1] == FUTURE_S * windows.rate_hz
    assert not found.reacts[~found.reacting].any()
    assert not recorded_overlap(windows.observed, windows.future).value.any()
    test = found.take(np.flatnonzero(windows.index.split == 2))
    assert test.reacting.sum() == len(test.case) == 16


def test_who_reacts_is_found_again_in_the_windows() -> None:
    found = made(train=30)
    observed, future = found.windows.observed, found.windows.future
    onward = observed.xy_m[:, -1] + (observed.xy_m[:, -1] - observed.xy_m[:, 0]) * 2.0  # two seconds on for four
    left_behind = np.linalg.norm(future.xy_m[:, -1] - onward, axis=-1)
    assert np.median(left_behind[found.reacts]) > 10.0
    assert np.median(left_behind[found.reacting & ~found.reacts]) < 2.0


def test_a_seed_makes_the_same_windows_and_another_makes_others() -> None:
    one, same, other = made(), made(), made(seed=1)
    np.testing.assert_array_equal(one.windows.observed.xy_m, same.windows.observed.xy_m)
    np.testing.assert_array_equal(one.windows.future.xy_m, same.windows.future.xy_m)
    assert one.windows.index.track_names == same.windows.index.track_names
    assert not np.array_equal(one.windows.index.origin_m, other.windows.index.origin_m)
    more = made(train=7)
    is_test = one.windows.index.split == 2
    np.testing.assert_array_equal(
        one.windows.index.origin_m[is_test], more.windows.index.origin_m[more.windows.index.split == 2]
    )
