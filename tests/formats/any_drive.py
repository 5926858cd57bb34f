"""What holds for every drive that a reader delivers, made up or real: no truth is needed to check it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from jaxtyping import Float

from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import FRAME_COLUMNS, TRACK_COLUMNS, Drive, project
from pipeline.drives.reader import is_plain_name
from pipeline.drives.words import category_of

SIZES = ["length_m", "width_m", "height_m"]
QUATERNION = ["qw", "qx", "qy", "qz"]


def assert_sound(drive: Drive) -> None:
    """All that holds for any drive: names, types, times, categories, sizes, the ego, cameras, frames and map."""
    assert is_plain_name(drive.name)
    assert drive.tracks.dtypes.astype(str).to_dict() == TRACK_COLUMNS
    assert drive.frames.dtypes.astype(str).to_dict() == FRAME_COLUMNS
    assert all(
        "\n" not in text for text in (*drive.notes, *(f"{entry.where}{entry.reason}" for entry in drive.dropped))
    )
    _assert_times(drive)
    _assert_agents(drive)
    _assert_frames(drive)
    if drive.map is not None:
        _assert_map(drive)


def _assert_times(drive: Drive) -> None:
    """Nobody is measured twice at a time; the times of an agent are as far apart as the drive's rate says."""
    tracks = drive.tracks.sort_values(["track_id", "timestamp_ns"])
    same = tracks["track_id"] == tracks["track_id"].shift()
    steps_s = tracks["timestamp_ns"].diff()[same] / 1e9
    assert (steps_s > 0).all()
    steps_s = steps_s[~tracks["is_ego"]]  # the recording car may know its pose more often
    assert 0.95 < steps_s.median() * drive.rate_hz < 1.05
    assert (steps_s * drive.rate_hz > 0.5).all()


def _assert_agents(drive: Drive) -> None:
    """Every agent has one category, which is that of the source's word, and a size of its kind or none."""
    tracks = drive.tracks
    assert (tracks["track_id"].str.strip() != "").all()
    assert (tracks["source_row"] >= 1).all()
    assert tracks.loc[tracks["is_ego"], "track_id"].unique().tolist() in ([], ["ego"])
    assert not tracks.loc[~tracks["is_ego"], "track_id"].eq("ego").any()
    others = tracks[~tracks["is_ego"]]
    words = others.groupby("raw_category")["category"].unique()
    for word, numbers in words.items():
        assert list(numbers) == [Category.OTHER if (known := category_of(str(word))) is None else known], word
    sizes = tracks[SIZES].to_numpy()
    assert (np.isnan(sizes) | ((sizes > 0.0) & (sizes < 50.0))).all()
    cars = tracks[tracks["category"] == Category.CAR].drop_duplicates("track_id").dropna(subset=SIZES)
    if len(cars):  # a median car, its length along its heading: swapped columns and other units show
        length, width, height = cars[SIZES].median()
        assert 3.0 < length < 6.0
        assert 1.4 < width < 2.5
        assert 1.2 < height < 2.4
    assert np.isfinite(tracks[["x_m", "y_m", "z_m"]].to_numpy()).all()
    assert (tracks["heading_rad"].dropna().abs() <= 2 * np.pi).all()


def _assert_frames(drive: Drive) -> None:
    """Every frame is an image in the drive's folder, of a level camera on the ego that sees agents."""
    assert set(drive.frames["camera"]) == set(drive.cameras)
    assert not drive.frames.duplicated(["camera", "timestamp_ns"]).any()
    root = drive.path.resolve()
    for path in drive.frames["path"]:
        assert (root / path).is_file()
        assert (root / path).resolve().is_relative_to(root)
    np.testing.assert_allclose(np.linalg.norm(drive.frames[QUATERNION], axis=1), 1.0, atol=1e-6)
    ego = drive.tracks[drive.tracks["is_ego"]].sort_values("timestamp_ns")
    for name, frames in drive.frames.sort_values("timestamp_ns").groupby("camera"):
        w, x, y, z = frames[QUATERNION].to_numpy().T
        down = 2 * (y * z + w * x)  # the world's z in the image's y axis
        assert (down < -0.9).all(), name
        both = pd.merge_asof(frames, ego, on="timestamp_ns", direction="nearest", suffixes=("", "_ego"))
        offset = both[["x_m", "y_m", "z_m"]].to_numpy() - both[["x_m_ego", "y_m_ego", "z_m_ego"]].to_numpy()
        assert np.linalg.norm(offset, axis=1).max() < 6.0, name
        assert seen_share(drive, str(name)) > 0.0, name


