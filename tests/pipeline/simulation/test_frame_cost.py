from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import SimulateConfig
from pipeline.params import load_section
from pipeline.simulation import frame_cost
from pipeline.simulation.frame_cost import FrameCost, cost_lines, frame_costs
from tests.pipeline.simulation.made_up_recording import made_up_recording

ROOT = Path(__file__).parents[3]


def test_every_frame_of_the_front_camera_is_measured_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = made_up_recording(num_steps=12)
    monkeypatch.setattr(frame_cost, "traffic_of", lambda *_, **__: recording)
    config = load_section("simulate", SimulateConfig, path=ROOT / "params.yaml")
    config = config.model_copy(update={"num_drives": 2, "width_px": 160, "height_px": 90, "cameras": []})
    threads = cv2.getNumThreads()
    costs = frame_costs(config)
    first = next(costs)
    assert cv2.getNumThreads() == 1
    (second,) = costs
    assert cv2.getNumThreads() == threads
    for cost in (first, second):
        assert cost.world == recording.world
        assert len(cost.frames_ms) == 6  # at 5 Hz of 10
        assert (cost.frames_ms > 0.0).all()


def test_worlds_are_put_together_and_all_frames_count_alike() -> None:
    costs = [
        FrameCost(world="grid", frames_ms=np.array([1.0, 3.0])),
        FrameCost(world="motorway", frames_ms=np.array([8.0])),
        FrameCost(world="grid", frames_ms=np.array([5.0, 3.0])),
    ]
    _, *rows = [line.split() for line in cost_lines(costs)]
    assert rows == [
        ["grid", "4", "3.00", "3.00", "4.70"],
        ["motorway", "1", "8.00", "8.00", "8.00"],
        ["all", "5", "4.00", "3.00", "7.40"],
    ]
