"""A small made-up drive in the neutral layout: traffic that stops and goes, and a camera that watches it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.drives.drive import FRAME_COLUMNS, TRACK_COLUMNS, Camera, Drive, no_frames, project
from pipeline.drives.neutral import write_drive
from pipeline.drives.words import categories_of

CAMERA: Final = "front_camera"
START_NS: Final = 1_600_000_000_000_000_000
ROAD_HEADING_RAD: Final = 0.4  # the road lies askew in the world, far from its origin
ROAD_ORIGIN_M: Final = np.array([350.0, -120.0, 12.0])
CAMERA_HEIGHT_M: Final = 1.5
COLOURS_BGR: Final = {
    "ego": (0, 0, 0),
    "leader": (40, 40, 200),
    "follower": (200, 120, 40),
    "oncoming": (60, 180, 60),
    "turning": (180, 180, 60),
    "bicycle": (180, 40, 180),
    "parked": (150, 150, 150),
    "cone": (0, 120, 255),
    "walker": (90, 60, 30),
    "crosser": (30, 60, 90),
}

Floats = Float[np.ndarray, " t"]


class _Agent(NamedTuple):
    """One agent along the road: s ahead, d to the left, in road coordinates."""

    word: str
    size_m: tuple[float, float, float]  # length, width, height
    s_m: Floats
    d_m: Floats
    heading_rad: Floats
    colour_bgr: tuple[int, int, int]


def write_small_drive(
    folder: Path,
    *,
    seed: int = 0,
    seconds: float = 12.0,
    rate_hz: float = 10.0,
    with_frames: bool = True,
    frame_rate_hz: float = 5.0,
    image_px: tuple[int, int] = (160, 96),
    noise_m: float = 0.02,
    start_ns: int = START_NS,
    table: Literal["csv", "parquet"] = "csv",
) -> Path:
    """Write a drive: leader, follower and ego in a queue, other cars, a two-wheeler, a cone, pedestrians; ten in all.

    Args:
        folder: The drive's folder; its name is the drive's name. Made where it is missing.
        seed: Of starts, speeds and measurement noise.
        seconds: Length of the drive.
        rate_hz: Of the measurements.
        with_frames: Write a front camera's pictures too.
        frame_rate_hz: Of the pictures.
        image_px: Width and height of the pictures.
        noise_m: Standard deviation of the measured positions; the cone and the parked car have it too.
        start_ns: Time of the first measurement.
        table: How the tables are written.

    Returns:
        ``folder``.
    """
    times_s = np.arange(0.0, seconds + 1e-9, 1.0 / rate_hz)
    frame_times_s = np.arange(0.0, seconds + 1e-9, 1.0 / frame_rate_hz)
    rng = np.random.default_rng(seed)
    world = _world(rng)
    measured = world(times_s)
    noise = rng.normal(0.0, noise_m, (len(times_s), len(measured), 2))  # a longer drive begins like a shorter one
    tracks = _tracks(measured, times_s, start_ns=start_ns, noise=noise.swapaxes(0, 1))
    width, height = image_px
    camera = Camera(
        width_px=width, height_px=height, fx_px=0.8 * width, fy_px=0.8 * width, cx_px=width / 2, cy_px=0.4 * height
    )
    frames = no_frames()
    if with_frames:
        frames = _frames(folder, world(frame_times_s), frame_times_s, camera=camera, start_ns=start_ns)
    drive = Drive(
        name=folder.name,
        format="neutral",
        path=folder,
        rate_hz=rate_hz,
        tracks=tracks,
        cameras={CAMERA: camera} if with_frames else {},
        frames=frames,
    )
    write_drive(drive, folder, table=table)
    return folder


def _world(rng: np.random.Generator) -> Callable[[Floats], dict[str, _Agent]]:
    """Draw the speeds and starts once; give the agents' true places at any times."""
    phase, period = rng.uniform(0.0, 2.0), rng.uniform(8.0, 12.0)
    oncoming_mps, bicycle_mps, turn_start_s = rng.uniform(7.0, 11.0), rng.uniform(3.5, 5.5), rng.uniform(1.0, 3.0)
    walk_mps = rng.uniform(1.0, 1.6, 2)
    grid_s = np.linspace(-5.0, 3600.0, 360_501)
    speed_mps = np.maximum(0.0, 4.0 + 6.0 * np.sin(2.0 * np.pi * grid_s / period + phase))  # stop and go
    travelled_m = np.concatenate([[0.0], np.cumsum(np.diff(grid_s) * speed_mps[1:])])

    def places(t: Floats) -> dict[str, _Agent]:
        def queue(delay_s: float) -> Floats:  # each repeats the one before it, a moment later
            return np.interp(t - delay_s, grid_s, travelled_m)

        still, zero = np.ones_like(t), np.zeros_like(t)
        car, rider, walker = (4.5, 1.8, 1.5), (1.8, 0.6, 1.7), (0.6, 0.6, 1.7)
        # A car ahead turns left across the road: a straight piece, a quarter circle of 8 m, and away.
        run = 6.0 * np.maximum(t - turn_start_s, 0.0)
        angle = np.clip((run - 10.0) / 8.0, 0.0, np.pi / 2)
        after = np.maximum(run - 10.0 - 8.0 * np.pi / 2, 0.0)
        turn_s = 70.0 + np.minimum(run, 10.0) + 8.0 * np.sin(angle)
        turn_d = 8.0 * (1.0 - np.cos(angle)) + after
        rows: dict[str, tuple[str, tuple[float, float, float], Floats, Floats, Floats]] = {
            "ego": ("ego", car, queue(2.0) - 16.0, zero, zero),
            "leader": ("car", car, queue(0.0) + 8.0, zero, zero),
            "follower": ("car", car, queue(1.0) - 4.0, zero, zero),
            "oncoming": ("vehicle", car, 160.0 - oncoming_mps * t, 3.5 * still, np.pi * still),
            "turning": ("car", car, turn_s, turn_d, angle),
            "bicycle": ("cyclist", rider, 10.0 + bicycle_mps * t, -2.5 * still, zero),
            "parked": ("car", car, 30.0 * still, -5.0 * still, zero),
            "cone": ("cone", (0.4, 0.4, 0.8), 25.0 * still, 7.0 * still, zero),
            "walker": ("pedestrian", walker, 15.0 + walk_mps[0] * t, -7.5 * still, zero),
            "crosser": ("pedestrian", walker, 110.0 * still, -8.0 + walk_mps[1] * t, np.pi / 2 * still),
        }
        return {name: _Agent(*row, COLOURS_BGR[name]) for name, row in rows.items()}

    return places


