"""A hand-made recording: a straight road, a signalised junction and a few agents of every category.

The main road runs along x, with two lanes each way (3.2 m wide, centres at y = -1.6 and -4.8 eastbound, +1.6 and
+4.8 westbound) and sidewalks at y = +-7.4. A road along y crosses it at x = 60. Eastbound traffic stops at x = 46,
before a crossing for pedestrians at x = 48.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.simulation.recording import AGENT_COLUMNS, SIGNAL_COLUMNS, Lane, Network, Recording, Signal

LANE_WIDTH_M = 3.2
STATES = ("r", "u", "G", "y")  # of the eastbound signals, each for five steps
# agent_id, category, (x, y) at the start, heading in degrees, speed, (length, width, height), lane
AGENTS = (
    ("bicycle", "bicycle", (18.0, -5.8), 0.0, 3.0, (1.8, 0.65, 1.7), "east_in_0"),
    ("bus", "bus", (110.0, 4.8), 180.0, 8.0, (12.0, 2.5, 3.4), "west_in_0"),
    ("car", "car", (14.0, -1.6), 0.0, 9.0, (4.6, 1.8, 1.5), "east_in_1"),
    ("ego", "car", (0.0, -1.6), 0.0, 10.0, (4.6, 1.8, 1.5), "east_in_1"),
    ("hidden", "car", (41.0, -5.3), 0.0, 0.0, (4.6, 1.8, 1.5), "east_in_0"),
    ("motorcycle", "motorcycle", (30.0, 1.6), 180.0, 11.0, (2.2, 0.9, 1.5), "west_out_1"),
    ("pedestrian", "pedestrian", (48.0, -5.0), 90.0, 1.4, (0.5, 0.5, 1.75), "crossing"),
    ("truck", "truck", (30.0, -4.8), 0.0, 0.0, (7.1, 2.4, 3.0), "east_in_0"),
    ("van", "van", (60.0, 25.0), -90.0, 6.0, (5.2, 2.0, 2.2), "north_in_0"),
)


def made_up_recording(*, num_steps: int = 20, rate_hz: float = 10.0) -> Recording:
    """Everyone keeps their speed and heading; the ego drives along +x from the origin.

    At the first step the standing truck hides the car "hidden" from the ego.
    """
    network = made_up_network()
    times_ns = (np.arange(num_steps) * (1e9 / rate_hz)).round().astype(np.int64)
    rows = [
        _row(agent, step, rate_hz) | {"timestamp_ns": time} for step, time in enumerate(times_ns) for agent in AGENTS
    ]
    signals = [
        {"timestamp_ns": time, "signal_id": signal.signal_id, "state": _state(signal, step)}
        for step, time in enumerate(times_ns)
        for signal in sorted(network.signals, key=lambda signal: signal.signal_id)
    ]
    return Recording(
        world="crossing",
        network=network,
        rate_hz=rate_hz,
        ego_id="ego",
        agents=pd.DataFrame(rows)[list(AGENT_COLUMNS)].astype(AGENT_COLUMNS),
        signals=pd.DataFrame(signals)[list(SIGNAL_COLUMNS)].astype(SIGNAL_COLUMNS),
    )


def made_up_network() -> Network:
    """The roads of the module's docstring."""
    lanes = [
        _strip(f"{way}_{part}_{index}", ends=ends, offset_m=1.6 + 3.2 * (1 - index), index=index)
        for way, part, ends in (
            ("east", "in", ((-150.0, 0.0), (46.0, 0.0))),
            ("east", "out", ((74.0, 0.0), (250.0, 0.0))),
            ("west", "in", ((250.0, 0.0), (74.0, 0.0))),
            ("west", "out", ((46.0, 0.0), (-150.0, 0.0))),
        )
        for index in (0, 1)
    ]
    lanes += [
        _strip(f"{way}_{part}_0", ends=ends, offset_m=1.6, index=0)
        for way, part, ends in (
            ("north", "in", ((60.0, 120.0), (60.0, 14.0))),
            ("north", "out", ((60.0, -14.0), (60.0, -120.0))),
            ("south", "in", ((60.0, -120.0), (60.0, -14.0))),
            ("south", "out", ((60.0, 14.0), (60.0, 120.0))),
        )
    ]
    lanes += [
        _strip(f":j_{index}", ends=((46.0, y), (74.0, y)), kind="junction") for index, y in enumerate((-4.8, -1.6))
    ]
    walks = (
        ((-150.0, -7.4), (46.0, -7.4)),
        ((-150.0, 7.4), (46.0, 7.4)),
        ((74.0, -7.4), (250.0, -7.4)),
        ((74.0, 7.4), (250.0, 7.4)),
        ((55.8, 14.0), (55.8, 120.0)),
        ((64.2, 14.0), (64.2, 120.0)),
        ((55.8, -14.0), (55.8, -120.0)),
        ((64.2, -14.0), (64.2, -120.0)),
    )
    lanes += [_strip(f"walk_{index}", ends=ends, kind="walk", width_m=2.0) for index, ends in enumerate(walks)]
    lanes.append(_strip("crossing", ends=((48.0, -6.4), (48.0, 6.4)), kind="crossing", width_m=3.0))
    signals = (
        Signal(signal_id="j:0", lane_id="east_in_0", stop_m=np.array([46.0, -4.8]), heading_rad=0.0, turn="s"),
        Signal(signal_id="j:1", lane_id="east_in_1", stop_m=np.array([46.0, -1.6]), heading_rad=0.0, turn="s"),
        Signal(signal_id="j:2", lane_id="east_in_1", stop_m=np.array([46.0, -1.6]), heading_rad=0.0, turn="l"),
        Signal(signal_id="j:3", lane_id="north_in_0", stop_m=np.array([58.4, 14.0]), heading_rad=-np.pi / 2, turn="s"),
        Signal(signal_id="j:4", lane_id="crossing", stop_m=np.array([48.0, -6.4]), heading_rad=np.pi / 2, turn="s"),
    )
    junction_m = np.array(
        [(46, -8.4), (54.8, -14), (65.2, -14), (74, -8.4), (74, 8.4), (65.2, 14), (54.8, 14), (46, 8.4)],
        dtype=np.float64,
    )
    return Network(lanes=tuple(lanes), signals=signals, junctions_m=(junction_m,))


