# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One drive, one forecast
#
# Headway forecasts where every road user in a recorded drive goes next. This notebook follows one drive from its raw
# recording to the table of forecasts, with the very functions that the pipeline runs. The words on the way:
#
# * a **drive** is one recording: measured boxes of road users and, where there are any, camera frames;
# * a **track** is one road user (an **agent**) through a drive: its measurements in the order of time;
# * a **scene** is all agents around one **forecast time**: what was observed up to it, what was recorded after it;
# * a **mode** is one of several futures that a forecast holds possible, with its probability. Beside the modes stands
#   the **single forecast**, the one path to use where only one is wanted.
#
# Open it with `jupytext --to notebook notebooks/explore_drive.py`, from the repository root or from `notebooks/`.
# It writes to a temporary folder only.

# %%
import os
import sys
import tempfile
from pathlib import Path

ROOT = next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "params.yaml").is_file())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib.collections import LineCollection

from pipeline.config import EvaluateConfig
from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import Camera, project
from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.scene_plots import choose_scenes, plot_scene
from pipeline.evaluation.style import COLOURS, FAINT
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.report import ingest_report
from pipeline.params import load_section
from pipeline.scene.images import decode, frame_bytes
from pipeline.scoring.forecast import forecast_drive
from pipeline.scoring.health import Health
from pipeline.scoring.table import write_table
from pipeline.training.bundle import load_bundle
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

SCRATCH = tempfile.TemporaryDirectory(prefix="headway-")
GROUP_COLOURS = {
    Group.VEHICLE: COLOURS[0],
    Group.TWO_WHEELER: COLOURS[3],
    Group.PEDESTRIAN: COLOURS[5],
    Group.STATIC: FAINT,
    Group.OTHER: COLOURS[2],
}

# %% [markdown]
# ## A drive
#
# Set `HEADWAY_DRIVE` to the folder of a drive of your own. Without it the notebook takes a real one from PandaSet if it
# lies beside the repository, else it makes a small one up.

# %%
pandaset = ROOT.parent / "shared" / "data" / "drives" / "pandaset-002"
if chosen := os.environ.get("HEADWAY_DRIVE"):
    folder = Path(chosen)
    print(f"HEADWAY_DRIVE: {folder}")
elif pandaset.is_dir():
    folder = pandaset
    print("A real drive: PandaSet sequence 002")
else:
    folder = write_small_drive(Path(SCRATCH.name) / "made-up", image_px=(640, 384))
    print("A made-up drive (no HEADWAY_DRIVE, no ../shared/data)")

# %% [markdown]
# The registry knows the raw formats. It finds the drives in a folder and reads one into tables: a row per measured box,
# and a row per camera frame with the camera's pose. Positions are metres in one fixed world frame.

# %%
refs = find_drives(folder)
if len(refs) > 1:
    print(f"{len(refs)} drives in the folder; this is the first")
drive = read_drive(refs[0])
times_ns = np.unique(drive.tracks["timestamp_ns"])
print(f"{drive.name} ({drive.format}): {(times_ns[-1] - times_ns[0]) / 1e9:.1f} s at {drive.rate_hz:g} Hz")
print(f"{len(drive.tracks)} measurements of {drive.tracks['track_id'].nunique()} agents")
for name, camera in drive.cameras.items():
    print(f"{name}: {(drive.frames['camera'] == name).sum()} frames of {camera.width_px} x {camera.height_px} px")
if not drive.cameras:
    print("no cameras")

# %% [markdown]
# Every format has its own words for what a road user is. They are mapped to one set of categories.

# %%
agents = drive.tracks.drop_duplicates("track_id")
category = agents["category"].map(lambda number: Category(number).name.lower())
agents.assign(category=category).groupby(["category", "raw_category"]).size().rename("agents").to_frame()

# %% [markdown]
# ## What the camera sees
#
# The boxes of the tracks, projected into the frame nearest to the middle of the drive, of the camera that sees the most
# agents then. If tracks, poses and calibration belong together, the boxes sit on the cars. Two things to know: agents
# that something hides are drawn too, and boxes are measured at other moments than frames are taken, so that fast
# agents may be a little off.