def _to_world(s_m: np.ndarray, d_m: np.ndarray, z_m: np.ndarray | float) -> Float[np.ndarray, "*p 3"]:
    """Road coordinates to the world."""
    cos, sin = np.cos(ROAD_HEADING_RAD), np.sin(ROAD_HEADING_RAD)
    return np.stack(np.broadcast_arrays(cos * s_m - sin * d_m, sin * s_m + cos * d_m, z_m), axis=-1) + ROAD_ORIGIN_M


def _tracks(agents: dict[str, _Agent], times_s: np.ndarray, *, start_ns: int, noise: np.ndarray) -> pd.DataFrame:
    """The agents' true places, measured with ``noise`` [agent t 2]."""
    parts: list[pd.DataFrame] = []
    for (name, agent), error_m in zip(agents.items(), noise, strict=True):
        xyz = _to_world(agent.s_m, agent.d_m, agent.size_m[2] / 2)
        heading = agent.heading_rad + ROAD_HEADING_RAD
        parts.append(
            pd.DataFrame(
                {
                    "source_row": 0,
                    "timestamp_ns": start_ns + np.rint(times_s * 1e9).astype(np.int64),
                    "track_id": name,
                    "category": categories_of([agent.word])[0][0],
                    "raw_category": agent.word,
                    "is_ego": name == "ego",
                    "x_m": xyz[:, 0] + error_m[:, 0],
                    "y_m": xyz[:, 1] + error_m[:, 1],
                    "z_m": xyz[:, 2],
                    "heading_rad": np.arctan2(np.sin(heading), np.cos(heading)),
                    "length_m": agent.size_m[0],
                    "width_m": agent.size_m[1],
                    "height_m": agent.size_m[2],
                }
            )
        )
    tracks = pd.concat(parts).sort_values(["timestamp_ns", "track_id"], ignore_index=True)
    tracks["source_row"] = np.arange(len(tracks)) + 2
    return tracks.astype(TRACK_COLUMNS)[list(TRACK_COLUMNS)]


