"""What a camera saw, what was forecast with its frames and without, and what in the newest frame would change that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from models.forecaster import Forecaster
from pipeline.baselines.history import last_heading, last_xy
from pipeline.drives.drive import POSE_COLUMNS, Camera, project
from pipeline.drives.image_header import ImageError
from pipeline.evaluation.scored import scored_agents
from pipeline.evaluation.style import COLOURS, figure, save
from pipeline.forecasts import Forecasts
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.store import read_clean
from pipeline.scene.images import decode, frame_bytes
from pipeline.scene.sample import NO_FRAME, latest_frames
from pipeline.scene.store import SceneFeatures, read_features
from pipeline.training.predict import predict
from pipeline.training.scenes import SceneTensors
from pipeline.windows.select import select_scenes
from pipeline.windows.windows import Observed, Windows

NUM_VIEWS: Final = 3
_RECORDED, _WITH, _WITHOUT = "#009e73", COLOURS[0], "#d55e00"
_LEAST_M: Final = 4.0  # what is nearer to the camera than this is not drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A frame at a forecast time.

    Attributes:
        image: As it was taken.
        camera: Of the frame.
        pose: Of the camera: place and quaternion.
        map: Of the frame, by the CNN.
        stride_px: Resized pixels from one of its cells to the next.
        input_px: Width and height that the frame was resized to.
        floor_m: Height of the ground.
    """

    image: UInt8[np.ndarray, "y x 3"]
    camera: Camera
    pose: Float[np.ndarray, " 7"]
    map: Float[np.ndarray, "c v u"]
    stride_px: int
    input_px: tuple[int, int]
    floor_m: float


def without_any_frame(observed: Observed) -> Observed:
    """As if no camera had been there."""
    names = ("agent_feature_valid", "ahead_feature_valid", "frame_feature_valid")
    return replace(observed, **{name: np.zeros_like(np.asarray(getattr(observed, name))) for name in names})


def write_camera_plots(
    folder: Path,
    windows: Windows,
    *,
    model: Forecaster,
    forecasts: Forecasts,
    cleans: Mapping[str, Path],
    features: Mapping[str, Path],
    max_age_s: float,
) -> int:
    """Draw ``camera_1.png`` and so on: of each drive the scene in which frames change a forecast most.

    Args:
        folder: Where to.
        windows: The test scenes.
        model: Which uses frames; else nothing is drawn.
        forecasts: Of the model.
        cleans: By drive, the folder of its clean tables.
        features: By drive, the folder of its scene features.
        max_age_s: Of a frame at the forecast time.

    Returns:
        How many were drawn.

    Raises:
        InputError: A drive or its features cannot be read.
    """
    if model.scene is None or not windows.observed.frame_feature_valid[:, -1].any():
        return 0
    blind = predict(model, replace(windows, observed=without_any_frame(windows.observed)))
    drawn = 0
    for scene, agent in _choose(windows, forecasts, blind):
        if drawn == NUM_VIEWS:
            break
        name = windows.index.drive_names[int(windows.index.drive[scene])]
        view = _view(
            read_clean(cleans[name], name),
            read_features(features[name], name),
            t0_ns=int(windows.index.t0_ns[scene]),
            max_age_s=max_age_s,
            way_m=np.concatenate([last_xy(windows.observed)[agent][None], forecasts.single_xy_m[agent]])
            + windows.index.origin_m[scene],
        )
        if view is not None:
            drawn += 1
            response_m = response(model, windows, agent=agent, view=view)
            _draw(folder / f"camera_{drawn}.png", windows, view, agent, response_m, pair=(forecasts, blind))
    return drawn


def response(model: Forecaster, windows: Windows, *, agent: int, view: View) -> Float[np.ndarray, "v u"]:
    """What each cell of the newest frame's map would do to an agent's single forecast, to first order.

    By how many metres the last position would lie farther ahead of the agent if what lies along the road ahead of it
    were what this cell shows: the gradient by that feature, times the difference. (A saliency map as of Simonyan et al.
    2013, in the units of the forecast.)

    Args:
        model: Which uses frames.
        windows: The scenes.
        agent: Whose forecast.
        view: The frame.
    """
    observed = windows.observed
    scene = int(observed.scene[agent])
    one = select_scenes(windows, np.array([scene]))
    number = agent - int(windows.index.agent_offset[scene])
    seen, _ = SceneTensors.of(one, device="cpu").gather(torch.arange(1))
    feature = seen.ahead_feature.clone().requires_grad_(True)
    there = seen.ahead_feature_valid.clone()
    there[number, -1] = True
    forecast = model(replace(seen, ahead_feature=feature, ahead_feature_valid=there))
    heading = torch.tensor(float(last_heading(one.observed)[0][number]))
    end = forecast.single.xy_m[number, -1]
    (gradient,) = torch.autograd.grad(end[0] * heading.cos() + end[1] * heading.sin(), feature)
    slope = gradient[number, -1].numpy()
    own = feature[number, -1].detach().numpy()
    return np.einsum("c,cvu->vu", slope, view.map - own[:, None, None])


def _choose(windows: Windows, forecasts: Forecasts, blind: Forecasts) -> list[tuple[int, int]]:
    """Scene and agent, one of each drive, by how far frames move the end of the single forecast."""
    observed = windows.observed
    moved = np.linalg.norm(forecasts.single_xy_m[:, -1] - blind.single_xy_m[:, -1], axis=-1)
    looks = (observed.agent_feature_valid | observed.ahead_feature_valid)[:, -1]
    moved = np.where(looks & scored_agents(observed, windows.future).mask, moved, -1.0)
    chosen: dict[int, tuple[int, int]] = {}
    for agent in np.argsort(-moved):
        scene = int(observed.scene[agent])
        if moved[agent] >= 0.0:
            chosen.setdefault(int(windows.index.drive[scene]), (scene, int(agent)))
    return list(chosen.values())