def seen_share(drive: Drive, camera: str) -> float:
    """Of the agents' box centres nearer than 60 m at the camera's frames, how many fall into its image."""
    frames = drive.frames[drive.frames["camera"] == camera].sort_values("timestamp_ns")
    times = np.unique(drive.tracks["timestamp_ns"])
    nearest = times[np.abs(times[None] - frames["timestamp_ns"].to_numpy()[:, None]).argmin(axis=1)]
    agents = drive.tracks[~drive.tracks["is_ego"]]
    both = frames.assign(nearest=nearest).merge(agents, left_on="nearest", right_on="timestamp_ns", suffixes=("_c", ""))
    points, place = both[["x_m", "y_m", "z_m"]].to_numpy(), both[["x_m_c", "y_m_c", "z_m_c"]].to_numpy()
    near = np.linalg.norm(points - place, axis=1) < 60.0
    lens = drive.cameras[camera]
    seen = project(points, camera=lens, position_m=place, quaternion_wxyz=both[QUATERNION].to_numpy())
    inside = (seen >= 0).all(axis=1) & (seen[:, 0] < lens.width_px) & (seen[:, 1] < lens.height_px)
    return float(inside[near].mean()) if near.any() else 0.0


def _assert_map(drive: Drive) -> None:
    """Agents are within the map: it lies in the world frame of the tracks."""
    assert drive.map is not None
    left, bottom, right, top = drive.map.bounds_m
    tracks = drive.tracks
    assert (tracks["x_m"].between(left, right) & tracks["y_m"].between(bottom, top)).mean() > 0.3


def on_drivable_area(drive: Drive, group: Group = Group.VEHICLE) -> Float[np.ndarray, " a"]:
    """For every agent of a group that moves over 2 m, the share of its box centres on the drivable area."""
    assert drive.map is not None
    tracks = drive.tracks[drive.tracks["category"].map(lambda number: Category(number).group is group)]
    on = shapely.contains_xy(drive.map.drivable_area, tracks["x_m"], tracks["y_m"])
    agents = tracks.assign(on=on).groupby("track_id").agg({"on": "mean", "x_m": np.ptp, "y_m": np.ptp})
    return agents.loc[np.hypot(agents["x_m"], agents["y_m"]) > 2.0, "on"].to_numpy()


def turn_from_motion_rad(drive: Drive, *, over_s: float, group: Group | None = None) -> Float[np.ndarray, " n"]:
    """Between each agent's heading and its motion over the time around it, where that is over 2 m.

    Args:
        drive: Any.
        over_s: The time, half of it before.
        group: Of these alone; of all by default.
    """
    turns: list[Float[np.ndarray, " n"]] = []
    for _, track in drive.tracks.sort_values("timestamp_ns").groupby("track_id"):
        if group is not None and Category(int(track["category"].iloc[0])).group is not group:
            continue
        half = max(1, round(over_s * drive.rate_hz / 2))
        xy, heading = track[["x_m", "y_m"]].to_numpy(), track["heading_rad"].to_numpy()
        if len(xy) <= 2 * half:
            continue
        motion, middle = xy[2 * half :] - xy[: -2 * half], heading[half:-half]
        told = (np.linalg.norm(motion, axis=1) > 2.0) & ~np.isnan(middle)
        turns.append((np.angle(np.exp(1j * (np.arctan2(motion[:, 1], motion[:, 0]) - middle))))[told])
    return np.concatenate([np.zeros(0), *turns])


def assert_same_drive(one: Drive, other: Drive) -> None:
    """Two readings of one drive, to the bit."""
    pd.testing.assert_frame_equal(one.tracks, other.tracks, check_exact=True)
    pd.testing.assert_frame_equal(one.frames, other.frames, check_exact=True)
    for field in ("name", "format", "path", "rate_hz", "cameras", "map", "dropped", "notes"):
        assert getattr(one, field) == getattr(other, field), field


def folder_state(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder below a folder, with its time of change and its content's digest."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }
