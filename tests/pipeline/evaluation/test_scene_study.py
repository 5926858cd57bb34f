"""What the camera brings: the truth that it is measured against, frames of other drives, and the whole study."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.lamps import Lamp
from pipeline.config import EvaluateConfig, TrainConfig, WindowsConfig
from pipeline.errors import InputError
from pipeline.evaluation import scene_study
from pipeline.evaluation.scene_study import (
    BLIND,
    CAMERA,
    NONE,
    SHUFFLED,
    SIGNALS,
    run,
    table,
    with_other_frames,
    with_signals,
)
from pipeline.evaluation.signals import GREEN, RED, UNKNOWN, shown_signals
from pipeline.params import load_section
from pipeline.training.fit import Trainer
from pipeline.windows.windows import Windows
from tests.shapes import unchecked
from tests.small_windows import NUM_FRAMES, small_windows

PARAMS = Path(__file__).parents[3] / "params.yaml"
STEP_NS = 500_000_000


def write_truth(folder: Path, windows: Windows) -> None:
    """Every agent is on lane ``L``, 30 m before its stop line, odd ones on a lane without; red up to 2 s, then green.

    An agent's name in the truth is ``agent`` and the number of its track.
    """
    for name in windows.index.drive_names:
        (folder / name).mkdir(parents=True)
        times = np.arange(0, 40) * STEP_NS
        numbers = range(len(windows.index.track_names))
        agents = pd.DataFrame(
            [(t, f"agent{n}", "L" if n % 2 == 0 else "elsewhere", -30.0, 0.0) for t in times for n in numbers],
            columns=["timestamp_ns", "agent_id", "lane_id", "x_m", "y_m"],
        )
        agents.to_parquet(folder / name / "agents.parquet")
        states = [(t, "S", "r" if t <= 2_000_000_000 else "G") for t in times]
        columns = ["timestamp_ns", "signal_id", "state"]
        pd.DataFrame(states, columns=columns).to_parquet(folder / name / "signals.parquet")
        lines = pd.DataFrame([("L", "S", 0.0, 0.0)], columns=["lane_id", "signal_id", "x_m", "y_m"])
        lines.to_parquet(folder / name / "stop_lines.parquet")
        ids = [(0, str(n), f"agent{n}") for n in numbers]
        tracks = pd.DataFrame(ids, columns=["timestamp_ns", "track_id", "agent_id"])
        tracks.to_parquet(folder / name / "tracks.parquet")


def test_the_signal_of_an_agents_lane_at_the_slots_times(tmp_path: Path) -> None:
    windows = small_windows(num_scenes=12)  # a forecast time every half second, from 0
    write_truth(tmp_path, windows)
    found = shown_signals(windows, truth=tmp_path, slots_s=[1.0, 0.5, 0.0])
    t0_ns = windows.index.t0_ns[windows.observed.scene]
    even = windows.index.track % 2 == 0
    for slot, back_ns in enumerate((1_000_000_000, 500_000_000, 0)):
        expected = np.where(t0_ns - back_ns <= 2_000_000_000, RED, GREEN)
        np.testing.assert_array_equal(found.state[:, slot], np.where(even, expected, UNKNOWN))
    np.testing.assert_array_equal(found.distance_m, np.where(even, 30.0, np.inf))
    as_input = with_signals(windows.observed, state=found.state)
    green = as_input.ahead_feature[:, -1, Lamp.GREEN] == 1.0
    np.testing.assert_array_equal(green, even & (t0_ns > 2_000_000_000))
    assert not as_input.frame_feature.any()
    (tmp_path / "b" / "signals.parquet").unlink()
    with pytest.raises(InputError, match=r"b/signals.parquet: is missing.*--truth"):
        shown_signals(windows, truth=tmp_path, slots_s=[0.0])


def test_frames_of_other_drives_are_of_other_drives_of_the_same_part() -> None:
    windows = small_windows(num_scenes=36)
    scene = windows.observed.scene
    drive, split = np.arange(36) // 6 % 3, np.arange(36) % 2 * 2
    index = replace(windows.index, drive=drive.astype(np.int32), split=split.astype(np.int8))
    mark = (index.drive + 10 * index.split)[:, None, None]  # where a feature comes from, written into it
    features = {
        "agent_feature": np.broadcast_to(mark[scene], windows.observed.agent_feature.shape).astype(np.float16),
        "frame_feature": np.broadcast_to(mark, windows.observed.frame_feature.shape).astype(np.float16),
    }
    windows = replace(windows, index=index, observed=replace(windows.observed, **features))
    found = with_other_frames(windows, seed=0)
    for feature, own in ((found.agent_feature, mark[scene]), (found.frame_feature, mark)):
        came_from, mine = feature[:, 0, 0], own[:, 0, 0]
        assert (came_from != mine).all()
        np.testing.assert_array_equal(came_from // 10, mine // 10)
    np.testing.assert_array_equal(found.xy_m, windows.observed.xy_m)


def never(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("never")


def test_the_study_trains_every_variant_once_and_compares_each_with_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = small_windows(num_scenes=48)
    drive = np.arange(48) // 6 % 3  # of each part two at least
    windows = replace(windows, index=replace(windows.index, drive=drive.astype(np.int32)))
    write_truth(tmp_path, windows)
    small = {"width": 8, "max_epochs": 1, "num_modes": 6, "basis_rank": 3, "precision": "fp32", "device": "cpu"}
    study = partial(
        run,
        windows,
        truth=tmp_path,
        config=load_section("train", TrainConfig, path=PARAMS).model_copy(update=small),
        cut=load_section("windows", WindowsConfig, path=PARAMS).model_copy(update={"num_frames": NUM_FRAMES}),
        evaluate=load_section("evaluate", EvaluateConfig, path=PARAMS).model_copy(update={"bootstrap": 20}),
        seeds=[0, 1],
        checkpoints=tmp_path / "states",
        num_processes=1,
    )
    with unchecked(), monkeypatch.context() as killed:
        killed.setattr(scene_study, "judge", never)
        with pytest.raises(AssertionError, match="never"):
            study()
    assert len(list((tmp_path / "states").iterdir())) == 8
    monkeypatch.setattr(Trainer, "train_epoch", never)
    with unchecked():
        results = study()
    assert not list((tmp_path / "states").iterdir())
    approaching = results["slices"]["approaching"]
    assert list(approaching["forecasters"]) == [NONE, CAMERA, SIGNALS, SHUFFLED, BLIND]
    camera, none = (approaching["forecasters"][name]["fde_m"] for name in (CAMERA, NONE))
    difference = approaching["difference"][CAMERA]["fde_m"]
    assert difference["value"] == pytest.approx(camera - none, abs=1e-6)
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert len({camera, none, approaching["forecasters"][SIGNALS]["fde_m"]}) == 3, "each is a training of its own"
    assert approaching["forecasters"][BLIND]["fde_m"] != camera
    assert set(approaching["difference"][BLIND]["fde_m"].values()) == {0.0}, "without frames the branch is nothing"
    assert any("the camera brings" in line for line in table(results))
