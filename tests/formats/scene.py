"""The made-up scene that every format's writer writes, so that every reader can be held to the same truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import pandas as pd
import shapely
from jaxtyping import Float, Int, UInt8
from scipy.spatial.transform import Rotation
from shapely import LineString, MultiPolygon, Polygon

from pipeline.drives.categories import Category
from pipeline.drives.drive import Camera, project
from pipeline.drives.map import DriveMap

START_NS: Final = 1_600_000_000_000_000_000
RATE_HZ: Final = 10.0
SECONDS: Final = 4.0
EGO: Final = "ego"
ORIGIN_M: Final = np.array([350.0, 120.0, 12.0])  # of the ego's box centre at the start
HEADING_RAD: Final = 0.4  # of the road, and of the ego all along
CAMERA: Final = Camera(width_px=320, height_px=180, fx_px=200.0, fy_px=200.0, cx_px=160.0, cy_px=90.0)
# Of the camera: ahead of the ego's box centre, to its left, above it; it looks straight ahead.
CAMERA_IN_EGO_M: Final = np.array([1.2, 0.1, 0.6])
MARKED: Final = "lead"  # whose box is painted red into the frames
SIZES_M: Final[dict[Category, tuple[float, float, float]]] = {
    Category.CAR: (4.4, 1.8, 1.5),
    Category.TRUCK: (8.0, 2.5, 3.2),
    Category.BICYCLE: (1.8, 0.6, 1.7),
    Category.PEDESTRIAN: (0.6, 0.6, 1.75),
}
_CATEGORIES: Final = {
    EGO: Category.CAR,
    MARKED: Category.CAR,
    "turner": Category.CAR,
    "parked": Category.CAR,
    "late": Category.TRUCK,
    "rider": Category.BICYCLE,
    "walker": Category.PEDESTRIAN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeUpScene:
    """What happened, without noise.

    Seven agents on a level road: the ego drives 8 m/s straight ahead; ``lead`` ahead of it brakes from 8 m/s at 1 m/s2;
    ``turner`` drives a left circle of 12 m radius at 6 m/s; ``parked`` stands; ``late``, a truck, is there from 1.5 s
    on; ``rider`` goes 4 m/s on a bicycle; ``walker`` crosses at 1.4 m/s. All have their true headings; whoever stands
    looks along the road.

    Attributes:
        tracks: timestamp_ns, track_id, category (Category), is_ego, x_m, y_m, z_m (box centre in the world),
            heading_rad, length_m, width_m, height_m; sorted by time, then track.
        times_ns: Of the steps, 10 Hz over 4 s; every step has one frame of the one camera, ``CAMERA``.
        map: A drivable area round everybody, one lane of the ego's with its middle, one crossing at the walker's.
    """

    tracks: pd.DataFrame
    times_ns: Int[np.ndarray, " t"]
    map: DriveMap

    def camera_pose(self) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 4"]]:
        """The camera's place in the world and its quaternion w, x, y, z (world from optical axes), at every step."""
        ego = self.tracks[self.tracks["is_ego"]]
        world_from_ego = Rotation.from_rotvec(np.outer(ego["heading_rad"].to_numpy(), [0.0, 0.0, 1.0]))
        position = ego[["x_m", "y_m", "z_m"]].to_numpy() + world_from_ego.apply(CAMERA_IN_EGO_M)
        return position, (world_from_ego * EGO_FROM_OPTICAL).as_quat(scalar_first=True)

    def image(self, step: int) -> UInt8[np.ndarray, "v u 3"]:
        """The camera's picture at a step (BGR): grey, the marked agent's box as a red rectangle where it is seen."""
        image = np.full((CAMERA.height_px, CAMERA.width_px, 3), 90, np.uint8)
        now = self.tracks[(self.tracks["timestamp_ns"] == self.times_ns[step]) & (self.tracks["track_id"] == MARKED)]
        position, quaternion = self.camera_pose()
        corners = project(
            box_corners(now)[0], camera=CAMERA, position_m=position[step], quaternion_wxyz=quaternion[step]
        )[:, :2]
        low, high = np.round(corners.min(axis=0)).astype(int), np.round(corners.max(axis=0)).astype(int)
        cv2.rectangle(image, low.tolist(), high.tolist(), (0, 0, 255), thickness=-1)
        return image


