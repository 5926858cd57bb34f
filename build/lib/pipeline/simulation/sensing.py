"""What the ego's recording holds of the traffic around it: what it can see, measured with noise, in tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pipeline.drives.drive import TRACK_COLUMNS
from pipeline.drives.words import EGO, categories_of
from pipeline.simulation.detection import detectability, follow
from pipeline.simulation.noise import draw, heading_error, position_error, size_factor
from pipeline.simulation.occlusion import Boxes, footprints, view
from pipeline.simulation.recording import Recording
from pipeline.simulation.scenery import Building, Scenery

SENSOR_OVER_ROOF_M: Final = 0.25
_SEEN_PAST: Final = ("pedestrian", "bicycle", "motorcycle")  # too thin to hide anybody
_GRIDDED: Final = ("x_m", "y_m", "heading_rad", "speed_mps")
_SIZES: Final = ("length_m", "width_m", "height_m")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensed:
    """What a recording would hold, and what each of its rows really is.

    Attributes:
        tracks: With ``TRACK_COLUMNS``, by time and then track.
        agent_ids: The true agent of each row.
        shares: The share of it that was to be seen; 1 for the ego.
    """

    tracks: pd.DataFrame
    agent_ids: list[str]
    shares: Float[np.ndarray, " r"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Truth:
    """The agents of a recording on a grid of steps and agents; agents are numbered as they first appear."""

    times_ns: Int[np.ndarray, " s"]
    ids: list[str]
    words: list[str]
    ego: int
    there: Bool[np.ndarray, "s a"]
    x_m: Float[np.ndarray, "s a"]  # 0 where it is not there, as the next ones
    y_m: Float[np.ndarray, "s a"]
    heading_rad: Float[np.ndarray, "s a"]
    speed_mps: Float[np.ndarray, "s a"]
    size_m: Float[np.ndarray, "a 3"]  # length, width, height: those of its first step

    @property
    def distance_m(self) -> Float[np.ndarray, "s a"]:
        """Between the box centres of an agent and of the ego."""
        ego = slice(self.ego, self.ego + 1)
        return np.hypot(self.x_m - self.x_m[:, ego], self.y_m - self.y_m[:, ego])


def sense(recording: Recording, scenery: Scenery, *, range_m: float, seed: int) -> Sensed:
    """Record a drive as its ego would.

    An agent out of range, or too little of it in sight past other vehicles and buildings, is missing; so is one in
    a drop-out of the detector. Positions and headings have noise; sizes are taken wrongly by a few per cent, once
    per track. A short gap keeps a track, a long one ends it. Track ids are numbers in the order of appearance. What
    is recorded up to a time is the same whatever happens later.

    Args:
        recording: The truth.
        scenery: What stands beside the roads.
        range_m: Agents with their centre farther from the ego's are out of range.
        seed: Of noise and drop-outs.
    """
    truth = _grid(recording)
    num_steps, num_agents = truth.there.shape
    draws = draw(seed, num_steps=num_steps, num_agents=num_agents, rate_hz=recording.rate_hz)
    share, width_rad = _look(truth, scenery, range_m=range_m)
    detectable = detectability(share, width_rad=width_rad, height_m=truth.size_m[:, 2], distance_m=truth.distance_m)
    tracks = follow(detectable, draws=draws, rate_hz=recording.rate_hz)
    is_ego = np.arange(num_agents) == truth.ego
    tracks[:, truth.ego] = 1
    share[:, truth.ego] = 1.0

    off_m = position_error(draws, distance_m=truth.distance_m, is_ego=is_ego)
    off_rad = heading_error(
        draws,
        speed_mps=truth.speed_mps,
        is_ego=is_ego,
        is_pedestrian=np.array([word == "pedestrian" for word in truth.words]),
    )
    step, agent = np.nonzero(tracks)
    ids, size_m = _name(tracks[step, agent], step=step, agent=agent, truth=truth, seed=seed)
    heading = truth.heading_rad[step, agent] + off_rad[step, agent]
    words = [EGO if a == truth.ego else truth.words[a] for a in agent]
    table = pd.DataFrame(
        {
            "source_row": np.arange(1, len(step) + 1),
            "timestamp_ns": truth.times_ns[step],
            "track_id": [EGO if i == 0 else str(i) for i in ids],
            "category": categories_of(words)[0],
            "raw_category": words,
            "is_ego": agent == truth.ego,
            # To the millimetre and a tenth of a milliradian, as recordings are: the tables stay small.
            "x_m": (truth.x_m[step, agent] + off_m[step, agent, 0]).round(3),
            "y_m": (truth.y_m[step, agent] + off_m[step, agent, 1]).round(3),
            "z_m": (size_m[:, 2] / 2.0).round(3),
            "heading_rad": (np.pi - (np.pi - heading) % (2.0 * np.pi)).round(4),
            **dict(zip(_SIZES, size_m.round(2).T, strict=True)),
        }
    )
    order = np.lexsort((ids, step))
    ordered = table[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS).iloc[order].reset_index(drop=True)
    ordered["source_row"] = np.arange(1, len(ordered) + 1)
    return Sensed(tracks=ordered, agent_ids=[truth.ids[a] for a in agent[order]], shares=share[step, agent][order])


def _grid(recording: Recording) -> _Truth:
    agents = recording.agents
    step, times_ns = pd.factorize(agents["timestamp_ns"])
    agent, ids = pd.factorize(agents["agent_id"])
    first = np.unique(agent, return_index=True)[1]
    there = np.zeros((len(times_ns), len(ids)), bool)
    there[step, agent] = True
    values: dict[str, Float[np.ndarray, "s a"]] = {}
    for name in _GRIDDED:
        values[name] = np.zeros(there.shape)
        values[name][step, agent] = agents[name]
    ego = list(ids).index(recording.ego_id)
    assert there[:, ego].all(), "the ego is not there at every step"
    return _Truth(
        times_ns=np.asarray(times_ns),
        ids=list(ids),
        words=agents["category"].iloc[first].tolist(),
        ego=ego,
        there=there,
        size_m=agents[list(_SIZES)].iloc[first].to_numpy(),
        **values,
    )


def _look(
    truth: _Truth, scenery: Scenery, *, range_m: float
) -> tuple[Float[np.ndarray, "s a"], Float[np.ndarray, "s a"]]:
    """The visible share of each agent and the angle that it takes (rad); 0 where it is out of range."""
    blocks = _blocks(scenery.buildings)
    near = truth.there & (truth.distance_m <= range_m)
    near[:, truth.ego] = False
    hides = np.array([word not in _SEEN_PAST for word in truth.words])
    share, width_rad = np.zeros(near.shape), np.zeros(near.shape)
    for step, present in enumerate(near):
        (who,) = np.nonzero(present)
        here = np.array([truth.x_m[step, truth.ego], truth.y_m[step, truth.ego]])
        corners = footprints(
            np.stack([truth.x_m[step, who], truth.y_m[step, who]], axis=1),
            heading_rad=truth.heading_rad[step, who],
            length_m=truth.size_m[who, 0],
            width_m=truth.size_m[who, 1],
        )
        beside = np.hypot(*np.moveaxis(blocks.corners_m - here, -1, 0)).min(axis=1, initial=np.inf) <= range_m
        views = view(
            Boxes(
                corners_m=np.concatenate([corners, blocks.corners_m[beside]]),
                height_m=np.concatenate([truth.size_m[who, 2], blocks.height_m[beside]]),
                hides=np.concatenate([hides[who], blocks.hides[beside]]),
            ),
            sensor_m=np.array([*here, truth.size_m[truth.ego, 2] + SENSOR_OVER_ROOF_M]),
        )
        share[step, who], width_rad[step, who] = views.share[: len(who)], views.width_rad[: len(who)]
    return share, width_rad


def _blocks(buildings: tuple[Building, ...]) -> Boxes:
    return Boxes(
        corners_m=np.array([b.corners_m for b in buildings]).reshape(-1, 4, 2),
        height_m=np.array([b.height_m for b in buildings], dtype=np.float64),
        hides=np.ones(len(buildings), bool),
    )


def _name(
    track: Int[np.ndarray, " r"],
    *,
    step: Int[np.ndarray, " r"],
    agent: Int[np.ndarray, " r"],
    truth: _Truth,
    seed: int,
) -> tuple[Int[np.ndarray, " r"], Float[np.ndarray, "r 3"]]:
    """The number of each row's track in the order of appearance, and the size that it is taken for.

    Tracks that appear together are ordered by distance: the true ids stay out of it. The ego is number 0.
    """
    keys = agent * (track.max() + 1) + track
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.lexsort((truth.distance_m[step[first], agent[first]], step[first], agent[first] != truth.ego))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    factor = np.array(
        [
            np.ones(3) if a == truth.ego else size_factor(seed, agent=int(a), track=int(t))
            for a, t in zip(agent[first], track[first], strict=True)
        ]
    )
    return number[which], (factor[which] * truth.size_m[agent]).clip(0.1)
