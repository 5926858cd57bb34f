"""Camera poses that cannot be right: nobody who is near is ever in a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from pipeline.drives.drive import POSE_COLUMNS, Camera, Drive, project
from pipeline.errors import Suspicion
from pipeline.ingest.reject import MAX_POSITION_M
from pipeline.ingest.suspicions.paths import Paths

POSE: Final = "camera pose"
FRAME_TIMES: Final = "frame times"
_NUM_FRAMES: Final = 60  # looked at, over the whole drive
_NEAR_M: Final = (3.0, 40.0)  # from the camera: seen, unless it looks elsewhere
# Of so many road users near cameras, some are in a picture: a front camera of 60 degrees sees one in six of those all
# around, and so it is at the least in the real drives here. A side camera may see nobody, but some must be near.
_LEAST_LOOKS: Final = 40
_LEAST_AGENTS: Final = 5
_FEW: Final = 0.03
_FAR_APART_S: Final = 1.0
_CLOSE_S: Final = 1e-3  # no camera takes a thousand frames a second
_LEVEL: Final = -0.7  # cosine: pitched and rolled by less than 45 degrees
_TODO: Final = "give the camera's pose in the world: optical axes x right, y down, z forward; quaternion w, x, y, z"
_VEHICLE_FROM_OPTICAL: Final = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
_OPENGL_FROM_OPTICAL: Final = Rotation.from_matrix([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looks:
    """Pairs of a frame and a road user near its camera at about its time.

    Attributes:
        camera: Of each, an index into the drive's cameras.
        position_m: Of each camera.
        pose: World from camera, of each.
        agent_m: Of each road user.
        track: Number of each road user's track.
    """

    camera: Int[np.ndarray, " n"]
    position_m: Float[np.ndarray, "n 3"]
    pose: Rotation
    agent_m: Float[np.ndarray, "n 3"]
    track: Int[np.ndarray, " n"]


def suspect_cameras(paths: Paths, drive: Drive) -> list[Suspicion]:
    """Look at who is near the cameras at some of the frames, and whether the pictures show them."""
    frames = _some_frames(drive)
    if frames.empty or not len(paths.rows):
        return []
    times = np.unique(paths.times_ns)
    wanted = frames["timestamp_ns"].to_numpy(np.int64)
    off_s = np.abs(times[_nearest(times, wanted)] * 1e-9 - wanted * 1e-9)
    if np.mean(off_s > max(_FAR_APART_S, 2.0 * paths.step_s)) > 0.5:
        what = f"frames lie {np.median(off_s):.3g} s from the measurement next to them in the median"
        cause, todo = "another clock or another unit than the tracks'", "give both times in nanoseconds of one clock"
        return [Suspicion(kind=FRAME_TIMES, where=f"{paths.name}: frames", what=what, cause=cause, todo=todo)]
    apart_s = _apart_s(drive.frames)
    if apart_s < _CLOSE_S:
        what = f"frames of one camera are {apart_s:.3g} s apart in the median"
        cause, todo = "times in another unit", "write nanoseconds"
        return [Suspicion(kind=FRAME_TIMES, where=f"{paths.name}: frames", what=what, cause=cause, todo=todo)]
    cameras = list(drive.cameras.values())
    looks = _looks(paths, frames, names=list(drive.cameras))
    pose = Rotation.from_quat(frames[["qw", "qx", "qy", "qz"]].to_numpy(), scalar_first=True)
    down = float(np.median(_down(pose)))
    seen = _seen(looks, cameras, position_m=looks.position_m, pose=looks.pose)
    cause, better = _cause(looks, cameras)
    enough = len(looks.track) >= _LEAST_LOOKS and len(np.unique(looks.track)) >= _LEAST_AGENTS
    few = down > _LEVEL or seen < _FEW * len(looks.track)  # one that hangs below a drone is not level and sees many
    blind = seen == 0 or (few and better > 3 * seen)
    if down < 0.5 and not (enough and blind):
        return []
    what = f"of {len(looks.track)} road users near a camera, {seen} are in its picture"
    if down >= 0.5:
        what = "the pictures' lower edge points up"
    return [Suspicion(kind=POSE, where=f"{paths.name}: frames", what=what, cause=cause, todo=_TODO)]


def _some_frames(drive: Drive) -> pd.DataFrame:
    """Frames of cameras that are known, with a pose, spread over the drive."""
    frames = drive.frames[drive.frames["camera"].isin(list(drive.cameras))]
    numbers = frames[[*POSE_COLUMNS]].to_numpy(np.float64)
    norm = np.linalg.norm(np.clip(numbers[:, 3:], -2.0, 2.0), axis=1)
    near = (np.abs(numbers[:, :3]) <= MAX_POSITION_M).all(axis=1)  # NaN is not
    frames = frames[near & (np.abs(norm - 1.0) < 1e-2)]
    frames = frames.sort_values(["timestamp_ns", "camera"])
    return frames.iloc[np.linspace(0, len(frames) - 1, min(len(frames), _NUM_FRAMES)).astype(np.int64)]


def _apart_s(frames: pd.DataFrame) -> float:
    """Median time between the frames of a camera; infinite where none has two."""
    ordered = frames[["camera", "timestamp_ns"]].drop_duplicates().sort_values(["camera", "timestamp_ns"])
    same = (ordered["camera"] == ordered["camera"].shift()).to_numpy(np.bool_)[1:]
    apart_s = np.diff(ordered["timestamp_ns"].to_numpy(np.int64) * 1e-9)[same]
    return float(np.median(apart_s)) if len(apart_s) else math.inf


def _nearest(times: Int[np.ndarray, " u"], wanted: Int[np.ndarray, " f"]) -> Int[np.ndarray, " f"]:
    """Index of the time nearest to each one wanted."""
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    late, early = times[after] * 1e-9 - wanted * 1e-9, wanted * 1e-9 - times[before] * 1e-9
    return np.where(np.abs(early) <= np.abs(late), before, after)


def _looks(paths: Paths, frames: pd.DataFrame, *, names: list[str]) -> _Looks:
    """Everybody but the ego, at the measurement nearest to each frame.

    A pose that means something else may lie far away, so near is near the ego, where there is one.
    """
    rows = paths.rows
    times, moment = np.unique(paths.times_ns, return_inverse=True)
    order = np.argsort(moment, kind="stable")
    at = np.searchsorted(moment[order], np.arange(len(times) + 1))
    here = _nearest(times, frames["timestamp_ns"].to_numpy(np.int64))
    parts = [order[at[index] : at[index + 1]] for index in here]
    row = np.concatenate(parts)
    frame = np.repeat(np.arange(len(frames)), [len(part) for part in parts])
    position = frames[["x_m", "y_m", "z_m"]].to_numpy(np.float64)
    xyz, is_ego = rows[["x_m", "y_m", "z_m"]].to_numpy(np.float64), rows["is_ego"].to_numpy(np.bool_)
    centre = position.copy()
    centre[frame[is_ego[row]]] = xyz[row[is_ego[row]]]
    distance_m = np.linalg.norm(xyz[row] - centre[frame], axis=1)
    chosen = ~is_ego[row] & (distance_m >= _NEAR_M[0]) & (distance_m <= _NEAR_M[1])
    row, frame = row[chosen], frame[chosen]
    quaternion = frames[["qw", "qx", "qy", "qz"]].to_numpy(np.float64)[frame]
    return _Looks(
        camera=np.array([names.index(name) for name in frames["camera"]], dtype=np.int64)[frame],
        position_m=position[frame],
        pose=Rotation.from_quat(quaternion.reshape(-1, 4), scalar_first=True),
        agent_m=xyz[row],
        track=paths.track[row],
    )


def _down(pose: Rotation) -> Float[np.ndarray, " n"]:
    """How much a camera's y axis, down in the picture, points up in the world: -1 for a level camera."""
    return pose.as_matrix()[:, 2, 1]


