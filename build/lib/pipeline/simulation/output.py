"""SUMO's outputs, read: where everyone was, and what the signals showed."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from pipeline.simulation.recording import AGENT_COLUMNS, SIGNAL_COLUMNS
from pipeline.simulation.vehicles import RoadUser

_MS_TO_NS: Final = 1_000_000
_RIGHT, _LEFT = 1, 2  # bits of SUMO's vehicle signals (docs: TraCI/Vehicle_Signalling)
_STANDING_MPS: Final = 0.3
_BRAKE_MEMORY_S: Final = 0.5


def read_agents(vehicles: Path, persons: Path, *, users: dict[str, RoadUser]) -> pd.DataFrame:
    """Every road user at every step, with ``AGENT_COLUMNS``; the time is SUMO's own.

    Args:
        vehicles: SUMO's floating car data as CSV.
        persons: The same of the pedestrians; it may be empty.
        users: By id.
    """
    tables = [_read(vehicles, "vehicle"), _read(persons, "person")]
    table = pd.concat([one for one in tables if len(one) > 0], ignore_index=True)
    user = pd.DataFrame.from_records(
        [(user.name, user.category, user.length_m, user.width_m, user.height_m) for user in users.values()],
        columns=["agent_id", "category", "length_m", "width_m", "height_m"],
    ).set_index("agent_id")
    table = table.join(user, on="agent_id")
    heading_rad = np.pi / 2 - np.deg2rad(table["angle"].to_numpy())  # clockwise from north -> counter-clockwise from +x
    heading_rad = np.pi - (np.pi - heading_rad) % (2 * np.pi)
    back_m = table["length_m"].to_numpy() / 2  # SUMO's position is the middle of the front
    table["x_m"] = table["x"] - back_m * np.cos(heading_rad)
    table["y_m"] = table["y"] - back_m * np.sin(heading_rad)
    table["heading_rad"] = heading_rad
    table = table.sort_values(["timestamp_ns", "agent_id"], ignore_index=True)
    return table[list(AGENT_COLUMNS)].astype(AGENT_COLUMNS)


def _read(path: Path, kind: str) -> pd.DataFrame:
    if path.stat().st_size == 0:
        return pd.DataFrame()
    raw = pd.read_csv(path, sep=";")
    if f"{kind}_id" not in raw.columns:  # nobody of this kind: SUMO writes the times alone
        return pd.DataFrame()
    raw = raw.rename(columns=lambda name: name.removeprefix(f"{kind}_"))
    table = raw[["x", "y", "angle"]].copy()
    table["timestamp_ns"] = (raw["timestep_time"] * 1000).round().astype("int64") * _MS_TO_NS
    table["agent_id"] = raw["id"]
    table["speed_mps"] = raw["speed"]
    if kind == "vehicle":
        lights = raw["signals"].astype("int64")
        table["accel_mps2"] = raw["acceleration"]
        table["left"], table["right"] = (lights & _LEFT) > 0, (lights & _RIGHT) > 0
        table["brake"] = _brakes(table)
        table["lane_id"] = raw["lane"]
    else:
        table["brake"] = table["left"] = table["right"] = False
        table["accel_mps2"] = _acceleration(table)
        table["lane_id"] = raw["edge"] + "_0"  # a sidewalk is the rightmost lane, the others are alone
    return table


def _brakes(table: pd.DataFrame) -> pd.Series:
    """Who has the brake light on: who stands, or has lately slowed down by more than drag and engine do.

    SUMO's own brake light goes on at 3 m/s^2 only where a car drives at 20 m/s, and flickers where one creeps.
    """
    groups = table.groupby("agent_id", sort=False)
    step_s = groups["timestamp_ns"].diff().median() / 1e9
    num_steps = max(1, round(_BRAKE_MEMORY_S / step_s)) if step_s > 0 else 1
    lately_mps2 = groups["accel_mps2"].rolling(num_steps, min_periods=1).mean().droplevel(0)
    coasting_mps2 = 0.4 + 0.0006 * table["speed_mps"] ** 2
    return (table["speed_mps"] < _STANDING_MPS) | (lately_mps2.reindex(table.index) < -coasting_mps2)


def _acceleration(table: pd.DataFrame) -> pd.Series:
    """Of pedestrians, whom SUMO gives none: the change of speed since the step before."""
    groups = table.groupby("agent_id", sort=False)
    change = groups["speed_mps"].diff() / (groups["timestamp_ns"].diff() / 1e9)
    return change.fillna(0.0)


def read_signals(paths: list[Path]) -> pd.DataFrame:
    """The state of every signal at every step, with ``SIGNAL_COLUMNS``; the time is SUMO's own.

    Args:
        paths: One file of SUMO's ``SaveTLSStates`` for each traffic light.
    """
    rows: list[tuple[int, str, str]] = []
    for path in paths:
        for state in ElementTree.parse(path).getroot().iter("tlsState"):  # noqa: S314  (SUMO's own output)
            timestamp_ns = round(float(state.attrib["time"]) * 1000) * _MS_TO_NS
            light = state.attrib["id"]
            rows += [(timestamp_ns, f"{light}:{link}", letter) for link, letter in enumerate(state.attrib["state"])]
    table = pd.DataFrame.from_records(rows, columns=list(SIGNAL_COLUMNS)).astype(SIGNAL_COLUMNS)
    return table.sort_values(["timestamp_ns", "signal_id"], ignore_index=True)
