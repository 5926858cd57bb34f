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
# # Simulated traffic beside real traffic
#
# Headway's default data are simulated drives: SUMO moves the traffic of four kinds of **world**, an **ego** drives
# through it and records what it can see, with noise. How like real drives are they? This notebook puts distributions
# of speed, acceleration, headway and turn rate of both next to each other. Simulated and real drives are cleaned by
# the same code, at one rate (`pipeline.ingest`), and measured by the same functions.
#
# Open it with `jupytext --to notebook notebooks/simulated_traffic.py`, from the repository root or from `notebooks/`.
# It writes to a temporary folder only.

# %%
import sys
import tempfile
from pathlib import Path

ROOT = next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "params.yaml").is_file())
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from pipeline.config import IngestConfig, SimulateConfig
from pipeline.drives.categories import Category, Group
from pipeline.drives.registry import find_drives, read_drive
from pipeline.evaluation.leaders import HEADWAY_S, NO_LEADER, QUEUE_M, nearest_ahead
from pipeline.evaluation.map_plots import draw_map
from pipeline.evaluation.style import COLOURS, FAINT, INK, figure, save
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section
from pipeline.scene.images import decode, frame_bytes
from pipeline.simulation.occlusion import footprints
from pipeline.simulation.recording import WORLDS
from pipeline.simulation.simulate import simulate_drive

SCRATCH = tempfile.TemporaryDirectory(prefix="headway-")
GROUPS = {
    "vehicle": (Group.VEHICLE, COLOURS[0]),
    "two-wheeler": (Group.TWO_WHEELER, COLOURS[3]),
    "pedestrian": (Group.PEDESTRIAN, COLOURS[5]),
}
TOWN, REAL = "simulated, in town", "real"  # no real drive here is on a motorway

# %% [markdown]
# ## The drives
#
# The simulated drives are those that `make repro` left in `artifacts/simulated`; without them a few short ones are
# made now, without frames. The real ones are KITTI (sequence 0000), nuScenes (eight scenes of the mini split) and
# PandaSet (sequence 002), if they lie beside the repository.

# %%
simulated, truth = ROOT / "artifacts" / "simulated", ROOT / "artifacts" / "simulated-truth"
if simulated.is_dir() and truth.is_dir():
    print("The simulated drives in artifacts/simulated")
else:
    simulated, truth = Path(SCRATCH.name) / "drives", Path(SCRATCH.name) / "truth"
    config = load_section("simulate", SimulateConfig, path=ROOT / "params.yaml")
    config = config.model_copy(update={"num_drives": len(WORLDS), "duration_s": 15.0, "cameras": []})
    for index in range(config.num_drives):
        simulate_drive(index, config=config, folder=simulated, truth=truth)
    print(f"No artifacts/simulated: {config.num_drives} drives of {config.duration_s:g} s, simulated now")
shared = ROOT.parent / "shared" / "data"
real = [folder for folder in (shared / "kitti", shared / "drives") if folder.is_dir()]
if not real:
    print("No real drives (no ../shared/data): the simulated ones alone")

ingest = load_section("ingest", IngestConfig, path=ROOT / "params.yaml")
drives: dict[str, list[CleanDrive]] = {}  # by world or by source; worlds first
for ref in [ref for folder in (simulated, *real) for ref in find_drives(folder)]:
    kind = ref.name.split("-")[0] if ref.path.is_relative_to(simulated) else f"real: {ref.name.split('-')[0]}"
    drives.setdefault(kind, []).append(ingest_drive(read_drive(ref), config=ingest))
drives = {kind: drives[kind] for kind in sorted(drives, key=lambda kind: (*WORLDS, kind).index(kind))}
for kind, members in drives.items():
    print(f"{kind}: {len(members)} drives, {sum(len(d.step_times_ns) / d.rate_hz for d in members):.0f} s")

# %% [markdown]
# One simulated drive of each world, halfway through: what its front camera sees, or without frames its map and the
# agents that it senses, from above (the ego is black).


# %%
def show(made: Figure) -> None:
    """Show a figure."""
    save(made, Path(SCRATCH.name) / "figure.png")
    display(Image(Path(SCRATCH.name) / "figure.png", width=900))