def _seen(looks: _Looks, cameras: list[Camera], *, position_m: Float[np.ndarray, "n 3"], pose: Rotation) -> int:
    """How many are in the picture."""
    count = 0
    quaternion = pose.as_quat(scalar_first=True)
    for index, camera in enumerate(cameras):
        here = looks.camera == index
        with np.errstate(over="ignore", invalid="ignore"):  # calibrations may say anything
            u, v, depth = project(
                looks.agent_m[here], camera=camera, position_m=position_m[here], quaternion_wxyz=quaternion[here]
            ).T
        inside = (u >= 0) & (u < camera.width_px) & (v >= 0) & (v < camera.height_px)
        count += int((inside & (depth > 0.0)).sum())
    return count


def _cause(looks: _Looks, cameras: list[Camera]) -> tuple[str, int]:
    """The meaning under which the cameras look level and show the most of those near them, and how many it shows."""
    best, most = "axes that are not optical ones, or another world frame than the tracks'", 0
    if not len(looks.track):
        return best, most
    wxyz = looks.pose.as_quat(scalar_first=True)
    meanings = {
        "poses with the vehicle's axes, x forward and z up": (looks.position_m, looks.pose * _VEHICLE_FROM_OPTICAL),
        "poses with axes y up and z backward": (looks.position_m, looks.pose * _OPENGL_FROM_OPTICAL),
        "quaternions in the order x, y, z, w": (looks.position_m, Rotation.from_quat(wxyz)),
        "poses that take the world into the camera": (-looks.pose.inv().apply(looks.position_m), looks.pose.inv()),
    }
    for words, (position_m, pose) in meanings.items():
        seen = _seen(looks, cameras, position_m=position_m, pose=pose)
        if np.median(_down(pose)) < _LEVEL and seen > most:
            best, most = words, seen
    return best, most