EGO_FROM_OPTICAL: Final = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def box_corners(rows: pd.DataFrame) -> Float[np.ndarray, "n 8 3"]:
    """The corners of boxes in the world."""
    signs = np.array([[a, b, c] for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (-0.5, 0.5)])
    local = signs * rows[["length_m", "width_m", "height_m"]].to_numpy()[:, None]
    cos, sin = np.cos(rows["heading_rad"].to_numpy()), np.sin(rows["heading_rad"].to_numpy())
    x = cos[:, None] * local[..., 0] - sin[:, None] * local[..., 1]
    y = sin[:, None] * local[..., 0] + cos[:, None] * local[..., 1]
    return rows[["x_m", "y_m", "z_m"]].to_numpy()[:, None] + np.stack([x, y, local[..., 2]], axis=-1)


def made_up_scene() -> MadeUpScene:
    """The scene; always the same."""
    t = np.arange(round(SECONDS * RATE_HZ) + 1) / RATE_HZ
    along = np.zeros_like(t)
    turn = 0.5 * t  # 6 m/s on 12 m
    # Along the road and to its left, from the ego's start; heading relative to the road.
    paths = {
        EGO: (8.0 * t, along, along),
        MARKED: (15.0 + 8.0 * t - 0.5 * t**2, along, along),
        "turner": (20.0 + 12.0 * np.sin(turn), 8.0 + 12.0 * (1.0 - np.cos(turn)), turn),
        "parked": (30.0 + along, -5.0 + along, along),
        "late": (50.0 - 10.0 * t, 4.0 + along, along + np.pi),
        "rider": (10.0 + 4.0 * t, -3.0 + along, along),
        "walker": (45.0 + along, -6.0 + 1.4 * t, along + np.pi / 2),
    }
    times_ns = START_NS + np.round(t * 1e9).astype(np.int64)
    tracks = pd.concat(
        [_rows(name, *path, times_ns=times_ns)[t >= (1.5 if name == "late" else 0.0)] for name, path in paths.items()]
    )
    tracks = tracks.sort_values(["timestamp_ns", "track_id"], ignore_index=True)
    return MadeUpScene(tracks=tracks, times_ns=times_ns, map=_map())


def _rows(
    name: str,
    s_m: Float[np.ndarray, " t"],
    d_m: Float[np.ndarray, " t"],
    heading_rad: Float[np.ndarray, " t"],
    *,
    times_ns: Int[np.ndarray, " t"],
) -> pd.DataFrame:
    category = _CATEGORIES[name]
    length, width, height = SIZES_M[category]
    xy = _world(np.stack([s_m, d_m], axis=-1))
    on_ground = ORIGIN_M[2] - SIZES_M[Category.CAR][2] / 2
    return pd.DataFrame(
        {
            "timestamp_ns": times_ns,
            "track_id": name,
            "category": int(category),
            "is_ego": name == EGO,
            "x_m": xy[:, 0],
            "y_m": xy[:, 1],
            "z_m": on_ground + height / 2,
            "heading_rad": np.arctan2(np.sin(heading_rad + HEADING_RAD), np.cos(heading_rad + HEADING_RAD)),
            "length_m": length,
            "width_m": width,
            "height_m": height,
        }
    )


def _world(road_m: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    cos, sin = np.cos(HEADING_RAD), np.sin(HEADING_RAD)
    return ORIGIN_M[:2] + road_m @ np.array([[cos, sin], [-sin, cos]])


def _map() -> DriveMap:
    def box(s_from: float, s_to: float, d_from: float, d_to: float) -> Polygon:
        return Polygon(_world(np.array([[s_from, d_from], [s_to, d_from], [s_to, d_to], [s_from, d_to]])))

    area = box(-20.0, 80.0, -10.0, 40.0)
    assert shapely.is_valid(area)
    return DriveMap(
        lanes=(box(-20.0, 80.0, -1.75, 1.75),),
        crossings=(box(43.0, 47.0, -8.0, 6.0),),
        drivable_area=MultiPolygon([area]),
        centerlines=(LineString(_world(np.array([[-20.0, 0.0], [80.0, 0.0]]))),),
    )