def draw_drive(axes: Axes, drive: CleanDrive) -> None:
    """One moment of a drive: a frame if there is any, else from above."""
    axes.set_title(drive.name, fontsize=10, loc="left")
    axes.grid(visible=False)
    if len(drive.frames):
        frame = drive.frames.iloc[len(drive.frames) // 2]
        camera = drive.cameras[frame["camera"]]
        size = {"width_px": camera.width_px, "height_px": camera.height_px}
        axes.imshow(decode(frame_bytes(Path(drive.source_path), frame["path"]), camera=camera, **size))
        axes.axis("off")
        return
    boxes = drive.tracks[drive.tracks["step"] == len(drive.step_times_ns) // 2]
    (centre,) = boxes.loc[boxes["is_ego"], ["x_m", "y_m"]].to_numpy()
    if drive.map is not None:
        draw_map(axes, drive.map, origin_m=centre)
    sizes = {name: boxes[name].to_numpy() for name in ("heading_rad", "length_m", "width_m")}
    outlines = footprints(boxes[["x_m", "y_m"]].to_numpy() - centre, **sizes)
    for box, outline in zip(boxes.itertuples(), outlines, strict=True):
        colour = next((c for group, c in GROUPS.values() if group is Category(box.category).group), FAINT)
        axes.add_patch(Polygon(outline, color="black" if box.is_ego else colour, zorder=2))
    axes.set(xlim=(-60, 60), ylim=(-40, 40), xlabel="m", ylabel="m", aspect="equal")


worlds = [kind for kind in drives if kind in WORLDS]
made, panels = figure(width=11, height=3.7 * -(-len(worlds) // 2), rows=-(-len(worlds) // 2), columns=2)
for axes in panels[len(worlds) :]:
    axes.remove()
for kind, axes in zip(worlds, panels, strict=False):
    draw_drive(axes, drives[kind][0])
show(made)

# %% [markdown]
# ## How it is measured
#
# Positions have noise of centimetres, which differences over a step of 0.1 s turn into decimetres a second, and second
# differences into metres per square second. So all is taken over a window of one second around a step:
#
# * **speed**: the length of the mean of the velocities;
# * **longitudinal acceleration**: the slope of the straight line through the velocities along the heading;
# * **turn rate**: likewise, through the headings;
# * **gap**: from bumper to bumper to the leader, as the slice of followers in the evaluation has it
#   (`pipeline.evaluation.leaders`): the nearest vehicle or two-wheeler ahead in the same path, at most 3 s away at the
#   speed driven, or 10 m. The **headway** is the time to drive that gap. Above 12 km/h it is below 3 s by definition.
#
# Whoever never gets 2 m away from where it was first seen counts as **parked** and is left out of the distributions.
# Real streets are full of such; nobody parks in the simulation, but some wait as long as they are seen. **Moving** is
# above 2 m/s, **standing** below 0.5 m/s. Each step of each agent counts once, so long tracks weigh more.

# %%
WINDOW_S, PARKED_M, STANDING_MPS, MOVING_MPS = 1.0, 2.0, 0.5, 2.0


def windows(values: np.ndarray, run: np.ndarray, half: int) -> np.ndarray:
    """The values within ``half`` steps around each, (rows, 2 half + 1); NaN where the run does not go so far."""
    pad = np.full(half, -1)
    around = np.lib.stride_tricks.sliding_window_view(np.concatenate([pad, run, pad]), 2 * half + 1)
    inside = (around == run[:, None]).all(axis=1)
    views = np.lib.stride_tricks.sliding_window_view(np.pad(values, half), 2 * half + 1)
    return np.where(inside[:, None], views, np.nan)


def slope(values: np.ndarray, run: np.ndarray, rate_hz: float) -> np.ndarray:
    """Slope (1/s) of the least-squares line through the window around each value; equal numbers in ``run`` belong."""
    half = round(WINDOW_S * rate_hz / 2)
    t_s = np.arange(-half, half + 1) / rate_hz
    return windows(values, run, half) @ t_s / (t_s @ t_s)


def runs(agent: pd.Series, step: pd.Series) -> np.ndarray:
    """A number for each unbroken run of steps of an agent; the rows are sorted by both."""
    return ((agent != agent.shift()) | (step.diff() != 1)).cumsum().to_numpy()


def measure(drive: CleanDrive, kind: str) -> pd.DataFrame:
    """A row per agent and step, with what this notebook compares."""
    tracks, half = drive.tracks, round(WINDOW_S * drive.rate_hz / 2)
    run = runs(tracks["agent_id"], tracks["step"])
    vx, vy, heading = (tracks[name].to_numpy(np.float64) for name in ("vx_mps", "vy_mps", "heading_rad"))
    speed = np.hypot(windows(vx, run, half).mean(axis=1), windows(vy, run, half).mean(axis=1))
    turned = pd.Series(heading).groupby(run).transform(np.unwrap).to_numpy()
    xy, size = tracks[["x_m", "y_m"]].to_numpy(), tracks[["length_m", "width_m"]].to_numpy()
    size = np.sort(size, axis=1)[:, ::-1]  # the egos of these nuScenes drives are 1.73 m long and 4.08 m wide
    first = tracks.groupby("agent_id")[["x_m", "y_m"]].transform("first").to_numpy()
    away = pd.Series(np.hypot(*(xy - first).T)).groupby(tracks["agent_id"]).transform("max")
    names = {group: name for name, (group, _) in GROUPS.items()}
    group = tracks["category"].map(lambda number: names.get(Category(number).group, "other"))
    there = group.isin(["vehicle", "two-wheeler"]) & np.isfinite(np.column_stack([heading, size, speed])).all(axis=1)
    reach = np.maximum(QUEUE_M, HEADWAY_S * np.nan_to_num(speed))
    scene, there = tracks["step"].to_numpy(np.int64), there.to_numpy()
    leader, gap = nearest_ahead(xy, heading, size_m=size, scene=scene, there=there, reach_m=reach)
    sample = pd.DataFrame({"kind": kind, "drive": drive.name, "agent_id": tracks["agent_id"], "group": group})
    return sample.assign(
        is_ego=tracks["is_ego"],
        speed_mps=speed,
        accel_mps2=slope(vx * np.cos(heading) + vy * np.sin(heading), run, drive.rate_hz),
        turn_dps=np.rad2deg(slope(turned, run, drive.rate_hz)),
        gap_m=np.where(leader != NO_LEADER, gap, np.nan),
        parked=away < PARKED_M,
    )


samples = pd.concat([measure(drive, kind) for kind, members in drives.items() for drive in members], ignore_index=True)
agents = samples.groupby(["kind", "group", "drive", "agent_id"], sort=False)["parked"].first()
counts = agents.groupby(level=["kind", "group"]).agg(["size", "sum"]).set_axis(["tracks", "parked"], axis=1)
print(counts.unstack(fill_value=0).swaplevel(axis=1).sort_index(axis=1).loc[list(drives)].to_string())

# %%
made, [axes] = figure(width=9, height=0.5 * len(drives) + 1.2)
left = np.zeros(len(drives))
for name, (_, colour) in GROUPS.items():
    share = [(samples.loc[(samples["kind"] == kind) & ~samples["parked"], "group"] == name).mean() for kind in drives]
    axes.barh(list(drives), share, left=left, color=colour, label=name)
    left += share
axes.invert_yaxis()
axes.set(xlim=(0, 1), xlabel="Share of the measurements (the rest is other)")
axes.legend(frameon=False, ncols=3, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, 1.12))
show(made)

# %% [markdown]
# ## Distributions
#
# A figure holds a histogram per world (blue) and source (orange), each as high as the others; the dot is the median,
# the bar reaches from the 5th to the 95th percentile. Below it the percentiles as a table, with the simulated worlds
# but the motorway and the real sources taken together.


# %%
def compare(values: pd.Series, title: str, *, limits: tuple[float, float]) -> None:
    """Draw and print one quantity; ``values`` are rows of ``samples``, which tell where each belongs."""
    values = values.dropna()
    kind = samples.loc[values.index, "kind"]
    sets = {name: values[kind == name] for name in drives}
    made, [axes] = figure(width=9, height=0.62 * len(sets) + 0.9)
    for row, (name, own) in enumerate(sets.items()):
        if own.empty:
            continue
        heights, edges = np.histogram(own, bins=np.linspace(*limits, 61))
        colour = COLOURS[1] if name.startswith("real") else COLOURS[0]
        axes.stairs(row - 0.75 * heights / max(1, heights.max()), edges, baseline=row, fill=True, color=colour)
        low, middle, high = np.percentile(own, [5, 50, 95])
        axes.plot([low, high], [row + 0.1] * 2, color=INK, linewidth=1.5)
        axes.plot(middle, row + 0.1, color=INK, marker="o", markersize=4)
    axes.set(xlim=limits, ylim=(len(sets) - 0.6, -0.95), yticks=range(len(sets)), yticklabels=list(sets))
    axes.set_title(title, fontsize=11, loc="left")
    show(made)
    sets |= {TOWN: values[kind.isin(WORLDS) & (kind != "motorway")], REAL: values[kind.str.startswith("real")]}
    rows = {name: [*np.percentile(own, [5, 50, 95]), len(own)] for name, own in sets.items() if len(own)}
    print(title)
    print(pd.DataFrame.from_dict(rows, orient="index", columns=["5 %", "50 %", "95 %", "samples"]).round(2).to_string())


active = samples[~samples["parked"]]
vehicles = active[active["group"] == "vehicle"]
moving = vehicles[vehicles["speed_mps"] > MOVING_MPS]
compare(vehicles["speed_mps"], "Speed of vehicles (m/s)", limits=(0, 40))

# %%
for name, fastest_mps in (("two-wheeler", 40.0), ("pedestrian", 3.0)):
    own = active.loc[active["group"] == name, "speed_mps"]
    compare(own, f"Speed of {name}s (m/s)", limits=(0, fastest_mps))

# %%
print("Share of time that agents stand (below 0.5 m/s), the parked left out:")
known = active.dropna(subset="speed_mps")
standing = (known["speed_mps"] < STANDING_MPS).groupby([known["kind"], known["group"]]).mean().unstack()
print(standing.reindex(drives).round(2).to_string(na_rep="-"))

# %%
compare(moving["accel_mps2"], "Longitudinal acceleration of moving vehicles (m/s²)", limits=(-5, 5))

# %% [markdown]
# Boxes of others are noisy even over a second, those of nuScenes most (two hand-drawn ones a second). An ego knows
# its own motion far better, so that egos compare more sharply; but there are few of them.

# %%
compare(moving.loc[moving["is_ego"], "accel_mps2"], "Longitudinal acceleration of moving egos (m/s²)", limits=(-5, 5))

# %% [markdown]
# Of simulated drives the truth is known, without any noise: the same line through the true speeds, at the very steps
# at which the ego senses an agent, and SUMO's own value of each step.


# %%
def true_acceleration(name: str) -> pd.DataFrame:
    """Of moving vehicles of a simulated drive, where and when they are sensed."""
    agents = pd.read_parquet(truth / name / "agents.parquet").sort_values(["agent_id", "timestamp_ns"])
    step, times_ns = pd.factorize(agents["timestamp_ns"], sort=True)
    rate_hz = 1e9 / np.diff(times_ns).min()
    run = runs(agents["agent_id"], pd.Series(step, index=agents.index))
    agents["over 1 s"] = slope(agents["speed_mps"].to_numpy(), run, rate_hz)
    sensed = pd.read_parquet(truth / name / "tracks.parquet", columns=["timestamp_ns", "agent_id"])
    agents = agents.merge(sensed).rename(columns={"accel_mps2": "each step"})
    return agents[(agents["speed_mps"] > MOVING_MPS) & agents["category"].isin(["car", "van", "truck", "bus"])]


shares = (0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0)
rows = {}
for kind in worlds:
    exact = pd.concat([true_acceleration(drive.name) for drive in drives[kind]])
    rows |= {f"{kind}, {name}": exact[name].dropna().quantile(shares) for name in ("over 1 s", "each step")}
print("True longitudinal acceleration of moving vehicles (m/s²)")
print(pd.DataFrame(rows, index=shares).T.rename(columns=lambda share: f"{share:.0%}").round(2).to_string())

# %%
compare(moving["gap_m"] / moving["speed_mps"], "Headway of moving vehicles that follow (s)", limits=(0, 3))
print("Share of moving vehicles that follow:")
print(moving["gap_m"].notna().groupby(moving["kind"]).mean().reindex(drives).round(2).to_string())

# %%
compare(moving["gap_m"], "Gap of moving vehicles to the leader (m)", limits=(0, 60))
queued = vehicles.loc[vehicles["speed_mps"] < STANDING_MPS, "gap_m"]
compare(queued, "Gap of standing vehicles to the leader (m)", limits=(0, 10))

# %%
compare(moving["turn_dps"], "Turn rate of moving vehicles (degrees/s)", limits=(-40, 40))

# %% [markdown]
# ## Where they differ
#
# Said of the 36 simulated drives of `make repro` (2026-11-24) and all the real ones; the tables above may hold others.
# The real ones are few: 181 s, 158 of them from nuScenes, none on a motorway. They tell what is plausible, not what is
# typical.
#
# * **Alike**: the speeds of pedestrians (medians 1.19 and 1.25 m/s) and two-wheelers in town (4.1 and 4.3 m/s), and how
#   many moving vehicles follow another in town (31 to 41 % by world, real 27 to 49 % by source).
# * **Acceleration** looks alike (5 to 95 %: -2.2 to 2.1, real -2.0 to 2.0 m/s²), but not for one reason: part of
#   nuScenes' spread must be noise, as its egos stay within -1.2 to 1.5, whereas the simulated truth is as wide as
#   what is sensed, and simulated egos brake and start harder than real ones (-2.2 to 2.1, real -1.0 to 1.5). On the
#   motorway the truth is -1.0 to 0.9 m/s².
# * **Headways** are a little longer in town: a median of 1.8 s, 5 % below 1.2 s; real ones 1.7 s, and 5 % below 0.7 s.
#   So are the gaps in queues (medians 2.2 and 1.3 m, the real ones of a few queues only).
# * **Slower in town**: vehicles go at a median of 3.8 m/s, real ones at 7.9, and stand 19 to 35 % of the time instead
#   of 8. The simulation shows more of the neighbourhood of junctions, less of the road between.
# * **More turning**: 5 to 95 % of turn rates are -15 to 16 degrees/s, real -6 to 9, most of all in roundabouts.
# * **Nobody parks** in the simulation (what counts as parked above waits in a queue); of the real vehicles more than
#   half do.
