"""What the tracks and the map tell of camera frames: labels that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from einops import rearrange
from jaxtyping import Bool, Float, Int

from models.lamps import NUM_LAMPS
from pipeline.baselines.history import groups as groups_of
from pipeline.behaviour.manoeuvre import manoeuvres, present_speed
from pipeline.behaviour.present import present
from pipeline.config import SceneConfig, WindowsConfig
from pipeline.drives.categories import Group
from pipeline.drives.drive import POSE_COLUMNS, Camera, project
from pipeline.errors import InputError
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.split import Split
from pipeline.pretraining.rays import ground_points
from pipeline.scene.sample import MIN_DEPTH_M, ahead_points, map_cells
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import part_of_drive
from pipeline.windows.cut import History
from pipeline.windows.inputs import places

SHOWN: Final = (Group.VEHICLE, Group.TWO_WHEELER, Group.PEDESTRIAN)  # classes of cells from 1; 0 shows none of them
UNKNOWN: Final = -1
MOTION_WIDTH: Final = 4  # speed, acceleration, whether it is the ego, whether it is a vehicle
_HEIGHT_M: Final = 1.6  # of who has none
_GROUND_M: Final = 60.0  # cells that show the ground farther away are not asked what it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One frame and what it shows, n agents in it among that.

    Attributes:
        folder: That the path is relative to.
        path: Of the frame.
        camera: Its camera.
        cells: What each cell of the map shows: an index into ``SHOWN`` plus one, or 0.
        drivable: 1 where a cell shows ground that can be driven on, 0 where other ground, ``UNKNOWN`` elsewhere.
        own_cell: Place of each agent in map cells (x, y).
        own_seen: It is in the frame.
        ahead_cell: Places of the points of ``ahead_points``.
        ahead_seen: They are in the frame.
        log_depth: Logarithm of the distance in metres along the optical axis; zero where not seen.
        motion: Of the agent, as the tracks tell it.
        did: ``Direction`` and ``Pace`` of what it did next; ``UNKNOWN`` where that is not known.
    """

    folder: Path
    path: str
    camera: Camera
    cells: Int[np.ndarray, "y x"]
    drivable: Int[np.ndarray, "y x"]
    own_cell: Float[np.ndarray, "n 2"]
    own_seen: Bool[np.ndarray, " n"]
    ahead_cell: Float[np.ndarray, "n q 2"]
    ahead_seen: Bool[np.ndarray, "n q"]
    log_depth: Float[np.ndarray, " n"]
    motion: Float[np.ndarray, "n s"]
    did: Int[np.ndarray, "n 2"]


def lessons_of(
    clean: CleanDrive,
    *,
    scene: SceneConfig,
    windows: WindowsConfig,
    split: Split,
    part: int,
    every_s: float,
    shape: tuple[int, int],
    stride_px: int,
) -> list[Lesson]:
    """The lessons of one drive: of the latest frame of each camera at forecast times of one part of the split.

    Everything that is compared with what the frame shows is from its time or later, and labels alone are: what the CNN
    is given is the frame, and how agents moved up to then.

    Args:
        clean: The drive; without frames it has no lesson.
        scene: Size of the resized frames.
        windows: What makes a manoeuvre: the history and the horizon.
        split: Of the drives.
        part: Index into ``SPLITS``.
        every_s: Between forecast times.
        shape: Height and width of a map.
        stride_px: Resized pixels from one cell to the next.

    Raises:
        InputError: ``every_s`` is no whole number of clean steps.
    """
    if clean.frames.empty:
        return []
    steps = every_s * clean.rate_hz
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 * steps:
        what = f"gives {steps:g} steps at ingest.rate_hz {clean.rate_hz:g}, not a whole number"
        raise InputError("params.yaml: pretrain_scene.every_s", what, "change either")
    config = windows.model_copy(update={"num_frames": 1, "every_s": every_s})
    features = _unmade(clean, scene=scene, stride_px=stride_px)
    history, made = part_of_drive(clean, features, config=config, split=split, part=part)
    if not len(history.scene):
        return []
    observed = made.observed
    did = manoeuvres(observed, made.future, rate_hz=config.rate_hz)
    label = np.stack(
        [
            np.where(did.direction_valid, did.direction, UNKNOWN),
            np.where(did.pace_valid, did.pace, UNKNOWN),
        ],
        axis=1,
    )
    motion = np.stack(
        [
            present_speed(observed, rate_hz=config.rate_hz) / 10.0,
            present(observed, rate_hz=config.rate_hz).accel_mps2 / 2.0,
            history.is_ego,
            groups_of(observed.category) == Group.VEHICLE,
        ],
        axis=1,
    ).astype(np.float32)
    heights = clean.tracks.groupby("agent_id", sort=False)["height_m"].median()
    tracks = [agent_id for _, agent_id in made.index.track_names]
    height_m = np.nan_to_num(heights.reindex(tracks).to_numpy(np.float64), nan=_HEIGHT_M)[made.index.track]
    return _lessons(clean, history, features=features, shape=shape, height_m=height_m, motion=motion, did=label)


