"""The figures of an evaluation and the tables that ``dvc plots`` draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.evaluation.curves import calibration_table, horizon_table, reliability_table
from pipeline.evaluation.offroad import NO_MAPS
from pipeline.evaluation.scene_plots import choose_scenes, plot_scene
from pipeline.evaluation.style import COLOURS, FAINT, figure, label, save
from pipeline.files import whole_folder, write_json
from pipeline.forecasts import Forecasts
from pipeline.progress import track
from pipeline.windows.windows import Windows

NUM_SCENES = 6


def write_plots(
    folder: Path,
    forecasts: Mapping[str, Forecasts],
    windows: Windows,
    *,
    config: EvaluateConfig,
    baselines: Mapping[str, object] | None = None,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    more: Callable[[Path], object] = lambda _folder: None,
) -> None:
    """Write all figures and tables, whole, in place of what the folder held.

    Args:
        folder: Gets ``horizon``, ``calibration`` and ``reliability``, each as ``.csv`` and ``.png``,
            ``scene_<i>.png`` and ``baselines.json``.
        forecasts: By name, aligned with ``windows.observed``; the first is drawn in the scenes.
        windows: The test scenes.
        config: The section ``evaluate``.
        baselines: What was fitted, for ``baselines.json``.
        maps: By drive name; drawn under the scenes.
        more: Writes further ones into the folder that it is given.
    """
    horizon = horizon_table(forecasts, windows, config=config)
    calibration = calibration_table(forecasts, windows, config=config)
    reliability = reliability_table(forecasts, windows, config=config)
    names = list(forecasts)
    with whole_folder(folder) as temporary:
        horizon.round(5).to_csv(temporary / "horizon.csv", index=False)
        calibration.round(5).to_csv(temporary / "calibration.csv", index=False)
        plot_horizon(temporary / "horizon.png", horizon, names=names)
        plot_calibration(temporary / "calibration.png", calibration, names=names)
        reliability.round(5).to_csv(temporary / "reliability.csv", index=False)
        plot_reliability(temporary / "reliability.png", reliability, names=names)
        first, reference = forecasts[names[0]], forecasts.get("constant_velocity")
        scenes = choose_scenes(windows, config=config, num_scenes=NUM_SCENES)
        for number, scene in track(enumerate(scenes, start=1), total=len(scenes), description="Drawing"):
            path = temporary / f"scene_{number}.png"
            plot_scene(
                path,
                windows,
                scene=scene,
                forecasts=first,
                name=names[0],
                reference=reference,
                config=config,
                drive_map=maps.get(windows.index.drive_names[int(windows.index.drive[scene])]),
            )
        write_json(temporary / "baselines.json", dict(baselines or {}))
        more(temporary)


def plot_horizon(path: Path, table: pd.DataFrame, *, names: list[str]) -> None:
    """Error over the horizon, one line per forecaster with its interval."""
    made, [axes] = figure(width=7.4, height=4.8)
    time = np.concatenate([[0.0], table["horizon_s"].to_numpy()])
    # The first forecaster lies on top, and dashes let an equal one below be seen.
    for number, name in reversed(list(enumerate(names))):
        value, low, high = (np.concatenate([[0.0], table[f"{name}{end}"].to_numpy()]) for end in ("", "_low", "_high"))
        axes.fill_between(time, low, high, color=_colour(number), alpha=0.12, linewidth=0)
        text = f"{label(name)} ({_last(value):.2f} m)"
        axes.plot(time, value, color=_colour(number), linestyle=_dashes(number), linewidth=2.2, label=text)
    axes.set(xlabel="Time after the forecast (s)", ylabel="Mean error of the single forecast (m)")
    axes.set_title("Movers of the held-out drives: error over the horizon", fontsize=11, loc="left")
    axes.set_xlim(0.0, float(time[-1]))
    axes.set_ylim(bottom=0.0)
    handles, texts = axes.get_legend_handles_labels()
    title = "Error at the last step; band: 95 % interval"
    axes.legend(handles[::-1], texts[::-1], frameon=False, fontsize=9, title=title, title_fontsize=8, loc="upper left")
    save(made, path)


def plot_calibration(path: Path, table: pd.DataFrame, *, names: list[str]) -> None:
    """Observed over nominal coverage; on the diagonal the spread is right, below it too small."""
    made, [axes] = figure(width=5.4, height=5.6)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)), label="Calibrated")
    for number, name in enumerate(names):
        shares = table["nominal"].to_numpy(), table[name].to_numpy()
        axes.plot(*shares, color=_colour(number), linewidth=2.0, marker="o", markersize=3.5, label=label(name))
    axes.set(xlabel="Nominal share inside the ellipse", ylabel="Observed share", xlim=(0, 1), ylim=(0, 1))
    title = "Movers: calibration of the single forecast's spread\n(above the diagonal: too wide; below: too narrow)"
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_aspect("equal")
    axes.legend(frameon=False, fontsize=9, loc="best")
    save(made, path)


def plot_reliability(path: Path, table: pd.DataFrame, *, names: list[str]) -> None:
    """How often what was told to be so likely came true; a larger dot stands for more agents and choices."""
    parts = {"mode": "Which of the modes is nearest", "direction": "Direction", "pace": "Pace"}
    made, all_axes = figure(width=11.4, height=4.6, columns=len(parts))
    for axes, (what, title) in zip(all_axes, parts.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)), label="Calibrated")
        for number, name in enumerate(names):
            rows = table[(table["forecaster"] == name) & (table["what"] == what)]
            if rows.empty:
                continue
            axes.plot(rows["told"], rows["happened"], color=_colour(number), linewidth=1.6, label=label(name))
            area = 8.0 + 120.0 * rows["num_pairs"] / rows["num_pairs"].sum()
            axes.scatter(rows["told"], rows["happened"], s=area, color=_colour(number))
        axes.set(xlabel="Probability told", ylabel="Share that came true", xlim=(0, 1), ylim=(0, 1))
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_aspect("equal")
    all_axes[0].legend(frameon=False, fontsize=9, loc="upper left")
    save(made, path)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _dashes(number: int) -> tuple[int, tuple[int, ...]]:
    return (0, (5, 1)) if number and number % 2 == 0 else (0, ())


def _last(values: np.ndarray) -> float:
    return float(values[np.isfinite(values)][-1])
