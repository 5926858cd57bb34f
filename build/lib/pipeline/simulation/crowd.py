"""All agents of a recording but the ego, ready to be drawn at any of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.simulation.bodies import body
from pipeline.simulation.detail import detail_at
from pipeline.simulation.faces import Bodies
from pipeline.simulation.palettes import palette_of, switch_lights
from pipeline.simulation.recording import Recording
from pipeline.simulation.weather import Weather

_STRIDE_M: Final = 0.38  # a quarter of a pedestrian's double step


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprints:
    """Where the agents of one step stand.

    Attributes:
        rows: Of the crowd's table.
        corners_m: Of their boxes, counter-clockwise.
        heights_m: Of their boxes.
    """

    rows: Int[np.ndarray, " n"]
    corners_m: Float[np.ndarray, "n 4 2"]
    heights_m: Float[np.ndarray, " n"]

    def places_m(self) -> Float[np.ndarray, "n 2"]:
        """Their middles."""
        return self.corners_m.mean(axis=1)


class Crowd:
    """The agents' table as arrays."""

    def __init__(self, recording: Recording, *, seed: int) -> None:
        agents = recording.agents
        self._times_ns = agents["timestamp_ns"].to_numpy()
        self._categories = agents["category"].to_list()
        self._is_ego = (agents["agent_id"] == recording.ego_id).to_numpy()
        self._places_m = agents[["x_m", "y_m"]].to_numpy()
        self._headings_rad = agents["heading_rad"].to_numpy()
        self._sizes_m = agents[["length_m", "width_m", "height_m"]].to_numpy().round(2)
        self._speeds_mps = agents["speed_mps"].to_numpy()
        self._lights = agents[["brake", "left", "right"]].to_numpy(dtype=np.bool_)
        ids, first, self._whose = np.unique(
            agents["agent_id"].to_numpy(dtype=str), return_index=True, return_inverse=True
        )
        # By its own name, so that an agent's looks do not depend on who else is there.
        self._phases = np.array([crc32(agent_id.encode()) % 4 for agent_id in ids])  # whoever else is there
        self._palettes = np.stack(
            [
                palette_of(self._categories[row], rng=np.random.default_rng([seed, 0xC0, crc32(agent_id.encode())]))
                for agent_id, row in zip(ids.tolist(), first.tolist(), strict=True)
            ]
        )

    def ego(self, timestamp_ns: int) -> tuple[Float[np.ndarray, "2"], float]:
        """Place and heading of the ego."""
        rows = self._rows(timestamp_ns)
        (row,) = rows[self._is_ego[rows]]
        return self._places_m[row], float(self._headings_rad[row])

    def path_m(self) -> Float[np.ndarray, "p 2"]:
        """The ego's way."""
        return self._places_m[self._is_ego]

    def footprints(self, timestamp_ns: int) -> Footprints:
        """All agents but the ego at one step."""
        rows = self._rows(timestamp_ns)
        rows = rows[~self._is_ego[rows]]
        cos, sin = np.cos(self._headings_rad[rows]), np.sin(self._headings_rad[rows])
        along = np.column_stack([cos, sin]) * self._sizes_m[rows, :1] / 2
        left = np.column_stack([-sin, cos]) * self._sizes_m[rows, 1:2] / 2
        corners = np.stack([-along - left, along - left, along + left, left - along], axis=1)
        corners_m = self._places_m[rows, None, :] + corners
        return Footprints(rows=rows, corners_m=corners_m, heights_m=self._sizes_m[rows, 2])

    def bodies(
        self,
        rows: Int[np.ndarray, " n"],
        *,
        timestamp_ns: int,
        distances_m: Float[np.ndarray, " n"],
        light: Float[np.ndarray, " n"],
        weather: Weather,
    ) -> Bodies:
        """The bodies of some rows of ``footprints``."""
        phases = self._phases[self._whose[rows]]
        strides = (self._speeds_mps[rows] * timestamp_ns * 1e-9 / _STRIDE_M + phases).astype(int) % 4
        strides[self._speeds_mps[rows] < 0.2] = 0
        sizes = [(length, width, height) for length, width, height in self._sizes_m[rows].tolist()]
        meshes = [
            body(self._categories[row], size_m=size, detail=detail_at(distance), stride=stride)
            for row, size, distance, stride in zip(rows, sizes, distances_m.tolist(), strides.tolist(), strict=True)
        ]
        colours = self._palettes[self._whose[rows]]
        brake, left, right = self._lights[rows].T
        shining: Bool[np.ndarray, "n roles"] = switch_lights(
            colours, brake=brake, left=left, right=right, timestamp_ns=timestamp_ns, weather=weather
        )
        return Bodies(
            meshes=meshes,
            places_m=self._places_m[rows],
            headings_rad=self._headings_rad[rows],
            colours=colours,
            shining=shining,
            light=light,
        )

    def _rows(self, timestamp_ns: int) -> Int[np.ndarray, " n"]:
        start, end = np.searchsorted(self._times_ns, [timestamp_ns, timestamp_ns + 1])
        if start == end:
            raise ValueError(f"timestamp_ns: {timestamp_ns} is not a step of the recording")
        return np.arange(start, end)
