"""The protocol of DESIRE and MANTRA on made-up tracks: which windows count, who is zeroed, what of K is scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.baselines import linear_map
from pipeline.errors import InputError
from pipeline.evaluation.kitti_forecasting import (
    TEST,
    TRAIN,
    VARIANTS,
    best_errors,
    errors,
    least_final_errors,
    protocol_windows,
    read_drives,
    stands_still,
)
from pipeline.evaluation.kitti_study import run, table
from pipeline.params import load_benchmark
from pipeline.windows.select import keep_agents
from tests.formats.kitti_forecasting import write_release
from tests.pipeline.evaluation import made_up
from tests.shapes import unchecked

PARAMS = Path(__file__).parents[3] / "params.yaml"
KEY = "video_2011_09_26__2011_09_26_drive_{}_sync"


def track(
    num_frames: int, *, start: int = 0, speed_mps: float = 5.0, gain_mps2: float = 0.0, cls: str = "Car"
) -> dict[str, Any]:
    """Straight on along x, as the release has it."""
    t_s = 0.1 * np.arange(num_frames)
    x = 100.0 + speed_mps * t_s + 0.5 * gain_mps2 * t_s**2
    trajectory = [x.tolist(), [50.0] * num_frames]
    return {"trajectory": trajectory, "cls": cls, "start": start, "end": start + num_frames - 1}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    tracks = {
        "track_0": track(80),
        "track_1": track(60, start=3),  # as long as a window, but it does not go on
        "track_2": track(61, start=5, cls="Pedestrian"),
        "track_3": track(65, speed_mps=0.5),
        "track_4": track(30),
    }
    write_release(tmp_path / "raw", {KEY.format("0005"): tracks, KEY.format("0009"): {"track_0": track(62)}})
    return tmp_path / "raw"


def test_a_window_starts_at_every_step_of_tracks_that_go_on(raw: Path) -> None:
    windows, scored = protocol_windows(read_drives(raw, names=["0005", "0009"]), variant="as_recorded")
    names = np.array([f"{drive[-4:]} {agent}" for drive, agent in windows.index.track_names])
    counted = dict(zip(*np.unique(names[windows.index.track[scored]], return_counts=True), strict=True))
    assert counted == {"0005 ego": 20, "0005 track_2": 1, "0005 track_3": 5, "0009 ego": 2}
    assert windows.observed.valid[scored].shape[1] == 20
    assert windows.future.valid[scored].shape[1] == 40
    assert not windows.future.valid[~scored].any()
    assert not scored.all(), "others are seen too"


def test_who_stands_still_is_zeroed_in_past_and_future(raw: Path) -> None:
    cleans = read_drives(raw, names=["0005"])
    recorded, scored = protocol_windows(cleans, variant="as_recorded")
    zeroed, same = protocol_windows(cleans, variant="zeroed")
    assert (scored == same).all()
    still = stands_still(recorded.observed)
    # 0.05 m a step: the variance of 20 places is 0.05^2 * (20^2 - 1) / 12 = 0.083 m2.
    slow = np.array([agent == "track_3" for _, agent in recorded.index.track_names])[recorded.index.track]
    assert (still[scored] == slow[scored]).all()
    place = recorded.observed.xy_m[still & scored, -1]
    assert (zeroed.observed.xy_m[still & scored] == place[:, None]).all()
    assert (zeroed.future.xy_m[still & scored] == place[:, None]).all()
    assert not zeroed.observed.heading_valid[still].any()
    assert (zeroed.observed.xy_m[~still] == recorded.observed.xy_m[~still]).all()
    assert (zeroed.future.xy_m[~still] == recorded.future.xy_m[~still]).all()


def test_a_variance_on_one_axis_is_motion() -> None:
    step_m = np.sqrt(0.1 * 12 / (20**2 - 1))  # exactly the limit

    def moving(x: float, y: float) -> np.ndarray:
        return np.arange(20)[:, None] * np.array([x, y]) * step_m + 1000.0

    seen = made_up.observed([moving(0.99, 0.99), moving(0.0, 1.01), moving(1.01, 0.5)])
    assert stands_still(seen).tolist() == [True, False, False]


def test_the_mode_with_the_least_mean_error_counts_at_every_horizon() -> None:
    future = made_up.future(np.zeros((1, 40, 2)))
    late, early = np.zeros((40, 2)), np.zeros((40, 2))
    late[39] = [8.0, 0.0]  # mean error 0.2, final 8
    early[:, 0] = 1.0  # mean error 1, final 1
    forecasts = made_up.forecasts(np.full((1, 40, 2), 3.0), modes=[[early, late]], probability=[[0.9, 0.1]])
    scored = np.ones(1, bool)
    found = best_errors(forecasts, future, scored=scored)
    assert found["ade_m"] == pytest.approx([0.0, 0.0, 0.0, 0.2])
    assert found["fde_m"] == pytest.approx([0.0, 0.0, 0.0, 8.0])
    assert errors(forecasts, future, scored=scored)["fde_m"] == pytest.approx([18**0.5] * 4)
    assert least_final_errors(forecasts, future, scored=scored) == pytest.approx([0.0, 0.0, 0.0, 1.0])


def test_those_who_are_kept_keep_their_scenes_and_tracks(raw: Path) -> None:
    windows, scored = protocol_windows(read_drives(raw, names=["0005", "0009"]), variant="as_recorded")
    alone = keep_agents(windows, scored)
    scenes = np.repeat(np.arange(len(alone.index.t0_ns)), np.diff(alone.index.agent_offset))
    assert (scenes == alone.observed.scene).all()
    assert (alone.observed.xy_m == windows.observed.xy_m[scored]).all()
    assert (alone.future.xy_m == windows.future.xy_m[scored]).all()
    assert (alone.index.track == windows.index.track[scored]).all()


def test_the_linear_map_finds_a_linear_law() -> None:
    rng = np.random.default_rng(0)
    past = rng.normal(size=(200, 5, 2))
    future = past[:, -1:] + 2.0 * (past[:, -1:] - past[:, 1:2])[:, :, ::-1]
    counted = np.arange(200) > 10
    later = made_up.future(np.where(counted[:, None, None], future, 99.0))
    weights = linear_map.fit(made_up.observed(past), later, counted=counted)
    found = linear_map.forecast(made_up.observed(past + 5.0), weights=weights)
    np.testing.assert_allclose(found, future + 5.0, atol=1e-9)


def test_every_variant_is_trained_and_judged_beside_the_published_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tracks = {
        KEY.format(name): {"track_0": track(72, speed_mps=rng.uniform(4, 9), gain_mps2=rng.uniform(-0.5, 1))}
        for name in TRAIN + TEST
    }
    write_release(tmp_path / "raw", tracks)
    small = {
        "width": 8,
        "max_epochs": 1,
        "basis_rank": 4,
        "agents_per_batch": 128,
        "device": "cpu",
        "precision": "fp32",
    }
    config = load_benchmark("kitti_forecasting", path=PARAMS).model_copy(update=small)
    with unchecked():
        results = run(tmp_path / "raw", config=config, seeds=[0], num_processes=1)
    assert set(results["variants"]) == set(VARIANTS)
    for found in results["variants"].values():
        assert (found["num_train"], found["num_test"]) == (12 * len(TRAIN), 12 * len(TEST))
        assert max(found["linear_map"]["fde_m"]) < 0.05, "a constant acceleration is a linear law"
        assert found["constant_velocity"]["fde_m"][3] > 1.0
        for name in ("single", "best_of_20", "best_of_5"):
            assert len(found["average"][name]["ade_m"]) == len(found["average"][name]["fde_m"]) == 4
            assert found["average"][name]["ade_m"] == found["by_seed"][name][0]["ade_m"]
    lines = table(results)
    assert any(line.startswith("MANTRA (2020)") and line.split()[-2:] == ["5", "0.94/2.48"] for line in lines)


def test_a_missing_drive_is_named(raw: Path) -> None:
    with pytest.raises(InputError, match="has no drive 0011"):
        read_drives(raw, names=["0005", "0011"])
