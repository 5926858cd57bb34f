"""Simulated drives: traffic, what its ego senses and its camera frames, in the neutral layout; the truth beside."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.config import SimulateConfig
from pipeline.drives.drive import FRAME_COLUMNS, Drive, no_frames
from pipeline.drives.neutral import FORMAT, write_drive
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.parallel import in_processes
from pipeline.simulation.heads import shown_signals
from pipeline.simulation.maps import map_of
from pipeline.simulation.recording import STOP_LINE_COLUMNS, Recording, World
from pipeline.simulation.renderer import Renderer
from pipeline.simulation.rig import CAMERAS, camera_of, camera_pose
from pipeline.simulation.scenery import Scenery, place_scenery
from pipeline.simulation.sensing import Sensed, sense
from pipeline.simulation.traffic import simulate_traffic
from pipeline.simulation.weather import Weather, pick_weather

SOURCE: Final = "headway simulate"
LICENCE: Final = "Apache-2.0"  # this repository's own
# The worlds take turns; those in which drivers give way to one another most often come twice.
_TURNS: Final[tuple[World, ...]] = ("grid", "crossing", "roundabout", "motorway", "crossing", "roundabout")
_JPEG: Final = (cv2.IMWRITE_JPEG_QUALITY, 85)


def drive_name(index: int, *, seed: int) -> str:
    """The name of drive ``index`` of a seed: the kinds of world take turns."""
    return f"{_TURNS[index % len(_TURNS)]}-s{seed}-{index:03d}"


def simulate_all(
    config: SimulateConfig, *, folder: Path, truth: Path, num_processes: int | None = None
) -> Generator[tuple[str, str | None]]:
    """Simulate drives, each on its own, and yield each one's name as it is done, with the line that says why it failed.

    Args:
        config: The ``simulate`` section.
        folder: Each drive becomes a folder in it.
        truth: Likewise, of what the drive does not tell.
        num_processes: At most this many; all processors by default.
    """
    work = partial(_simulate_one, config=config, folder=folder, truth=truth)
    indices = range(config.num_drives)
    for index, problem in in_processes(work, indices, alone_s=0.0, num_processes=num_processes):
        yield drive_name(index, seed=config.seed), problem


def _simulate_one(index: int, *, config: SimulateConfig, folder: Path, truth: Path) -> str | None:
    """Simulate one drive, if it can be; the line that says why not."""
    cv2.setNumThreads(1)  # the drives share the processors
    try:
        simulate_drive(index, config=config, folder=folder, truth=truth)
    except InputError as error:
        name = drive_name(index, seed=config.seed)
        for begun in (folder / name, truth / name):
            shutil.rmtree(begun, ignore_errors=True)
        return f"{name}: {error}"
    return None


def simulate_drive(index: int, *, config: SimulateConfig, folder: Path, truth: Path) -> str:
    """Simulate one drive; the same index and section give the same files, but for ``num_drives``, which is not asked.

    Args:
        index: Of the drive, from 0.
        config: The ``simulate`` section.
        folder: The drive becomes a folder in it.
        truth: Likewise, of what the drive does not tell.

    Returns:
        The drive's name.

    Raises:
        InputError: SUMO is not installed, cannot make this drive, or failed.
    """
    recording = traffic_of(index, config=config)
    return record_drive(recording, index=index, config=config, folder=folder, truth=truth)


def traffic_of(index: int, *, config: SimulateConfig) -> Recording:
    """The true course of one drive, in memory; arguments and errors as for ``simulate_drive``."""
    world, seed = _TURNS[index % len(_TURNS)], _seeds(index, config=config)[0]
    return simulate_traffic(world, seed=seed, duration_s=config.duration_s, rate_hz=config.rate_hz)


def setting_of(recording: Recording, *, index: int, config: SimulateConfig) -> tuple[Scenery, Weather]:
    """What stands beside a drive's roads, and its weather."""
    _, of_scenery, of_weather, *_ = _seeds(index, config=config)
    return place_scenery(recording.network, seed=of_scenery), pick_weather(of_weather)


def renderer_of(
    recording: Recording, scenery: Scenery, *, weather: Weather, index: int, config: SimulateConfig
) -> Renderer:
    """What makes a drive's frames."""
    return Renderer(recording, scenery, weather=weather, seed=_seeds(index, config=config)[4])


