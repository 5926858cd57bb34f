"""Disturbed inputs: each disturbance does what it says and no more, and its cost is that of the same agents."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import EvaluateConfig
from pipeline.errors import InputError
from pipeline.evaluation.robustness import (
    DISTURBANCES,
    dropped,
    jittered,
    robustness,
    shortened,
    switched,
    table,
    to_json,
    turned,
    without_frames,
    without_newest_frame,
)
from pipeline.windows.select import select_scenes
from tests.small_windows import RATE_HZ, small_windows
from tests.tiny_bundle import make_bundle

CONFIG = EvaluateConfig(miss_m=2.0, mover_m=1.0, bootstrap=50, seed=0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_what_is_missing_is_masked_and_nothing_else_changes(rng: np.random.Generator) -> None:
    observed = small_windows(num_scenes=60).observed
    few = dropped(observed, rng, RATE_HZ)
    assert few.valid.sum() / observed.valid.sum() == pytest.approx(0.7, abs=0.05)
    assert not (few.valid & ~observed.valid).any()
    assert not (few.heading_valid & ~few.valid).any()
    assert few.xy_m is observed.xy_m
    late = shortened(0.4)(observed, rng, RATE_HZ)
    assert late.valid[:, -3:].sum() == observed.valid[:, -3:].sum()
    assert not late.valid[:, :-3].any()
    frames = without_newest_frame(observed, rng, RATE_HZ)
    assert not frames.frame_feature_valid[:, -1].any()
    assert not frames.agent_feature_valid[:, -1].any()
    assert not frames.ahead_feature_valid[:, -1].any()
    assert (frames.frame_feature_valid[:, :-1] == observed.frame_feature_valid[:, :-1]).all()
    assert not without_frames(observed, rng, RATE_HZ).frame_feature_valid.any()


def test_noise_and_wrong_headings_are_as_large_as_they_say(rng: np.random.Generator) -> None:
    observed = small_windows(num_scenes=60).observed
    off_m = (jittered(observed, rng, RATE_HZ).xy_m - observed.xy_m)[observed.valid]
    assert off_m.std() == pytest.approx(0.2, rel=0.05)
    off_rad = np.abs(turned(observed, rng, RATE_HZ).heading_rad - observed.heading_rad)
    wrong = off_rad.max(axis=1) > 1.0
    assert 0 < wrong.sum() < 0.25 * len(wrong)
    np.testing.assert_allclose(np.cos(off_rad[wrong]), -1.0, atol=1e-5)


def test_a_switched_agent_has_the_past_of_its_neighbour_and_its_own_present(rng: np.random.Generator) -> None:
    observed = small_windows(num_scenes=60, gaps=False).observed
    found = switched(observed, rng, RATE_HZ)
    changed = np.flatnonzero((found.xy_m != observed.xy_m).any(axis=(1, 2)))
    assert len(changed) > 0
    for agent in changed:
        others = np.flatnonzero((observed.scene == observed.scene[agent]) & (np.arange(len(observed.scene)) != agent))
        nearest = others[np.argmin(np.linalg.norm(observed.xy_m[others, -1] - observed.xy_m[agent, -1], axis=-1))]
        theirs = (found.xy_m[agent] == observed.xy_m[nearest]).all(axis=-1)
        own = (found.xy_m[agent] == observed.xy_m[agent]).all(axis=-1)
        assert theirs[0]
        assert own[-2:].all()
        assert (theirs ^ own).all()


def test_every_disturbance_is_told_with_its_interval() -> None:
    windows = small_windows(num_scenes=36)
    bundle = make_bundle(scene=False)
    costs = robustness(
        windows, model=bundle.model, fitted=bundle.constant_velocity, config=CONFIG, where=Path("windows")
    )
    assert [cost.name for cost in costs] == list(DISTURBANCES)
    json.dumps(to_json(costs), allow_nan=False)
    for cost in costs:
        for row in cost.ade_m.values():
            assert row["difference"] == pytest.approx(row["disturbed"] - row["clean"], abs=1e-9)
            assert row["low"] <= row["difference"] <= row["high"]
    still = {cost.name: cost.ade_m["constant_velocity"] for cost in costs}
    assert still["newest frame late"]["difference"] == 0.0, "it sees no frames"
    assert still["positions off by 0.2 m"]["low"] > 0.0
    head, *rows = table(costs)
    assert head.split() == ["movers", "social_lstm", "constant_velocity", "lost"]
    assert len(rows) == len(DISTURBANCES)


def test_without_a_scene_it_is_said() -> None:
    windows = small_windows()
    bundle = make_bundle(scene=False)
    none = select_scenes(windows, np.zeros(0, dtype=np.int64))
    with pytest.raises(InputError, match="has no scene to test on"):
        robustness(none, model=bundle.model, fitted=bundle.constant_velocity, config=CONFIG, where=Path("windows"))