def _lessons(
    clean: CleanDrive,
    history: History,
    *,
    features: SceneFeatures,
    shape: tuple[int, int],
    height_m: Float[np.ndarray, " n"],
    motion: Float[np.ndarray, "n s"],
    did: Int[np.ndarray, "n 2"],
) -> list[Lesson]:
    num_cameras = history.frame_rows.shape[1]
    at, known, headed = (
        rearrange(each, "n (k f) ... -> n k f ...", k=num_cameras)
        for each in places(history, rearrange(history.frame_times_ns, "b k f -> b (k f)"))
    )
    ahead_m = ahead_points(at[..., :3], at[..., 3])
    area = None if clean.map is None or clean.map.drivable_area.is_empty else clean.map.drivable_area
    if area is not None:
        shapely.prepare(area)
    bounds = np.searchsorted(history.scene, np.arange(len(history.t0_ns) + 1))
    paths = clean.frames["path"].tolist()
    poses = clean.frames[[*POSE_COLUMNS]].to_numpy(np.float64)
    groups = groups_of(history.category).astype(np.int64)
    found: list[Lesson] = []
    for i, (low, high) in enumerate(pairwise(bounds)):
        agents, rows = slice(low, high), history.frame_rows[i]
        margin, cell = map_cells(features, rows, at[agents, ..., :3], known[agents])
        num_points = ahead_m.shape[3]
        margin_ahead, cell_ahead = map_cells(
            features,
            rows,
            rearrange(ahead_m[agents], "n k f q xyz -> (n q) k f xyz"),
            np.repeat(headed[agents], num_points, axis=0),
        )
        for number, camera in enumerate(features.cameras.values()):
            row = int(rows[number, 0])
            if row < 0 or not np.isfinite(poses[row]).all():
                continue
            box = np.column_stack([at[agents, number, 0], history.size_m[agents], height_m[agents]])
            there = known[agents, number, 0]
            depth, rectangle, whole = _rectangles(box, camera=camera, pose=poses[row], features=features)
            cells = _cells(
                rectangle,
                depth=depth,
                whole=whole,
                group=groups[agents],
                shown=there & ~history.is_ego[agents],
                shape=shape,
                features=features,
            )
            floor_m = _floor_m(box, is_ego=history.is_ego[agents], known=there)
            seen = margin[:, number, 0] >= 0.0
            found.append(
                Lesson(
                    folder=Path(clean.source_path),
                    path=paths[row],
                    camera=camera,
                    cells=cells,
                    drivable=_drivable(cells, area=area, camera=camera, pose=poses[row], floor_m=floor_m, of=features),
                    own_cell=cell[:, number, 0].astype(np.float32),
                    own_seen=seen,
                    ahead_cell=rearrange(cell_ahead[:, number, 0], "(n q) two -> n q two", q=num_points).astype(
                        np.float32
                    ),
                    ahead_seen=rearrange(margin_ahead[:, number, 0] >= 0.0, "(n q) -> n q", q=num_points),
                    log_depth=np.where(seen, np.log(np.maximum(depth, MIN_DEPTH_M)), 0.0).astype(np.float32),
                    motion=motion[agents],
                    did=did[agents],
                )
            )
    return found


def _unmade(clean: CleanDrive, *, scene: SceneConfig, stride_px: int) -> SceneFeatures:
    """The drive's frames as features of no map: for where things lie in maps that are yet to be made."""
    return SceneFeatures(
        name=clean.name,
        frames=clean.frames.assign(ok=True).reset_index(drop=True),
        cameras=clean.cameras,
        maps=np.zeros((len(clean.frames), NUM_LAMPS, 1, 1), np.float16),
        digest="",
        input_px=(scene.width_px, scene.height_px),
        stride_px=stride_px,
    )


