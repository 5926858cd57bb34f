"""A raw drive to a clean drive: usable rows, one rate, causal headings and velocities."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.config import IngestConfig
from pipeline.drives.drive import Drive
from pipeline.errors import InputError, Suspicion
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from pipeline.ingest.jumps import agent_name, split_jumps
from pipeline.ingest.motion import backward_velocity, fill_headings
from pipeline.ingest.reject import SIZES, usable_frames, usable_rows
from pipeline.ingest.resample import MAX_STEPS, num_steps, sample_steps, step_clock
from pipeline.ingest.suspect import notes_on, suspect


def ingest_drive(drive: Drive, *, config: IngestConfig) -> CleanDrive:
    """Clean one drive and bring it to one rate.

    Every row depends on raw measurements up to its ``known_at_ns`` alone: whatever else the recording holds after a
    time t, the rows with ``known_at_ns <= t`` are the same. An agent's rows become known in their order, so what
    looks back over them (velocity, heading from motion) is known when its row is. Sizes, category and whether it
    is the ego are those of the latest measurement at or before the step.

    Args:
        drive: As its reader delivered it, in any order.
        config: The ``ingest`` section.

    Raises:
        InputError: No usable measurement is left, or the times span more than any recording.
    """
    rows, dropped = usable_rows(drive)
    frames, frames_dropped = usable_frames(drive)
    everything_dropped = (*drive.dropped, *dropped, *frames_dropped)
    suspicions = suspect(drive, num_usable=len(rows), config=config)
    if rows.empty:
        reasons = sorted({entry.reason for entry in everything_dropped})
        why = f" ({', '.join(reasons)})" if reasons else ""
        todo = _todo(suspicions, otherwise="check its tracks, or leave the drive out")
        raise InputError(drive.path, f"has no usable measurement{why}", todo)
    step_times_ns = _clock_of(rows, drive, config, suspicions=suspicions)
    tracks = _resample(_by_agent(rows, config), step_times_ns, config)
    if tracks.empty:
        # Possible only at rates far below the recording's own: no measurement on a step, none around one.
        todo = _todo(suspicions, otherwise="raise ingest.rate_hz or ingest.max_gap_s")
        raise InputError(drive.path, f"has no measurement near a step at {config.rate_hz:g} Hz", todo)
    return CleanDrive(
        name=drive.name,
        source_path=str(drive.path),
        rate_hz=config.rate_hz,
        step_times_ns=step_times_ns,
        tracks=tracks,
        cameras=dict(drive.cameras),
        frames=frames,
        map=drive.map,
        dropped=everything_dropped,
        notes=(*drive.notes, *notes_on(drive)),
        suspicions=suspicions,
        num_raw_rows=len(drive.tracks),
    )


def _todo(suspicions: tuple[Suspicion, ...], *, otherwise: str) -> str:
    """What to do about a drive that cannot be used: what is suspicious about it is the likeliest reason."""
    return f"likely {suspicions[0].cause}: {suspicions[0].todo}" if suspicions else otherwise


def _clock_of(
    rows: pd.DataFrame, drive: Drive, config: IngestConfig, *, suspicions: tuple[Suspicion, ...]
) -> Int[np.ndarray, " s"]:
    """The drive's step clock."""
    times_ns = np.unique(rows["timestamp_ns"].to_numpy(np.int64))
    first, last = int(times_ns[0]), int(times_ns[-1])
    if num_steps(first, last, rate_hz=config.rate_hz, snap_s=config.snap_s) > MAX_STEPS:
        hours = (last - first) / 3.6e12
        what = f"its measurements span {hours:.0f} hours, from {first} to {last} ns"
        todo = _todo(suspicions, otherwise="correct the timestamps, or cut it into several drives")
        raise InputError(drive.path, what, todo)
    return step_clock(times_ns, rate_hz=config.rate_hz, snap_s=config.snap_s)


def _by_agent(rows: pd.DataFrame, config: IngestConfig) -> pd.DataFrame:
    """Sort by agent and time, with the column ``agent_id`` after splitting at impossible jumps."""
    rows = rows.sort_values(["track_id", "timestamp_ns"], kind="stable", ignore_index=True)
    part = split_jumps(
        pd.factorize(rows["track_id"])[0].astype(np.int64),
        times_ns=rows["timestamp_ns"].to_numpy(np.int64),
        xy_m=rows[["x_m", "y_m"]].to_numpy(np.float64),
        max_speed_mps=config.max_speed_mps,
        max_gap_s=config.max_gap_s,
    )
    rows = rows.assign(part=part)
    names = rows[["track_id", "part"]].drop_duplicates()
    names["agent_id"] = [agent_name(str(t), part=int(p)) for t, p in zip(names["track_id"], names["part"], strict=True)]
    rows = rows.merge(names, on=["track_id", "part"], validate="many_to_one")
    return rows.sort_values(["agent_id", "timestamp_ns"], kind="stable", ignore_index=True)


def _resample(rows: pd.DataFrame, step_times_ns: Int[np.ndarray, " s"], config: IngestConfig) -> pd.DataFrame:
    """Measurements sorted by (agent_id, timestamp_ns) to the clean table."""
    times_ns = rows["timestamp_ns"].to_numpy(np.int64)
    agent = pd.factorize(rows["agent_id"])[0].astype(np.int64)
    sampling = sample_steps(agent, times_ns=times_ns, step_times_ns=step_times_ns, max_gap_s=config.max_gap_s)
    t_ns = step_times_ns[sampling.step]
    position = sampling.linear(rows[["x_m", "y_m", "z_m"]].to_numpy(np.float64))
    xy = np.ascontiguousarray(position[:, :2])
    velocity = backward_velocity(xy, run=sampling.run, step=sampling.step, t_ns=t_ns)
    heading = fill_headings(
        sampling.angle(rows["heading_rad"].to_numpy(np.float64)),
        agent=agent[sampling.before],
        t_ns=t_ns,
        xy_m=xy,
        min_motion_m=config.min_motion_m,
    )
    kept = ["agent_id", "category", "raw_category", "is_ego", *SIZES]
    tracks = rows[kept].iloc[sampling.before].reset_index(drop=True)
    tracks = tracks.assign(
        step=sampling.step,
        t_ns=t_ns,
        known_at_ns=times_ns[sampling.after],
        x_m=position[:, 0],
        y_m=position[:, 1],
        z_m=position[:, 2],
        heading_rad=heading,
        vx_mps=velocity[:, 0],
        vy_mps=velocity[:, 1],
    )
    return tracks[list(CLEAN_COLUMNS)].astype(CLEAN_COLUMNS)
