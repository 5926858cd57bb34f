"""The made-up scene as a synced drive of KITTI's raw data: tracklets in the laser scanner's coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from tests.formats.kitti_sensors import (
    CAM_FROM_VELO,
    PROJECTION,
    RECT_FROM_CAM,
    VELO_FROM_IMU,
    agents_in,
    matrix_line,
    oxts_lines,
    world_from_imu,
    write_images,
    write_lines,
)
from tests.formats.scene import CAMERA, MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "headings", "sizes", "frames", "height"})
DAY: Final = "2011_09_26"
DRIVE: Final = f"{DAY}/{DAY}_drive_0001_sync"
LABELS: Final = "tracklet_labels.xml"


def write_kitti_raw(folder: Path, scene: MadeUpScene) -> None:
    """One day with one drive, as the archives of a drive, of its tracklets and of the calibration unpack."""
    poses, drive = world_from_imu(scene), folder / DRIVE
    write_lines(drive / "oxts" / "dataformat.txt", ["lat:   latitude of the oxts-unit (deg)"])
    for step, line in enumerate(oxts_lines(poses)):
        write_lines(drive / "oxts" / "data" / f"{step:010d}.txt", [line])
    write_images(drive / "image_02" / "data", scene, digits=10)
    times = [str(np.datetime64(time_ns, "ns")).replace("T", " ") for time_ns in scene.times_ns.tolist()]
    for sensor in ("oxts", "image_02"):
        write_lines(drive / sensor / "timestamps.txt", times)
    _write_calibration(folder / DAY)
    velo_from_world = np.linalg.inv(poses @ np.linalg.inv(VELO_FROM_IMU))
    agents = agents_in(scene, velo_from_world, up=np.array([0.0, 0.0, 1.0]))
    tracklets = [tracklet for _, rows in agents.groupby("track_id", sort=False) for tracklet in tracklet_lines(rows)]
    write_lines(drive / LABELS, labels_lines(tracklets, count=agents["track_id"].nunique()))


def _write_calibration(day: Path) -> None:
    time = "calib_time: 09-Jan-2012 13:57:47"
    cameras = [time, "corner_dist: 9.950000e-02", matrix_line("R_rect_00:", RECT_FROM_CAM[:3, :3])]
    for number in ("02", "03"):
        cameras += [matrix_line(f"S_rect_{number}:", np.array([CAMERA.width_px, CAMERA.height_px]))]
        cameras += [matrix_line(f"P_rect_{number}:", PROJECTION)]
    write_lines(day / "calib_cam_to_cam.txt", cameras)
    for name, matrix in (("velo_to_cam", CAM_FROM_VELO), ("imu_to_velo", VELO_FROM_IMU)):
        rows = [time, matrix_line("R:", matrix[:3, :3]), matrix_line("T:", matrix[:3, 3])]
        write_lines(day / f"calib_{name}.txt", rows)


def labels_lines(tracklets: list[str], *, count: int) -> list[str]:
    """The whole file, as boost's serialisation has it."""
    return [
        '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>',
        "<!DOCTYPE boost_serialization>",
        '<boost_serialization signature="serialization::archive" version="9">',
        '<tracklets class_id="0" tracking_level="0" version="0">',
        f"\t<count>{count}</count>",
        "\t<item_version>1</item_version>",
        *tracklets,
        "</tracklets>",
        "</boost_serialization>",
    ]


def tracklet_lines(rows: pd.DataFrame) -> list[str]:
    """One agent: its rows, one per step without a gap."""
    first = rows.iloc[0]
    assert (np.diff(rows["step"]) == 1).all()
    told = {"objectType": first["word"], "h": first["height_m"], "w": first["width_m"], "l": first["length_m"]}
    told |= {"first_frame": first["step"]}
    lines = ['\t<item class_id="1" tracking_level="0" version="1">']
    lines += [f"\t\t<{key}>{value}</{key}>" for key, value in told.items()]
    lines += ['\t\t<poses class_id="2" tracking_level="0" version="0">', f"\t\t\t<count>{len(rows)}</count>"]
    lines += ["\t\t\t<item_version>2</item_version>"]
    for row in rows.itertuples():
        values = {"tx": row.x, "ty": row.y, "tz": row.z, "rx": 0, "ry": 0, "rz": np.arctan2(row.fy, row.fx)}
        values |= {"state": 2, "occlusion": 0, "occlusion_kf": 0, "truncation": 0, "amt_occlusion": -1}
        values |= {"amt_border_l": -1, "amt_border_r": -1, "amt_occlusion_kf": -1, "amt_border_kf": -1}
        lines += ['\t\t\t<item class_id="3" tracking_level="0" version="2">']
        lines += [f"\t\t\t\t<{key}>{value}</{key}>" for key, value in values.items()]
        lines += ["\t\t\t</item>"]
    return [*lines, "\t\t</poses>", "\t\t<finished>1</finished>", "\t</item>"]