def _rectangles(
    box: Float[np.ndarray, "n 7"], *, camera: Camera, pose: Float[np.ndarray, " 7"], features: SceneFeatures
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n 4"], Bool[np.ndarray, " n"]]:
    """Depth of each box's centre; its left, top, right and bottom in resized pixels; whether all of it is in front.

    Of what reaches behind the camera the rectangle goes from the part in front down to and beyond the nearer edge of
    the frame; NaN where nothing is in front.

    Args:
        box: Centre, heading, length, width and height.
        camera: Of the frame.
        pose: Of the camera: place and quaternion.
        features: Size of resized frames.
    """
    corner = np.stack(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5), indexing="ij"), axis=-1).reshape(-1, 3)
    offset = corner * box[:, None, 4:7]
    cos, sin = np.cos(box[:, 3:4]), np.sin(box[:, 3:4])
    turned = np.stack(
        [cos * offset[..., 0] - sin * offset[..., 1], sin * offset[..., 0] + cos * offset[..., 1], offset[..., 2]],
        axis=-1,
    )
    points_m = np.concatenate([box[:, None, :3], box[:, None, :3] + turned], axis=1)
    pixel = project(points_m, camera=camera, position_m=pose[:3], quaternion_wxyz=pose[3:])
    scaled = pixel[:, 1:, :2] * np.asarray(features.input_px) / np.asarray([camera.width_px, camera.height_px])
    front = pixel[:, 1:, 2] >= MIN_DEPTH_M
    any_front, whole = np.asarray(front.any(axis=1)), np.asarray(front.all(axis=1))
    least = np.where(any_front[:, None], np.where(front[..., None], scaled, np.inf).min(axis=1), 0.0)
    most = np.where(any_front[:, None], np.where(front[..., None], scaled, -np.inf).max(axis=1), 0.0)
    partly = any_front & ~whole
    width, height = features.input_px
    to_the_left = least[:, 0] + most[:, 0] < width
    least[:, 0] = np.where(partly & to_the_left, 0.0, least[:, 0])
    most[:, 0] = np.where(partly & ~to_the_left, width, most[:, 0])
    most[:, 1] = np.where(partly, height, most[:, 1])
    rectangle = np.where(any_front[:, None], np.concatenate([least, most], axis=-1), np.nan)
    return pixel[:, 0, 2], rectangle, whole


def _cells(
    rectangle: Float[np.ndarray, "n 4"],
    *,
    depth: Float[np.ndarray, " n"],
    whole: Bool[np.ndarray, " n"],
    group: Int[np.ndarray, " n"],
    shown: Bool[np.ndarray, " n"],
    shape: tuple[int, int],
    features: SceneFeatures,
) -> Int[np.ndarray, "y x"]:
    """What each cell shows at its centre; what is nearer covers what is farther away.

    Where an agent reaches behind the camera it is not known how far it fills the frame: ``UNKNOWN``.
    """
    cells = np.zeros(shape, np.int64)
    for agent in np.argsort(-depth):
        if not shown[agent] or Group(int(group[agent])) not in SHOWN or not np.isfinite(rectangle[agent]).all():
            continue
        # Half a cell more on each side, so that what is small has a cell too.
        low = np.ceil((rectangle[agent, :2] - 0.5) / features.stride_px - 0.5)
        high = np.floor((rectangle[agent, 2:] - 0.5) / features.stride_px + 0.5)
        left, top = np.clip(low, 0, shape[::-1]).astype(int)
        right, bottom = np.clip(high + 1, 0, shape[::-1]).astype(int)  # the first that it no longer covers
        cells[top:bottom, left:right] = SHOWN.index(Group(int(group[agent]))) + 1 if whole[agent] else UNKNOWN
    return cells


def _floor_m(box: Float[np.ndarray, "n 7"], *, is_ego: Bool[np.ndarray, " n"], known: Bool[np.ndarray, " n"]) -> float:
    """Height of the ground: below the ego, else below the agents in the middle; NaN without any."""
    bottom = box[:, 2] - 0.5 * box[:, 6]
    below = bottom[known & is_ego] if (known & is_ego).any() else bottom[known]
    return float(np.median(below)) if len(below) else float("nan")


def _drivable(
    cells: Int[np.ndarray, "y x"],
    *,
    area: shapely.MultiPolygon | None,
    camera: Camera,
    pose: Float[np.ndarray, " 7"],
    floor_m: float,
    of: SceneFeatures,
) -> Int[np.ndarray, "y x"]:
    """Whether the ground at each cell's centre can be driven on, where the cell shows level ground nearby."""
    if area is None or not np.isfinite(floor_m):
        return np.full(cells.shape, UNKNOWN, np.int64)
    points_m, distance_m = ground_points(
        cells.shape, camera=camera, pose=pose, floor_m=floor_m, input_px=of.input_px, stride_px=of.stride_px
    )
    known = (distance_m <= _GROUND_M) & (cells == 0)
    inside = shapely.contains_xy(area, points_m[..., 0], points_m[..., 1])
    return np.where(known, inside.astype(np.int64), UNKNOWN)
