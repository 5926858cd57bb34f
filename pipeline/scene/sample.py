"""Scene features at the agents' own places: which frame a slot shows, and what its map holds where an agent is."""

from __future__ import annotations

from typing import Final

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int

from models.lamps import NUM_LAMPS
from pipeline.drives.drive import POSE_COLUMNS, project
from pipeline.scene.lights import LAMP_SEEN, RoadLamps, signals, told
from pipeline.scene.store import SceneFeatures

MIN_DEPTH_M: Final = 0.1  # what is nearer than this to the camera's plane counts as behind it
AHEAD_M: Final = (8.0, 12.0, 18.0, 26.0, 36.0, 48.0, 62.0)
ABOVE_M: Final = (0.0, 3.5, 5.0)  # over box centres: on the road, and where signals and signs hang
HANGING: Final = np.tile(np.asarray(ABOVE_M) > 0.0, len(AHEAD_M))  # which of ``ahead_points`` are above the road
NO_FRAME: Final = -1


def latest_frames(
    features: SceneFeatures, times_ns: Int[np.ndarray, " f"], *, max_age_s: float
) -> Int[np.ndarray, "m f"]:
    """Find, per camera and slot, the latest frame that could be read: never one after the slot's time.

    Args:
        features: Of one drive.
        times_ns: The slots' times, in any order.
        max_age_s: A frame older than this at the slot's time does not count.

    Returns:
        Rows of ``features.frames`` per camera (in the order of ``features.cameras``), or ``NO_FRAME``.
    """
    rows = np.full((len(features.cameras), len(times_ns)), NO_FRAME, np.int64)
    readable = features.frames["ok"].to_numpy(dtype=bool)
    camera_of_row = features.frames["camera"].to_numpy(dtype=object)
    taken_ns = features.frames["timestamp_ns"].to_numpy(dtype=np.int64)
    for number, camera in enumerate(features.cameras):
        mine = np.flatnonzero(readable & (camera_of_row == camera))
        if not len(mine):
            continue
        mine = mine[np.argsort(taken_ns[mine], kind="stable")]
        position = np.searchsorted(taken_ns[mine], times_ns, side="right") - 1
        latest = mine[np.maximum(position, 0)]
        young = times_ns - taken_ns[latest] <= round(max_age_s * 1e9)
        rows[number] = np.where((position >= 0) & young, latest, NO_FRAME)
    return rows


def frame_times(features: SceneFeatures, rows: Int[np.ndarray, "m f"]) -> Int[np.ndarray, "m f"]:
    """When each frame was taken, in nanoseconds; 0 where ``rows`` says that there is none."""
    if not len(features.frames):
        return np.zeros(rows.shape, np.int64)
    return np.where(rows == NO_FRAME, 0, features.frames["timestamp_ns"].to_numpy(dtype=np.int64)[rows])


def sample_maps(
    features: SceneFeatures,
    rows: Int[np.ndarray, "m f"],
    points_m: Float[np.ndarray, "n m f 3"],
    valid: Bool[np.ndarray, "n m f"],
) -> tuple[Float[np.ndarray, "n f c"], Bool[np.ndarray, "n f"], Float[np.ndarray, "f c"], Bool[np.ndarray, "f"]]:
    """Sample the maps of f frame slots at n agents' places, and sum up each slot's frames.

    Of several cameras that see an agent, the one where it lies most central (the largest relative margin to the
    nearest image edge) is sampled, bilinearly between the centres of cells.

    Args:
        features: Of one drive.
        rows: From ``latest_frames``.
        points_m: Each agent's box centre in the world, at the time of each camera's frame.
        valid: The place is known.

    Returns:
        The agents' features, whether they are there (the agent is in some camera's view), each slot's mean over
        its cameras' spatially averaged maps (of lamps: those above the road ahead of a camera), and whether that is
        there. What is not there is zero.
    """
    _, num_cameras, num_slots = valid.shape
    assert num_cameras == len(features.cameras), (num_cameras, len(features.cameras))
    agent_feature, agent_valid, _ = _sample_points(features, rows, points_m, valid)
    if num_cameras == 0 or not len(features.frames):
        channels = features.maps.shape[1]
        return agent_feature, agent_valid, np.zeros((num_slots, channels), np.float32), np.zeros(num_slots, bool)
    return agent_feature, agent_valid, *_frame_means(features, rows)


