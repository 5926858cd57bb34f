"""What rendering a camera frame costs on one core, by kind of world."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float

from pipeline.config import SimulateConfig
from pipeline.simulation.recording import Recording, World
from pipeline.simulation.rig import camera_of
from pipeline.simulation.simulate import camera_poses, renderer_of, setting_of, traffic_of

_CAMERA: Final = "front"


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameCost:
    """Of the front camera's frames of one drive.

    Attributes:
        world: Which family its roads belong to.
        frames_ms: Processor time of each frame, without encoding and without what is made once for a drive.
    """

    world: World
    frames_ms: Float[np.ndarray, " n"]


def frame_costs(config: SimulateConfig) -> Iterator[FrameCost]:
    """Simulate drives in memory and render their frames, one after the other, on one core; nothing is written.

    Args:
        config: The ``simulate`` section; ``cameras`` is not asked.

    Raises:
        InputError: SUMO is not installed, cannot make a drive, or failed.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for index in range(config.num_drives):
            recording = traffic_of(index, config=config)
            yield FrameCost(world=recording.world, frames_ms=_measure(recording, index=index, config=config))
    finally:
        cv2.setNumThreads(threads)


def cost_lines(costs: Iterable[FrameCost]) -> Iterator[str]:
    """A table for people: each world's frames together, then all of them."""
    costs = list(costs)
    yield f"{'world':12}{'frames':>8}{'mean':>8}{'median':>8}{'95 %':>8}  ms a frame on one core"
    for world in dict.fromkeys(cost.world for cost in costs):
        yield _line(world, np.concatenate([cost.frames_ms for cost in costs if cost.world == world]))
    yield _line("all", np.concatenate([cost.frames_ms for cost in costs]))


def _line(name: str, frames_ms: Float[np.ndarray, " n"]) -> str:
    figures = (frames_ms.mean(), np.median(frames_ms), np.percentile(frames_ms, 95))
    return f"{name:12}{len(frames_ms):8d}" + "".join(f"{figure:8.2f}" for figure in figures)


def _measure(recording: Recording, *, index: int, config: SimulateConfig) -> Float[np.ndarray, " n"]:
    scenery, weather = setting_of(recording, index=index, config=config)
    renderer = renderer_of(recording, scenery, weather=weather, index=index, config=config)
    camera = camera_of(width_px=config.width_px, height_px=config.height_px)
    spent_ms: list[float] = []
    for time_ns, position_m, quaternion in camera_poses(recording, camera=_CAMERA, config=config):
        start_s = time.process_time()
        renderer.frame(time_ns, camera, position_m, quaternion)
        spent_ms.append(1e3 * (time.process_time() - start_s))
    return np.array(spent_ms)
