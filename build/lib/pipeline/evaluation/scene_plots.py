"""One scene from above: what was observed, what came after, and what was forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from pipeline.baselines.history import last_heading, last_xy
from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation.curves import scored_movers
from pipeline.evaluation.map_plots import draw_map
from pipeline.evaluation.metrics import displacement
from pipeline.evaluation.overlap import UNKNOWN_SIZE_M, corners, path_headings
from pipeline.evaluation.style import COLOURS, FAINT, INK, figure, label, save
from pipeline.forecasts import Forecasts
from pipeline.windows.windows import Windows

TRUTH: Final = "#009e73"
FORECAST: Final = COLOURS[0]
REFERENCE: Final = "#d55e00"
VIEW_M: Final = np.array([90.0, 60.0])


def choose_scenes(windows: Windows, *, config: EvaluateConfig, num_scenes: int) -> list[int]:
    """The scenes in which the movers go furthest in total: one of each drive first, then the next of each drive.

    Forecast times closer than two horizons to a chosen one of the same drive show nearly the same and are passed over.
    """
    moving = scored_movers(windows, config=config)
    distance = np.linalg.norm(windows.future.xy_m - last_xy(windows.observed)[:, None], axis=-1)
    far = np.where(windows.future.valid & moving[:, None], distance, 0.0).max(axis=1, initial=0.0)
    # The square root keeps one fast car from outweighing a busy crossing.
    score = np.bincount(windows.observed.scene, weights=np.sqrt(far), minlength=len(windows.index.t0_ns))
    apart_ns = 2e9 * windows.future.valid.shape[1] / windows.rate_hz
    chosen: dict[int, list[int]] = {}
    for scene in np.argsort(-score, kind="stable"):
        taken = chosen.setdefault(int(windows.index.drive[scene]), [])
        times = windows.index.t0_ns[taken] if taken else np.zeros(0)
        if score[scene] > 0 and (np.abs(times - windows.index.t0_ns[scene]) >= apart_ns).all():
            taken.append(int(scene))
    in_turn = [(rank, -score[scene], scene) for taken in chosen.values() for rank, scene in enumerate(taken)]
    return [scene for _, _, scene in sorted(in_turn)[:num_scenes]]


def plot_scene(
    path: Path,
    windows: Windows,
    *,
    scene: int,
    forecasts: Forecasts,
    name: str,
    reference: Forecasts | None,
    config: EvaluateConfig,
    drive_map: DriveMap | None = None,
) -> None:
    """Draw one scene.

    Args:
        path: The PNG.
        windows: All scenes.
        scene: Which one.
        forecasts: Drawn in full: single forecast, modes by probability, footprints at the last step.
        name: Of that forecaster.
        reference: Another forecaster, whose single forecast is drawn thin.
        config: Says who is a mover; only movers' forecasts are drawn, the others are context.
        drive_map: Of the scene's drive; drawn under everything.
    """
    rows = np.flatnonzero(windows.observed.scene == scene)
    moving = scored_movers(windows, config=config)[rows]
    movers = rows[moving]
    made, [axes] = figure(width=9.0, height=6.9)
    if drive_map is not None:
        draw_map(axes, drive_map, origin_m=windows.index.origin_m[scene])
    _draw_footprints(axes, windows, rows=rows, moving=moving)
    _draw_modes(axes, forecasts, windows, movers=movers)
    _draw_history(axes, windows, rows=rows)
    start = last_xy(windows.observed)
    single = np.concatenate([start[:, None], np.asarray(forecasts.single_xy_m, np.float64)], axis=1)
    if reference is not None:
        other = np.concatenate([start[:, None], np.asarray(reference.single_xy_m, np.float64)], axis=1)
        axes.add_collection(
            LineCollection(
                list(other[movers]),
                colors=REFERENCE,
                linewidths=1.1,
                linestyles=(0, (3, 2)),
                zorder=4,
                label="Constant velocity",
            )
        )
    for number, agent in enumerate(movers):
        there = windows.future.valid[agent]
        truth = np.concatenate([start[agent, None], windows.future.xy_m[agent][there]])
        text = "Recorded future" if number == 0 else "_nolegend_"
        axes.plot(
            truth[:, 0], truth[:, 1], color=TRUTH, linewidth=2.2, marker="o", markersize=2.6, zorder=5, label=text
        )
    axes.add_collection(
        LineCollection(list(single[movers]), colors=FORECAST, linewidths=2.0, zorder=6, label=f"{label(name)}: single")
    )
    _draw_ends(axes, forecasts, windows, movers=movers)
    _frame(axes, _centre(windows, forecasts, movers=movers))
    error = displacement(forecasts.single_xy_m, windows.future)[movers]
    there = windows.future.valid[movers]
    drive = windows.index.drive_names[int(windows.index.drive[scene])]
    seconds = windows.future.valid.shape[1] / windows.rate_hz
    title = f"{drive}, {windows.index.t0_ns[scene] / 1e9:.1f} s: {len(movers)} movers of {len(rows)} agents"
    axes.set_title(
        f"{title}; mean error over {seconds:g} s: {error[there].mean():.2f} m", fontsize=10, loc="left", color=INK
    )
    made.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=8.5, loc="outside lower center", ncols=4)
    save(made, path)


def _sizes(windows: Windows) -> Float[np.ndarray, "n 2"]:
    return np.where(windows.observed.size_m > 0, windows.observed.size_m, UNKNOWN_SIZE_M).astype(np.float64)


def _draw_footprints(
    axes: Axes, windows: Windows, *, rows: Int[np.ndarray, " m"], moving: Bool[np.ndarray, " m"]
) -> None:
    """Where everyone is at the forecast time: movers solid, the rest pale."""
    boxes = corners(last_xy(windows.observed)[rows], last_heading(windows.observed)[0][rows], _sizes(windows)[rows])
    ego = windows.observed.is_ego[rows]
    for mask, face, edge, text in (
        (~moving & ~ego, "#ececec", FAINT, "Neighbour"),
        (moving & ~ego, "#bcd7ea", INK, "Mover at the forecast time"),
        (ego, "#ffe9a8", INK, "Recording vehicle"),
    ):
        if mask.any():
            axes.add_collection(
                PolyCollection(
                    list(boxes[mask]), facecolors=face, edgecolors=edge, linewidths=0.8, zorder=2, label=text
                )
            )


def _draw_history(axes: Axes, windows: Windows, *, rows: Int[np.ndarray, " m"]) -> None:
    paths = [windows.observed.xy_m[row][windows.observed.valid[row]] for row in rows]
    axes.add_collection(LineCollection(paths, colors=INK, linewidths=1.5, zorder=3, label="Observed"))


def _draw_modes(axes: Axes, forecasts: Forecasts, windows: Windows, *, movers: Int[np.ndarray, " m"]) -> None:
    """Every mode of the movers; the likelier, the darker."""
    start = last_xy(windows.observed)[movers]
    modes = np.asarray(forecasts.mode_xy_m[movers], np.float64)
    if modes.shape[1] < 2:
        return
    begin = np.broadcast_to(start[:, None, None], (*modes.shape[:2], 1, 2))
    lines = np.concatenate([begin, modes], axis=2).reshape(-1, modes.shape[2] + 1, 2)
    opacity = np.clip(0.2 + 0.8 * forecasts.probability[movers].ravel(), 0.0, 1.0)
    axes.add_collection(LineCollection(list(lines), colors="#56b4e9", linewidths=1.5, alpha=opacity, zorder=3))
    axes.plot([], [], color="#56b4e9", linewidth=1.5, alpha=0.6, label="Modes (darker: likelier)")


def _draw_ends(axes: Axes, forecasts: Forecasts, windows: Windows, *, movers: Int[np.ndarray, " m"]) -> None:
    """Footprints of the single forecast at the last step."""
    xy = np.asarray(forecasts.single_xy_m[movers], np.float64)
    start, heading = last_xy(windows.observed)[movers], last_heading(windows.observed)[0][movers]
    headings = path_headings(xy, start, heading, valid=np.ones(xy.shape[:2], dtype=bool))
    boxes = corners(xy[:, -1], headings[:, -1], _sizes(windows)[movers])
    axes.add_collection(PolyCollection(list(boxes), facecolors="none", edgecolors=FORECAST, linewidths=1.0, zorder=6))


def _centre(windows: Windows, forecasts: Forecasts, *, movers: Int[np.ndarray, " m"]) -> Float[np.ndarray, " 2"]:
    """Middle of the view that shows the most of the movers' paths, with one of them at its heart."""
    start, single = last_xy(windows.observed)[movers], np.asarray(forecasts.single_xy_m[movers], np.float64)
    middle = (start + single[:, -1]) / 2.0
    seen = (np.abs(middle[:, None] - middle[None]) / VIEW_M).max(axis=-1) <= 1.0 / 3.0
    length = np.linalg.norm(single[:, -1] - start, axis=-1)
    heart = int(np.argmax(seen @ np.sqrt(length)))
    return middle[seen[heart]].mean(axis=0)


def _frame(axes: Axes, centre: Float[np.ndarray, " 2"]) -> None:
    """A fixed field of view, so that scenes can be compared; axes in metres from the scene frame's origin."""
    half = VIEW_M / 2.0
    axes.set_xlim(centre[0] - half[0], centre[0] + half[0])
    axes.set_ylim(centre[1] - half[1], centre[1] + half[1])
    axes.set_aspect("equal")
    axes.set(xlabel="x in the scene frame (m)", ylabel="y in the scene frame (m)")
