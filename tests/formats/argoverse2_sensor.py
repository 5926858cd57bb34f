"""The made-up scene as a log of Argoverse 2's Sensor Dataset: boxes in the ego vehicle's frame, poses in the city."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from shapely import Polygon

from pipeline.drives.categories import Category
from pipeline.files import write_json
from tests.formats.scene import CAMERA, CAMERA_IN_EGO_M, EGO_FROM_OPTICAL, MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "headings", "sizes", "frames", "map", "height"})
LOG: Final = "02678d04-cc9f-3148-9f95-1ba66347dff9"
FRONT: Final = "ring_front_center"
_WORDS: Final = {
    Category.CAR: "REGULAR_VEHICLE",
    Category.TRUCK: "TRUCK",
    Category.BICYCLE: "BICYCLE",
    Category.PEDESTRIAN: "PEDESTRIAN",
}
# The ego frame's origin is the middle of the rear axle: 1.1 m ahead of the rear bumper of a car of 4.877 m, and 0.33 m
# above the road, on which its box of 1.473 m stands.
_CENTRE_IN_EGO_M: Final = np.array([1.3385, 0.0, 0.4065])


def write_argoverse2_sensor(folder: Path, scene: MadeUpScene) -> None:
    log = folder / LOG
    (log / "map").mkdir(parents=True)
    ego = scene.tracks[scene.tracks["is_ego"]]
    heading_rad = ego["heading_rad"].to_numpy()
    city_from_ego = _about_z(heading_rad)
    axles = ego[["x_m", "y_m", "z_m"]].to_numpy() - city_from_ego.apply(_CENTRE_IN_EGO_M)
    poses = _poses(city_from_ego, axles)
    poses.insert(0, "timestamp_ns", scene.times_ns)
    poses.to_feather(log / "city_SE3_egovehicle.feather", compression="lz4")

    # Who is annotated, the recording car among them, as in half of the logs: its centre at the rear axle.
    tracks = scene.tracks
    step = np.searchsorted(scene.times_ns, tracks["timestamp_ns"])
    ego_from_city = _about_z(-heading_rad[step])
    centres = ego_from_city.apply(tracks[["x_m", "y_m", "z_m"]].to_numpy() - axles[step])
    boxes = _poses(
        ego_from_city * _about_z(tracks["heading_rad"].to_numpy()),
        np.where(tracks["is_ego"].to_numpy()[:, None], 0.0, centres),
    )
    words = tracks["category"].map({int(category): word for category, word in _WORDS.items()})
    about = pd.DataFrame(
        {
            "timestamp_ns": tracks["timestamp_ns"],
            "track_uuid": tracks["track_id"].mask(tracks["is_ego"], "a0e1f2a3-0000-4000-8000-00000000e600"),
            "category": words.mask(tracks["is_ego"], "EGO_VEHICLE"),
            **{name: tracks[name] for name in ("length_m", "width_m", "height_m")},
        }
    )
    annotations = pd.concat([about, boxes], axis=1).assign(num_interior_pts=7)
    annotations.to_feather(log / "annotations.feather", compression="lz4")

    _write_camera(log, scene)
    write_json(log / "map" / f"log_map_archive_{LOG}____PIT_city_12345.json", vector_map(scene))


def vector_map(scene: MadeUpScene) -> dict[str, dict[str, dict[str, Any]]]:
    """The scene's map: a lane between its boundaries, a crossing between its edges; points to the centimetre."""
    (lane,), (crossing,) = scene.map.lanes, scene.map.crossings
    right_start, right_end, left_end, left_start = _corners(lane)
    one_start, other_start, other_end, one_end = _corners(crossing)
    segment = {
        "id": 7,
        "is_intersection": False,
        "lane_type": "VEHICLE",
        "left_lane_boundary": _points([left_start, left_end]),
        "right_lane_boundary": _points([right_start, (right_start + right_end) / 2, right_end]),
        "left_lane_mark_type": "NONE",
        "right_lane_mark_type": "SOLID_WHITE",
        "predecessors": [],
        "successors": [8],
        "left_neighbor_id": None,
        "right_neighbor_id": None,
    }
    edges = {"edge1": _points([one_start, one_end]), "edge2": _points([other_start, other_end])}
    areas = {
        str(number): {"area_boundary": _points(_corners(area)), "id": number}
        for number, area in enumerate(scene.map.drivable_area.geoms)
    }
    return {
        "pedestrian_crossings": {"5": {**edges, "id": 5}},
        "lane_segments": {"7": segment},
        "drivable_areas": areas,
    }


def _write_camera(log: Path, scene: MadeUpScene) -> None:
    (log / "calibration").mkdir()
    lens = {"sensor_name": FRONT, "fx_px": CAMERA.fx_px, "fy_px": CAMERA.fy_px, "cx_px": CAMERA.cx_px}
    lens |= {"cy_px": CAMERA.cy_px, "k1": -0.24, "k2": -0.21, "k3": 0.33}
    size = {"height_px": np.uint16(CAMERA.height_px), "width_px": np.uint16(CAMERA.width_px)}
    pd.DataFrame([lens | size]).to_feather(log / "calibration" / "intrinsics.feather")
    place = _poses(EGO_FROM_OPTICAL, _CENTRE_IN_EGO_M + CAMERA_IN_EGO_M)
    place.insert(0, "sensor_name", FRONT)
    place.to_feather(log / "calibration" / "egovehicle_SE3_sensor.feather")
    images = log / "sensors" / "cameras" / FRONT
    images.mkdir(parents=True)
    for step, time_ns in enumerate(scene.times_ns):
        cv2.imwrite(str(images / f"{time_ns}.jpg"), scene.image(step))


def _about_z(angle_rad: Float[np.ndarray, " n"]) -> Rotation:
    return Rotation.from_rotvec(np.outer(angle_rad, [0.0, 0.0, 1.0]))


def _poses(rotation: Rotation, translation_m: Float[np.ndarray, "*n 3"]) -> pd.DataFrame:
    values = np.concatenate([rotation.as_quat(scalar_first=True), translation_m], axis=-1)
    return pd.DataFrame(np.atleast_2d(values), columns=["qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"])


def _corners(polygon: Polygon) -> Float[np.ndarray, "n 2"]:
    return np.array(polygon.exterior.coords)[:-1]


def _points(corners: object) -> list[dict[str, float]]:
    return [{"x": round(x, 2), "y": round(y, 2), "z": 11.25} for x, y in np.asarray(corners).tolist()]