# %%
def box_corners(boxes: pd.DataFrame) -> np.ndarray:
    """World positions of the eight corners of each box, in metres: (boxes, 8, 3)."""
    along, left, up = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij")).reshape(3, 8)
    length, width, height = boxes[["length_m", "width_m", "height_m"]].to_numpy().T[..., None]
    cos, sin = np.cos(boxes[["heading_rad"]].to_numpy()), np.sin(boxes[["heading_rad"]].to_numpy())
    offset = [
        cos * along * length - sin * left * width,
        sin * along * length + cos * left * width,
        up * height,
    ]
    return boxes[["x_m", "y_m", "z_m"]].to_numpy()[:, None] + np.stack(offset, axis=-1)


def boxes_in_view(frame: pd.Series, camera: Camera) -> tuple[pd.DataFrame, np.ndarray, float]:
    """Boxes at the measurement time nearest to a frame, their corners in it (u, v in px, depth in m), and the lag."""
    time_ns = times_ns[np.abs(times_ns - frame["timestamp_ns"]).argmin()]
    boxes = drive.tracks[(drive.tracks["timestamp_ns"] == time_ns) & ~drive.tracks["is_ego"]]
    boxes = boxes.dropna(subset=["x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m"])
    corners = project(
        box_corners(boxes),
        camera=camera,
        position_m=frame[["x_m", "y_m", "z_m"]].to_numpy(np.float64),
        quaternion_wxyz=frame[["qw", "qx", "qy", "qz"]].to_numpy(np.float64),
    )
    middle = corners.mean(axis=1)
    inside = (middle[:, :2] >= 0).all(axis=1) & (middle[:, :2] < (camera.width_px, camera.height_px)).all(axis=1)
    seen = inside & (corners[..., 2].min(axis=1) > 0.5) & (middle[:, 2] < 80.0)
    return boxes[seen], corners[seen], (time_ns - frame["timestamp_ns"]) / 1e9


def draw_frame(frame: pd.Series, camera: Camera) -> None:
    """One frame with the edges of the boxes in it."""
    boxes, corners, lag_s = boxes_in_view(frame, camera)
    size = {"width_px": camera.width_px, "height_px": camera.height_px}
    picture = decode(frame_bytes(drive.path, frame["path"]), camera=camera, **size)
    _, axes = plt.subplots(figsize=(11, 11 * camera.height_px / camera.width_px), layout="constrained")
    axes.imshow(picture)
    # Corners are numbered by three bits: those that differ in one bit share an edge.
    edges = [(a, a | bit) for bit in (1, 2, 4) for a in range(8) if not a & bit]
    for box, number in zip(corners[..., :2], boxes["category"], strict=True):
        colour = GROUP_COLOURS[Category(number).group]
        axes.add_collection(LineCollection([box[list(edge)] for edge in edges], colors=colour, linewidths=1.2))
    axes.set(xlim=(0, camera.width_px), ylim=(camera.height_px, 0))
    axes.set_title(f"{frame['camera']}: {len(boxes)} agents within 80 m, measured {lag_s:+.3f} s from the frame")
    axes.axis("off")
    plt.show()


if drive.frames.empty:
    print("This drive has no frames: nothing to draw.")