def _view(
    clean: CleanDrive, features: SceneFeatures, *, t0_ns: int, max_age_s: float, way_m: Float[np.ndarray, "h 2"]
) -> View | None:
    """The newest frame of the camera that sees most of a path on the ground; None where there is no frame."""
    best: tuple[int, View] | None = None
    rows = latest_frames(features, np.array([t0_ns]), max_age_s=max_age_s)[:, 0]
    for row, camera in zip(rows, features.cameras.values(), strict=True):
        pose = features.frames[[*POSE_COLUMNS]].to_numpy(np.float64)[row]
        if row == NO_FRAME or not np.isfinite(pose).all():
            continue
        try:
            content = frame_bytes(Path(clean.source_path), str(features.frames["path"].iloc[row]))
            image = decode(content, camera=camera, width_px=camera.width_px, height_px=camera.height_px)
        except ImageError:
            continue
        step = int(np.argmin(np.abs(clean.step_times_ns - t0_ns)))
        there = clean.tracks[clean.tracks["step"] == step]
        bottom_m = (there["z_m"] - 0.5 * there["height_m"].fillna(1.6)).to_numpy(np.float64)
        view = View(
            image=image,
            camera=camera,
            pose=pose,
            map=features.maps[row].astype(np.float32),
            stride_px=features.stride_px,
            input_px=features.input_px,
            floor_m=float(np.median(bottom_m)) if len(bottom_m) else 0.0,
        )
        pixel = _on_ground(way_m, view)
        inside = (pixel >= 0.0) & (pixel < [camera.width_px, camera.height_px])
        num_seen = int(np.all(inside, axis=1).sum())
        if best is None or num_seen > best[0]:
            best = num_seen, view
    return best[1] if best else None


def _on_ground(way_m: Float[np.ndarray, "h 2"], view: View) -> Float[np.ndarray, "h 2"]:
    """Pixels of a path on the ground; NaN where it is not before the camera."""
    points = np.column_stack([way_m, np.full(len(way_m), view.floor_m)])
    pixel = project(points, camera=view.camera, position_m=view.pose[:3], quaternion_wxyz=view.pose[3:])
    return np.where(pixel[:, 2:] >= _LEAST_M, pixel[:, :2], np.nan)


def _draw(
    path: Path,
    windows: Windows,
    view: View,
    agent: int,
    response_m: Float[np.ndarray, "v u"],
    *,
    pair: tuple[Forecasts, Forecasts],
) -> None:
    index, observed, future = windows.index, windows.observed, windows.future
    scene = int(observed.scene[agent])
    agents = np.arange(index.agent_offset[scene], index.agent_offset[scene + 1])
    made, (left, right) = figure(width=13.0, height=4.4, columns=2)
    width, height = view.camera.width_px, view.camera.height_px
    for axes in (left, right):
        axes.imshow(view.image)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        axes.grid(visible=False)
    start = last_xy(observed)
    for number in agents:
        recorded = np.where(future.valid[number, :, None], future.xy_m[number], np.nan)
        chosen = number == agent
        for xy_m, colour, dashes in (
            (recorded, _RECORDED, "-"),
            (pair[0].single_xy_m[number], _WITH, "-"),
            (pair[1].single_xy_m[number], _WITHOUT, (0, (4, 2))),
        ):
            way_m = np.concatenate([start[number][None], xy_m]) + index.origin_m[scene]
            _line(left, way_m, view, colour=colour, dashes=dashes, width=2.6 if chosen else 1.2)
    for colour, dashes, text in (
        (_RECORDED, "-", "recorded"),
        (_WITH, "-", "forecast"),
        (_WITHOUT, (0, (4, 2)), "forecast without frames"),
    ):
        left.plot([], [], color=colour, linestyle=dashes, linewidth=2.0, label=text)
    left.legend(loc="upper right", fontsize=8, framealpha=0.8)
    drive, track = index.track_names[int(index.track[agent])]
    seconds = (index.t0_ns[scene] - index.t0_ns[index.drive == index.drive[scene]].min()) / 1e9
    left.set_title(f"{drive}, {seconds:.1f} s; thick: agent {track}", fontsize=9, loc="left")
    scale = np.asarray([width, height]) / np.asarray(view.input_px)
    half, rows, columns = 0.5 * view.stride_px, *response_m.shape
    extent = (
        (0.5 - half) * scale[0],
        ((columns - 1) * view.stride_px + 0.5 + half) * scale[0],
        ((rows - 1) * view.stride_px + 0.5 + half) * scale[1],
        (0.5 - half) * scale[1],
    )
    most = max(float(np.abs(response_m).max()), 1e-6)
    shown = right.imshow(response_m, extent=extent, cmap="RdBu", vmin=-most, vmax=most, alpha=0.55)
    right.set(xlim=(0, width), ylim=(height, 0))
    bar = made.colorbar(shown, ax=right, shrink=0.85)
    bar.set_label("m farther ahead after the horizon", fontsize=8)
    title = f"Agent {track}: where its forecast would end if this lay on the road ahead of it"
    right.set_title(title, fontsize=9, loc="left")
    save(made, path)


def _line(
    axes: Axes,
    way_m: Float[np.ndarray, "h 2"],
    view: View,
    *,
    colour: str,
    dashes: str | tuple[int, tuple[int, ...]],
    width: float,
) -> None:
    """A path on the ground, where it lies before the camera."""
    axes.plot(*rearrange(_on_ground(way_m, view), "h xy -> xy h"), color=colour, linestyle=dashes, linewidth=width)