def _frames(
    folder: Path, agents: dict[str, _Agent], times_s: np.ndarray, *, camera: Camera, start_ns: int
) -> pd.DataFrame:
    """Draw and save what the camera sees above the ego's bonnet, and say where it stood."""
    ego = agents["ego"]
    places = _to_world(ego.s_m + 1.5, ego.d_m, CAMERA_HEIGHT_M)
    quaternion = level_camera_quaternion(ROAD_HEADING_RAD)
    (folder / "frames" / CAMERA).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[object, ...]] = []
    for step, time_s in enumerate(times_s):
        timestamp_ns = start_ns + round(time_s * 1e9)
        path = f"frames/{CAMERA}/{timestamp_ns}.jpg"
        picture = _picture(agents, step, camera=camera, position_m=places[step], quaternion=quaternion)
        done, jpeg = cv2.imencode(".jpg", picture)
        assert done
        (folder / path).write_bytes(jpeg.tobytes())
        rows.append((timestamp_ns, CAMERA, path, *places[step], *quaternion))
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype(FRAME_COLUMNS)


def level_camera_quaternion(heading_rad: float) -> Float[np.ndarray, " 4"]:
    """World from camera (wxyz) for a level camera that looks along ``heading_rad``."""
    # A turn about z after the one that lays the optical axes (x right, y down, z forward) into x forward, z up.
    half = heading_rad / 2
    w, x, y, z = 0.5, -0.5, 0.5, -0.5
    cos, sin = np.cos(half), np.sin(half)
    return np.array([cos * w - sin * z, cos * x - sin * y, cos * y + sin * x, cos * z + sin * w])


def _picture(
    agents: dict[str, _Agent], step: int, *, camera: Camera, position_m: np.ndarray, quaternion: np.ndarray
) -> np.ndarray:
    """Sky, ground, road and the agents' boxes, the far ones first."""
    picture = np.full((camera.height_px, camera.width_px, 3), (210, 170, 130), np.uint8)
    picture[round(camera.cy_px) :] = (90, 120, 90)

    def seen(s_m: np.ndarray, d_m: np.ndarray, z_m: np.ndarray | float) -> np.ndarray:
        points = _to_world(s_m, d_m, z_m)
        return project(points, camera=camera, position_m=position_m, quaternion_wxyz=quaternion)

    near = agents["ego"].s_m[step] + 3.5
    for left, right, colour in ((5.5, -6.0, (80, 80, 80)), (1.85, 1.65, (230, 230, 230))):
        corners = seen(np.array([near, near, near + 200, near + 200]), np.array([left, right, right, left]), 0.0)
        cv2.fillConvexPoly(picture, np.rint(corners[:, :2]).astype(np.int32), colour)
    boxes: list[tuple[float, np.ndarray, tuple[int, int, int]]] = []
    for name, agent in agents.items():
        ahead, left, up = np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [0.0, 1.0], indexing="ij")
        length, width, height = agent.size_m
        cos, sin = np.cos(agent.heading_rad[step]), np.sin(agent.heading_rad[step])
        s_m = agent.s_m[step] + cos * ahead.ravel() * length - sin * left.ravel() * width
        d_m = agent.d_m[step] + sin * ahead.ravel() * length + cos * left.ravel() * width
        corners = seen(s_m, d_m, up.ravel() * height)
        if name != "ego" and corners[:, 2].min() > 0.5:
            boxes.append((float(corners[:, 2].mean()), corners[:, :2], agent.colour_bgr))
    for _, corners, colour in sorted(boxes, key=lambda box: -box[0]):
        cv2.fillConvexPoly(picture, cv2.convexHull(np.rint(corners).astype(np.int32)), colour)
    return picture