def sample_ahead(
    features: SceneFeatures,
    rows: Int[np.ndarray, "m f"],
    pose: Float[np.ndarray, "n m f 4"],
    valid: Bool[np.ndarray, "n m f"],
) -> tuple[Float[np.ndarray, "n f c"], Bool[np.ndarray, "n f"]]:
    """What lies along the road ahead of each agent: channel by channel the largest value at the points in view.

    Lamps count above the road alone: there they are signals, on it others' brake lights. What they tell is ``signals``.

    Args:
        features: Of one drive.
        rows: From ``latest_frames``.
        pose: Each agent's box centre and heading in the world, at the time of each camera's frame.
        valid: Both are known.

    Returns:
        The features, zero where there are none, and where there are: some point is in some camera's view, or a signal
        tells something.
    """
    points_m = ahead_points(pose[..., :3], pose[..., 3])
    num_points, num_slots = points_m.shape[3], valid.shape[2]
    each, there, camera = _sample_points(
        features,
        rows,
        rearrange(points_m, "n m f q xyz -> (n q) m f xyz"),
        repeat(valid, "n m f -> (n q) m f", q=num_points),
    )
    there, camera = (rearrange(of, "(n q) f -> n q f", q=num_points) for of in (there, camera))
    each = np.where(there[..., None], rearrange(each, "(n q) f c -> n q f c", q=num_points), -np.inf)
    seen = np.asarray(there.any(axis=1))
    feature = np.where(seen[..., None], each.max(axis=1), 0.0).astype(np.float32)
    cameras = road_lamps(features, rows)
    hanging = np.where(there[:, HANGING, :, None], each[:, HANGING, :, -NUM_LAMPS:], 0.0)
    chosen, slot = camera[:, HANGING], np.arange(num_slots)
    heading_rad = pose[np.arange(len(pose))[:, None, None], chosen, slot, 3]
    own = told(hanging, cameras.pose[chosen, slot, 2] - heading_rad).max(axis=1)
    shown = signals(own, pose=_known_pose(pose, valid), cameras=cameras)
    feature[..., -NUM_LAMPS:] = shown
    return feature, seen | (shown.sum(axis=-1) > LAMP_SEEN)


def _known_pose(pose: Float[np.ndarray, "n m f 4"], valid: Bool[np.ndarray, "n m f"]) -> Float[np.ndarray, "n f 3"]:
    """Places (x, y) and headings at the time of the first camera's frame for which they are known; else no numbers."""
    first = np.asarray(valid.argmax(axis=1))
    flat = np.take_along_axis(pose[..., [0, 1, 3]], first[:, None, :, None], axis=1)[:, 0]
    return np.where(np.asarray(valid.any(axis=1))[..., None], flat, np.nan)


def road_lamps(features: SceneFeatures, rows: Int[np.ndarray, "m f"]) -> RoadLamps:
    """The lamps above the road ahead of each slot's cameras."""
    pose = features.frames[[*POSE_COLUMNS]].to_numpy(dtype=np.float64)[rows]
    w, x, y, z = np.moveaxis(pose[..., 3:], -1, 0)
    optical_rad = np.arctan2(2.0 * (y * z - w * x), 2.0 * (x * z + w * y))  # where the turned z axis points to
    points_m = ahead_points(pose[..., :3], optical_rad)[..., HANGING, :]
    num_cameras, _, num_points, _ = points_m.shape
    each, _, _ = _sample_points(
        features,
        rows,
        repeat(points_m, "k f q xyz -> (k q) m f xyz", m=num_cameras),
        repeat(np.eye(num_cameras, dtype=np.bool_), "k m -> (k q) m f", q=num_points, f=rows.shape[1]),
    )
    lamps = rearrange(each[..., -NUM_LAMPS:], "(k q) f c -> k q f c", q=num_points)
    brightest = lamps.sum(axis=-1).argmax(axis=1)
    return RoadLamps(
        lamps=lamps.max(axis=1, initial=0.0),
        pose=np.concatenate([pose[..., :2], optical_rad[..., None]], axis=-1),
        ahead_m=np.repeat(AHEAD_M, len(ABOVE_M))[HANGING][brightest],
    )