else:
    distance_ns = (drive.frames["timestamp_ns"] - times_ns[len(times_ns) // 2]).abs()
    candidates = [drive.frames.loc[row] for row in distance_ns.groupby(drive.frames["camera"]).idxmin()]
    best = max(candidates, key=lambda frame: len(boxes_in_view(frame, drive.cameras[frame["camera"]])[0]))
    draw_frame(best, drive.cameras[best["camera"]])

# %% [markdown]
# ## Clean tracks
#
# Real recordings have gaps, repeated rows and impossible jumps, and each its own rate. Ingest drops what cannot be
# used, brings the rest to one rate, and notes of every sample when it became known, so that no forecast can see the
# future. What it dropped is counted by reason, never silently.

# %%
bundle_folder = ROOT / "artifacts" / "model"
if bundle_folder.is_dir():
    bundle = load_bundle(bundle_folder)
    forecaster = "social_lstm"
    print("The trained model in artifacts/model")
else:
    bundle = make_bundle()
    forecaster = "random_weights"
    print("NOT A TRAINED MODEL: random weights, to show the way only. Run `make repro` for real ones.")

clean = ingest_drive(drive, config=bundle.ingest)
report = ingest_report(clean)
kept = ("duration_s", "rate_hz", "num_raw_rows", "num_rows", "num_agents", "num_agents_split", "num_gaps", "num_frames")
display(pd.Series({key: report[key] for key in kept}, name=clean.name, dtype=object).to_frame())
dropped = report["dropped_by_reason"]
print("\n".join(f"dropped: {count} x {reason}" for reason, count in dropped.items()) or "nothing was dropped")
print("\n".join(f"note: {note}" for note in report["notes"]))

# %% [markdown]
# The tracks from above. A dot is where a track ends; most agents of a street stand still.

# %%
_, axes = plt.subplots(figsize=(9, 7), layout="constrained")
for _, track in clean.tracks.groupby("agent_id"):
    group = Category(track["category"].iloc[0]).group
    colour = "black" if track["is_ego"].iloc[0] else GROUP_COLOURS[group]
    text = "ego (the recording vehicle)" if track["is_ego"].iloc[0] else group.name.lower().replace("_", "-")
    whole = track.set_index("step").reindex(range(track["step"].min(), track["step"].max() + 1))  # gaps stay gaps
    axes.plot(whole["x_m"], whole["y_m"], color=colour, linewidth=1.5, label=text)
    axes.plot(track["x_m"].iloc[-1], track["y_m"].iloc[-1], color=colour, marker="o", markersize=3)
unique = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
axes.legend(unique.values(), unique.keys(), frameon=False)
axes.set(xlabel="x in the world (m)", ylabel="y in the world (m)", title=f"{clean.name}: {report['num_agents']} agents")
axes.set_aspect("equal", adjustable="datalim")
plt.show()

# %% [markdown]
# ## Forecasts
#
# `forecast_drive` does the rest, as `headway score` does: it cleans the drive, looks at its frames with the CNN, cuts
# it into scenes and forecasts every agent of every scene. Each forecast says what it rests on, its **health**: `ok` and
# `stale` (last measured a little before the forecast time) are the model's own; agents with too short a history, static
# objects and outputs that failed a check get constant velocity, or stay where they are.

# %%
result = forecast_drive(bundle, drive)
windows, forecasts = result.windows, result.forecasts
num_scenes, num_modes, num_future = len(windows.index.t0_ns), *forecasts.mode_xy_m.shape[1:3]
print(f"{len(result.health)} forecasts in {num_scenes} scenes: {num_modes} modes of {num_future / windows.rate_hz:g} s")
print({health.label: int((result.health == health).sum()) for health in Health if (result.health == health).any()})
print({step: f"{seconds:.2f} s" for step, seconds in result.seconds.items()})

# %% [markdown]
# One scene, the one in which the most is going on: what was observed, what was recorded after the forecast time, the
# single forecast, and the modes, the likelier the darker. Only agents that move are forecast in the picture; the others
# are there as context. Positions are told in the scene frame, whose origin is near the agents.

# %%
config = load_section("evaluate", EvaluateConfig, path=ROOT / "params.yaml")
busiest = choose_scenes(windows, config=config, num_scenes=1)
if busiest:
    picture = Path(SCRATCH.name) / "scene.png"
    drawn = {"forecasts": forecasts, "name": forecaster, "reference": None}
    plot_scene(picture, windows, scene=busiest[0], config=config, **drawn)
    display(Image(picture, width=900))
else:
    print("Nothing in this drive moves and is recorded after a forecast time: no scene to draw.")

# %% [markdown]
# ## The table
#
# What `headway score` writes: a row per agent, forecast time and mode. Mode -1 is the single forecast; modes 0, 1, ...
# follow by falling probability. The paths are lists over the future steps in world metres (plus `origin_x_m` and
# `origin_y_m`, zero unless the drive is very far from the world's origin), each step with its standard deviations
# and correlation.

# %%
path = Path(SCRATCH.name) / f"{result.name}.parquet"
write_table(path, result)
table = pd.read_parquet(path)
print(f"{len(table)} rows, {path.stat().st_size / 1e6:.1f} MB")
table.head(num_modes + 1)

# %% [markdown]
# The first rows are of the first forecast time, at which nobody has a history yet: their health says so. More telling
# is the agent that the model sends furthest, at one forecast time. Shown here are the ends of its paths.

# %%
own = table[table["health"] == Health.OK.label] if (table["health"] == Health.OK.label).any() else table
furthest = own.loc[own["speed_mps"].map(np.sum).idxmax()]
rows = table[(table["agent_id"] == furthest["agent_id"]) & (table["t0_ns"] == furthest["t0_ns"])]
ends = {name: rows[name].str[-1] for name in ("t_s", "x_m", "y_m", "sigma_x_m", "sigma_y_m", "speed_mps")}
rows[["agent_id", "category", "mode", "probability", "health"]].assign(**ends).round(2)