def camera_poses(
    recording: Recording, *, camera: str, config: SimulateConfig
) -> Generator[tuple[int, Float[np.ndarray, " 3"], Float[np.ndarray, " 4"]]]:
    """When a camera takes its frames, in nanoseconds, and its true poses then, as ``camera_pose`` gives them."""
    ego = recording.agents[recording.agents["agent_id"] == recording.ego_id]
    every = round(config.rate_hz / config.frame_rate_hz)
    poses = ego[["timestamp_ns", "x_m", "y_m", "heading_rad"]].iloc[::every]
    for time_ns, x_m, y_m, heading_rad in poses.itertuples(index=False):
        position_m, quaternion = camera_pose(CAMERAS[camera], x_m=x_m, y_m=y_m, heading_rad=heading_rad)
        yield int(time_ns), position_m, quaternion


def record_drive(recording: Recording, *, index: int, config: SimulateConfig, folder: Path, truth: Path) -> str:
    """Sense, render and write the drive of an ego through given traffic; arguments as for ``simulate_drive``."""
    name = drive_name(index, seed=config.seed)
    scenery, weather = setting_of(recording, index=index, config=config)
    sensed = sense(recording, scenery, range_m=config.range_m, seed=_seeds(index, config=config)[3])
    renderer = renderer_of(recording, scenery, weather=weather, index=index, config=config)
    camera = camera_of(width_px=config.width_px, height_px=config.height_px)
    drive = Drive(
        name=name,
        format=FORMAT,
        path=folder / name,
        rate_hz=config.rate_hz,
        tracks=sensed.tracks,
        cameras=dict.fromkeys(config.cameras, camera),
        frames=_write_frames(recording, renderer, config=config, folder=folder / name),
        map=map_of(recording.network),
    )
    write_drive(drive, folder / name, source=SOURCE, licence=LICENCE)
    _write_truth(recording, sensed, weather=weather, about={"index": index, "seed": config.seed}, folder=truth / name)
    return name


def _seeds(index: int, *, config: SimulateConfig) -> list[int]:
    """Of traffic, scenery, weather, sensing and frames; below 2^31, as SUMO wants them."""
    return [int(state) >> 1 for state in np.random.SeedSequence([config.seed, index]).generate_state(5)]


def _write_frames(recording: Recording, renderer: Renderer, *, config: SimulateConfig, folder: Path) -> pd.DataFrame:
    """Render every camera from the ego's true pose; the images as JPEG, their table as the result."""
    camera = camera_of(width_px=config.width_px, height_px=config.height_px)
    rows: list[tuple[object, ...]] = []
    for name in config.cameras:
        (folder / "frames" / name).mkdir(parents=True)
        for time_ns, position_m, quaternion in camera_poses(recording, camera=name, config=config):
            image = renderer.frame(time_ns, camera=camera, position_m=position_m, quaternion_wxyz=quaternion)
            path = f"frames/{name}/{time_ns}.jpg"
            (folder / path).write_bytes(cv2.imencode(".jpg", image, _JPEG)[1].tobytes())
            rows.append((time_ns, name, path, *position_m, *quaternion))
    if not rows:
        return no_frames()
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype(FRAME_COLUMNS)


def _write_truth(
    recording: Recording, sensed: Sensed, *, weather: Weather, about: dict[str, int], folder: Path
) -> None:
    """Every agent and signal, each lane's stop line, and the agent behind each row of the drive's tracks.

    Beside the latter the share of it in sight.
    """
    folder.mkdir(parents=True)
    recording.agents.to_parquet(folder / "agents.parquet", index=False)
    recording.signals.to_parquet(folder / "signals.parquet", index=False)
    lines = [(lane_id, each.signal_id, *each.stop_m) for lane_id, each in shown_signals(recording.network).items()]
    pd.DataFrame(lines, columns=list(STOP_LINE_COLUMNS)).astype(STOP_LINE_COLUMNS).to_parquet(
        folder / "stop_lines.parquet", index=False
    )
    tracks = sensed.tracks[["timestamp_ns", "track_id"]].assign(agent_id=sensed.agent_ids, share=sensed.shares)
    tracks.to_parquet(folder / "tracks.parquet", index=False)
    told = {"world": recording.world, **about, "ego_id": recording.ego_id, "rate_hz": recording.rate_hz}
    write_json(folder / "about.json", told | {"weather": asdict(weather)})