def ahead_points(
    place_m: Float[np.ndarray, "*n 3"], heading_rad: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n q 3"]:
    """Points along the road ahead of agents: straight on at ``AHEAD_M``, each at the heights of ``ABOVE_M``.

    Straight on, for where it bends is not known; at fixed distances, for who stands at a light looks as far.

    Args:
        place_m: Box centres in the world.
        heading_rad: Where they are headed.
    """
    direction = np.stack([np.cos(heading_rad), np.sin(heading_rad), np.zeros_like(heading_rad)], axis=-1)
    way_m = np.asarray(AHEAD_M)[:, None, None] * direction[..., None, None, :]
    above_m = np.asarray(ABOVE_M)[:, None] * np.asarray([0.0, 0.0, 1.0])
    points = place_m[..., None, None, :] + way_m + above_m
    return points.reshape(*points.shape[:-3], len(AHEAD_M) * len(ABOVE_M), 3)


def _sample_points(
    features: SceneFeatures,
    rows: Int[np.ndarray, "m f"],
    points_m: Float[np.ndarray, "n m f 3"],
    valid: Bool[np.ndarray, "n m f"],
) -> tuple[Float[np.ndarray, "n f c"], Bool[np.ndarray, "n f"], Int[np.ndarray, "n f"]]:
    """The maps at points, in the camera in which each lies most central (its number); zero where it lies in none."""
    num_points, num_cameras, num_slots = valid.shape
    feature = np.zeros((num_points, num_slots, features.maps.shape[1]), np.float32)
    seen = np.zeros((num_points, num_slots), bool)
    chosen = np.zeros((num_points, num_slots), np.int64)
    if num_cameras and len(features.frames):
        margin, cell = map_cells(features, rows, points_m, valid)
        point, slot = np.nonzero(margin.max(axis=1) >= 0.0)
        camera = margin.argmax(axis=1)[point, slot]
        feature[point, slot] = _bilinear(features.maps, rows[camera, slot], cell[point, camera, slot])
        seen[point, slot] = True
        chosen[point, slot] = camera
    return feature, seen, chosen


def map_cells(
    features: SceneFeatures,
    rows: Int[np.ndarray, "m f"],
    points_m: Float[np.ndarray, "n m f 3"],
    valid: Bool[np.ndarray, "n m f"],
) -> tuple[Float[np.ndarray, "n m f"], Float[np.ndarray, "n m f 2"]]:
    """Relative margin to the nearest image edge (0 to 0.5; -1 out of view) and the place in map cells (x, y).

    Image coordinates run from 0 at the left edge to the width at the right one, so that resizing scales them and
    pixel i's centre lies at i + 0.5. All of the network's strided layers have odd kernels and symmetric padding, so
    cell j looks at pixels around number ``j * stride`` of the resized frame: not at the middle of a tile.
    """
    pose = features.frames[[*POSE_COLUMNS]].to_numpy(dtype=np.float64)[rows]
    known = valid & (rows != NO_FRAME) & np.isfinite(points_m).all(axis=-1) & np.isfinite(pose).all(axis=-1)
    points_m = np.where(known[..., None], points_m, 0.0)
    margin = np.full(valid.shape, -1.0)
    cell = np.zeros((*valid.shape, 2))
    input_px = np.asarray(features.input_px, np.float64)
    for number, camera in enumerate(features.cameras.values()):
        pixel = project(
            points_m[:, number],
            camera=camera,
            position_m=pose[None, number, :, :3],
            quaternion_wxyz=pose[None, number, :, 3:],
        )
        relative = pixel[..., :2] / np.asarray([camera.width_px, camera.height_px])
        inside = ((relative >= 0.0) & (relative < 1.0)).all(axis=-1)
        seen = known[:, number] & inside & (pixel[..., 2] >= MIN_DEPTH_M)
        margin[:, number] = np.where(seen, np.minimum(relative, 1.0 - relative).min(axis=-1), -1.0)
        cell[:, number] = np.where(seen[..., None], (relative * input_px - 0.5) / features.stride_px, 0.0)
    return margin, cell


def _bilinear(
    maps: Float[np.ndarray, "f c y x"], rows: Int[np.ndarray, " k"], cell: Float[np.ndarray, "k 2"]
) -> Float[np.ndarray, "k c"]:
    """Interpolate ``maps[rows]`` between cells; beyond the outermost cells' centres the outermost cells count."""
    last = np.asarray([maps.shape[3] - 1, maps.shape[2] - 1])
    cell = np.clip(cell, 0.0, last)
    low = np.floor(cell).astype(np.int64)
    high = np.minimum(low + 1, last)
    weight = (cell - low).astype(np.float32)
    total = np.zeros((len(rows), maps.shape[1]), np.float32)
    for x, along_x in ((low[:, 0], 1.0 - weight[:, 0]), (high[:, 0], weight[:, 0])):
        for y, along_y in ((low[:, 1], 1.0 - weight[:, 1]), (high[:, 1], weight[:, 1])):
            total += maps[rows, :, y, x].astype(np.float32) * rearrange(along_x * along_y, "k -> k 1")
    return total


def _frame_means(
    features: SceneFeatures, rows: Int[np.ndarray, "m f"]
) -> tuple[Float[np.ndarray, "f c"], Bool[np.ndarray, "f"]]:
    """Each slot's mean over its cameras' spatially averaged maps, and whether there is any.

    Of lamps there are those above the road ahead of any camera, for a mean over the frame would hardly show them.
    """
    there = rows != NO_FRAME
    needed, position = np.unique(np.where(there, rows, 0), return_inverse=True)
    means = features.maps[needed].mean(axis=(2, 3), dtype=np.float32)
    shown = means[position.reshape(rows.shape)] * repeat(there, "m f -> m f 1")
    count = there.sum(axis=0)
    mean = shown.sum(axis=0) / np.maximum(count, 1)[:, None].astype(np.float32)
    mean[:, -NUM_LAMPS:] = road_lamps(features, rows).lamps.max(axis=0)
    return mean, count > 0
