"""The only place where a drive is cut at a forecast time into what was known and what came after.

Whatever computes inputs takes a ``History`` and can see nothing else; ``Recorded`` goes to losses and metrics alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float, Int

from pipeline.config import WindowsConfig
from pipeline.ingest.clean import CleanDrive
from pipeline.scene.sample import frame_times, latest_frames
from pipeline.scene.store import SceneFeatures
from pipeline.windows.grid import Grid

_S_TO_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What was known at b forecast times of one drive, about n agents and in the cameras' frames.

    World coordinates, m steps at the clean rate, the last at the forecast time. Where ``valid`` is False
    (not recorded, or made from a measurement after the forecast time) the numbers beside it are zero.

    Attributes:
        t0_ns: The forecast times.
        times_ns: Of the steps of each scene.
        scene: Index of each agent's scene, ascending; within a scene agents are in the order of their ids.
        category: As last known.
        is_ego: The recording vehicle.
        size_m: Length and width as last known; zero where they never were.
        xyz_m: Box centres.
        heading_rad: Zero with ``heading_valid`` False where there is none.
        heading_valid: The heading was known.
        valid: The sample was known.
        frame_rows: Rows of the drive's scene features for k cameras and f slots, oldest first; -1: no frame.
        frame_times_ns: When these frames were taken; none is later than the forecast time.
    """

    t0_ns: Int[np.ndarray, " b"]
    times_ns: Int[np.ndarray, "b m"]
    scene: Int[np.ndarray, " n"]
    category: Int[np.ndarray, " n"]
    is_ego: Bool[np.ndarray, " n"]
    size_m: Float[np.ndarray, "n 2"]
    xyz_m: Float[np.ndarray, "n m 3"]
    heading_rad: Float[np.ndarray, "n m"]
    heading_valid: Bool[np.ndarray, "n m"]
    valid: Bool[np.ndarray, "n m"]
    frame_rows: Int[np.ndarray, "b k f"]
    frame_times_ns: Int[np.ndarray, "b k f"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What came after the forecast times: h window steps of the same n agents, in world coordinates."""

    xy_m: Float[np.ndarray, "n h 2"]
    heading_rad: Float[np.ndarray, "n h"]
    valid: Bool[np.ndarray, "n h"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A drive cut at forecast times.

    Attributes:
        history: What was known.
        recorded: What came after.
        agent: Per agent, index into ``agent_ids``.
        agent_ids: Of all tracks of the drive.
    """

    history: History
    recorded: Recorded
    agent: Int[np.ndarray, " n"]
    agent_ids: tuple[str, ...]


def forecast_steps(clean: CleanDrive, *, grid: Grid) -> Int[np.ndarray, " b"]:
    """The clean steps at which forecasts are made: from the drive's first to its last."""
    return np.arange(0, len(clean.step_times_ns), grid.every)


def cut(
    clean: CleanDrive, *, steps: Int[np.ndarray, " b"], features: SceneFeatures, config: WindowsConfig, grid: Grid
) -> Cut:
    """Cut a drive at forecast times.

    An agent is in a scene where a window step at most ``max_age_s`` before the forecast time was known by then:
    never because of anything later.

    Args:
        clean: The drive.
        steps: Clean steps of the forecast times, ascending.
        features: Of this drive.
        config: The frame slots.
        grid: The steps.

    Returns:
        All scenes, those without agents included.
    """
    table = _Table(clean)
    t0_ns = clean.step_times_ns[steps]
    agent, scene = table.candidates(steps, reach=(grid.num_recent - 1) * grid.stride)

    def admitted(agent: Int[np.ndarray, " n"], scene: Int[np.ndarray, " n"], back: Int[np.ndarray, " m"]) -> np.ndarray:
        rows = table.rows(agent, steps[scene, None] - back)
        return np.where((rows >= 0) & (table.known_at_ns[rows] <= t0_ns[scene, None]), rows, -1)

    present = (admitted(agent, scene, np.arange(grid.num_recent) * grid.stride) >= 0).any(axis=1)
    agent, scene = agent[present], scene[present]

    num_history = max(grid.num_window_history, grid.num_frame_history if len(clean.frames) else 1)
    back = np.arange(num_history)[::-1]
    rows = admitted(agent, scene, back)
    valid = rows >= 0
    latest = rows[np.arange(len(rows)), num_history - 1 - np.argmax(valid[:, ::-1], axis=1)]
    heading_rad = table.heading_rad[rows]
    heading_valid = valid & np.isfinite(heading_rad)
    frame_rows, frame_times_ns = _frame_slots(features, t0_ns, config=config)
    history = History(
        t0_ns=t0_ns,
        times_ns=_times(clean, steps[:, None] - back),
        scene=scene,
        category=table.category[latest],
        is_ego=table.is_ego[latest],
        size_m=np.nan_to_num(table.size_m[latest]),
        xyz_m=np.where(valid[..., None], table.xyz_m[rows], 0.0),
        heading_rad=np.where(heading_valid, heading_rad, 0.0),
        heading_valid=heading_valid,
        valid=valid,
        frame_rows=frame_rows,
        frame_times_ns=frame_times_ns,
    )

    ahead = (1 + np.arange(grid.num_future)) * grid.stride
    rows = table.rows(agent, steps[scene, None] + ahead)
    valid = rows >= 0
    recorded = Recorded(
        xy_m=np.where(valid[..., None], table.xyz_m[rows, :2], 0.0),
        heading_rad=np.where(valid, np.nan_to_num(table.heading_rad[rows]), 0.0),
        valid=valid,
    )
    return Cut(history=history, recorded=recorded, agent=agent, agent_ids=table.agent_ids)


class _Table:
    """Columns of the clean table with one more row of nothing at their end, which row -1 finds.

    Rows are looked up through one array over every agent's own span of steps, so that long drives with many
    short tracks cost no more than their rows.
    """

    def __init__(self, clean: CleanDrive) -> None:
        tracks = clean.tracks
        agent_id = tracks["agent_id"].to_numpy(dtype=object)
        step = tracks["step"].to_numpy(np.int64)
        starts = np.flatnonzero(np.r_[True, agent_id[1:] != agent_id[:-1]]) if len(step) else np.zeros(0, np.int64)
        ends = np.r_[starts[1:], len(step)][: len(starts)]
        self.agent_ids: tuple[str, ...] = tuple(agent_id[starts])
        assert list(self.agent_ids) == sorted(set(self.agent_ids)), "the clean table is sorted by agent"
        self.first, self.last = step[starts], step[ends - 1]
        spans = self.last - self.first + 1
        self.base = np.cumsum(spans) - spans
        self.row_at = np.full(spans.sum() + 1, -1)
        of_row = np.repeat(np.arange(len(starts)), ends - starts)
        slots = self.base[of_row] + step - self.first[of_row]
        assert (np.diff(slots) > 0).all(), "the clean table is sorted by step, without duplicates"
        self.row_at[slots] = np.arange(len(step))

        def padded(columns: list[str], dtype: type) -> np.ndarray:
            values = tracks[columns].to_numpy(dtype)
            return np.concatenate([values, np.zeros((1, len(columns)), dtype)])

        self.known_at_ns = padded(["known_at_ns"], np.int64)[:, 0]
        self.category = padded(["category"], np.int8)[:, 0]
        self.is_ego = padded(["is_ego"], np.bool_)[:, 0]
        self.xyz_m = padded(["x_m", "y_m", "z_m"], np.float64)
        self.heading_rad = padded(["heading_rad"], np.float64)[:, 0]
        self.size_m = padded(["length_m", "width_m"], np.float64)

    def candidates(
        self, steps: Int[np.ndarray, " b"], *, reach: int
    ) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """(agent, scene) of every agent whose span comes within ``reach`` before a forecast step, by scene."""
        low = np.searchsorted(steps, self.first)
        count = np.searchsorted(steps, self.last + reach, side="right") - low
        agent = np.repeat(np.arange(len(count)), count)
        scene = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(count.sum())
        order = np.argsort(scene, kind="stable")
        return agent[order], scene[order]

    def rows(self, agent: Int[np.ndarray, " n"], step: Int[np.ndarray, "n m"]) -> Int[np.ndarray, "n m"]:
        """Table row of each agent at each step, or -1."""
        inside = (step >= self.first[agent, None]) & (step <= self.last[agent, None])
        return self.row_at[np.where(inside, (self.base - self.first)[agent, None] + step, -1)]


def _times(clean: CleanDrive, steps: Int[np.ndarray, "b m"]) -> Int[np.ndarray, "b m"]:
    """Times of steps; before the drive's first one they go on at the nominal rate."""
    before = np.rint(np.minimum(steps, 0) * (_S_TO_NS / clean.rate_hz)).astype(np.int64)
    return clean.step_times_ns[np.maximum(steps, 0)] + before


def _frame_slots(
    features: SceneFeatures, t0_ns: Int[np.ndarray, " b"], *, config: WindowsConfig
) -> tuple[Int[np.ndarray, "b k f"], Int[np.ndarray, "b k f"]]:
    """Rows and times of the latest frames by each slot's time, oldest slot first."""
    back_s = np.arange(config.num_frames)[::-1] * config.frame_spacing_s
    slots_ns = t0_ns[:, None] - np.rint(back_s * _S_TO_NS).astype(np.int64)
    rows = latest_frames(features, slots_ns.reshape(-1), max_age_s=config.frame_spacing_s)
    times = frame_times(features, rows)
    assert (times[rows >= 0] <= np.broadcast_to(slots_ns.reshape(-1), rows.shape)[rows >= 0]).all()
    shape = {"b": len(t0_ns), "f": config.num_frames}
    return rearrange(rows, "k (b f) -> b k f", **shape), rearrange(times, "k (b f) -> b k f", **shape)