def _strip(lane_id, *, ends, offset_m=0.0, index=0, kind="road", width_m=LANE_WIDTH_M) -> Lane:
    """A straight lane, ``offset_m`` to the right of the line between the ends."""
    ends_m = np.array(ends)
    along = (ends_m[1] - ends_m[0]) / np.linalg.norm(ends_m[1] - ends_m[0])
    right = np.array([along[1], -along[0]])
    centre_m = ends_m + offset_m * right
    half = width_m / 2 * right
    return Lane(
        lane_id=lane_id,
        edge_id=lane_id.rpartition("_")[0] if kind == "road" else lane_id,
        index=index,
        kind=kind,
        centre_m=centre_m,
        outline_m=np.array([centre_m[0] + half, centre_m[1] + half, centre_m[1] - half, centre_m[0] - half]),
        width_m=width_m,
        speed_mps=13.9,
    )


def _row(agent, step: int, rate_hz: float) -> dict[str, object]:
    agent_id, category, start_m, heading_deg, speed_mps, size_m, lane_id = agent
    heading_rad = np.radians(heading_deg)
    way_m = speed_mps * step / rate_hz
    return {
        "agent_id": agent_id,
        "category": category,
        "x_m": start_m[0] + way_m * np.cos(heading_rad),
        "y_m": start_m[1] + way_m * np.sin(heading_rad),
        "heading_rad": heading_rad,
        "speed_mps": speed_mps,
        "accel_mps2": 0.0,
        **dict(zip(("length_m", "width_m", "height_m"), size_m, strict=True)),
        "brake": agent_id == "truck",
        "left": agent_id == "car",
        "right": agent_id == "truck",
        "lane_id": lane_id,
    }


def _state(signal: Signal, step: int) -> str:
    return STATES[step // 5 % 4] if signal.heading_rad == 0.0 else "r"
